"""The gradient's path through time: what the loss would change by, were the output of a recurrent layer to change.

Each time step of a layer gets a zero added to its output, in what it puts out and in what it hands to the next step
alike. The gradient by that zero is dL/dh_t.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from paramedic.describe.jax.graph import Node
from paramedic.describe.jax.recurrence import Recurrence

MAX_LAYERS = 16


def zeros_for(recurrence: Recurrence) -> Any:
    """What is added to a layer's output: zeros [time, ...], of the output's shape."""
    state = recurrence.state
    return jnp.zeros((recurrence.steps, *state.shape), state.dtype)


def perturbed_loop(layers: Sequence[Recurrence], zeros: Sequence[Any]) -> Callable[..., list[Any]]:
    """Returns what stands in for a scan.

    Args:
        layers: Those that it runs.
        zeros: What is added to the output of each.
    """
    node, body = layers[0].node, layers[0].body
    constants, carried = int(node.params["num_consts"]), int(node.params["num_carry"])

    def run(*inputs: Any) -> list[Any]:
        given, carry, scanned = (
            inputs[:constants],
            inputs[constants : constants + carried],
            inputs[constants + carried :],
        )

        def step(carry: Any, scanned: Any) -> Any:
            values, added = scanned
            changed = {
                body.outputs[layer.place]: lambda state, zero=zero: state + zero
                for layer, zero in zip(layers, added, strict=True)
            }
            known = body.evaluate([*given, *carry, *values], changed)
            outputs = [known[value] for value in body.outputs]
            return outputs[:carried], outputs[carried:]

        states, outputs = jax.lax.scan(
            step,
            list(carry),
            (list(scanned), list(zeros)),
            length=layers[0].steps,
            reverse=bool(node.params["reverse"]),
        )
        return [*states, *outputs]

    return run


def loops(layers: Sequence[tuple[Recurrence, Any]]) -> dict[Node, Callable[..., list[Any]]]:
    """Returns what stands in for each scan that runs one of some layers, each with what is added to its output."""
    by_node: dict[Node, list[tuple[Recurrence, Any]]] = {}
    for recurrence, zeros in layers:
        by_node.setdefault(recurrence.node, []).append((recurrence, zeros))
    return {node: perturbed_loop(*zip(*members, strict=True)) for node, members in by_node.items()}


def path_norms(gradient: Any, recurrence: Recurrence) -> Any:
    """Returns the norm of a gradient [time, ...] at each time step, in the order in which they are read, float32."""
    axes = tuple(range(1, gradient.ndim))
    norms = jnp.sqrt(jnp.sum(jnp.square(gradient.astype(jnp.float32)), axis=axes))
    return norms[::-1] if recurrence.node.params["reverse"] else norms

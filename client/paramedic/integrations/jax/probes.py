"""Probes: what a training cannot tell of itself as it goes, measured beside it on samples of its first batch.

A loss function is pure: computing it once more moves nothing and draws nothing, and the training cannot tell.
"""

import logging
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from paramedic.describe.jax.layers import Layer
from paramedic.describe.jax.recurrence import Recurrence
from paramedic.describe.jax.traced import TracedLoss
from paramedic.integrations.jax.activations import SIGNALS, statistics
from paramedic.integrations.jax.through_time import MAX_LAYERS as MAX_PATHS
from paramedic.integrations.jax.through_time import loops, path_norms, zeros_for
from paramedic.integrations.recorded import Probed
from paramedic.integrations.schedule import Schedule
from paramedic.integrations.time_steps import reported

_LOG = logging.getLogger("paramedic")

SHARE = 0.01
"""Of the training's time that probes may take."""

ALLOWANCE = 0.5
"""Seconds that they may take besides."""

MAX_LAYERS = 64

# Kinds that neither multiply nor normalise what they read.
_UNPROBED = frozenset({"Embedding"})


class Probes:
    """The probes of one loss function.

    Attributes:
        layers: Names of the layers whose activations are measured.
    """

    def __init__(self, traced: TracedLoss, order: Sequence[int]) -> None:
        """Prepares them; they are compiled when they first run.

        Args:
            traced: The loss function.
            order: Among the parameters that are trained, the place of each row of the tensor table.
        """
        self._traced = traced
        self._order = list(order)
        self._schedule = Schedule((1, 5, 20, 50), 100, SHARE, ALLOWANCE)
        self._schedule.begin()
        probed = [layer for layer in traced.layers if layer.kind not in _UNPROBED and _axes(traced, layer) is not None]
        if len(probed) > MAX_LAYERS:
            probed = [probed[position * (len(probed) - 1) // (MAX_LAYERS - 1)] for position in range(MAX_LAYERS)]
        self._layers = probed
        self.layers = [layer.name for layer in probed]
        self._recurrent = {layer.name: layer.recurrence for layer in traced.layers if layer.recurrence is not None}
        self._recurrent = dict(list(self._recurrent.items())[:MAX_PATHS])
        # What takes the most goes first; the next one is for where that fails.
        self._passes: list[Callable[[Any, Any], Any]] = [
            jax.jit(lambda params, arguments: self._measure(params, arguments, self._recurrent)),
            jax.jit(lambda params, arguments: self._measure(params, arguments, {})),
        ]
        self._compiled = False

    def due(self, step: int) -> bool:
        """Whether there is something to measure after a step."""
        return bool(self._passes) and self._schedule.due(step)

    def run(self, step: int, params: Sequence[Any]) -> Probed | None:
        """Measures what is due after a step; None when that cannot be measured.

        Args:
            step: The step.
            params: The arrays among the parameters, as the step left them.
        """
        began = time.perf_counter()
        measured = self._call(params)
        taken = time.perf_counter() - began
        # Compiling is paid once, whatever the schedule.
        self._schedule.ran(step, taken if self._compiled else 0.0)
        self._compiled = True
        if measured is None:
            return None
        probed = Probed(scalars={"probe_seconds": taken}, zero_shares=measured["zero_shares"][self._order])
        if self._layers:
            probed.layers = dict(zip(SIGNALS, measured["layers"].T, strict=True))
        for name, norms in measured["paths"].items():
            probed.paths[name] = reported(norms, np.ones(len(norms), np.bool_))
        return probed

    def _call(self, params: Sequence[Any]) -> Any:
        shapes = [value.shape for value in self._traced.graph.inputs[: len(params)]]
        while self._passes:
            try:
                here = [_local(leaf, shape) for leaf, shape in zip(params, shapes, strict=True)]
                return jax.device_get(self._passes[0](here, self._traced.arguments))
            except Exception:
                _LOG.debug("the loss function cannot be probed", exc_info=True)
                del self._passes[0]
        return None

    def _measure(self, params: Any, arguments: Any, recurrent: dict[str, Recurrence]) -> Any:
        """What is traced: "layers" [layers, signals], "zero_shares" [tensors], "paths" [time] by recurrent layer."""
        graph = self._traced.graph
        floating = [jnp.issubdtype(leaf.dtype, np.inexact) for leaf in params]

        def loss(wanted: Any, zeros: Any) -> Any:
            moving = iter(wanted)
            leaves = [next(moving) if moves else leaf for leaf, moves in zip(params, floating, strict=True)]
            given = [(recurrence, zeros[name]) for name, recurrence in recurrent.items()]
            known = graph.evaluate([*leaves, *arguments], instead=loops(given))
            measured = [self._statistics(layer, known) for layer in self._layers]
            return known[graph.outputs[0]], jax.lax.stop_gradient(measured)

        wanted = [leaf for leaf, moves in zip(params, floating, strict=True) if moves]
        zeros = {name: zeros_for(recurrence) for name, recurrence in recurrent.items()}
        (by_params, by_zeros), measured = jax.grad(loss, argnums=(0, 1), has_aux=True)(wanted, zeros)
        shares = [1 - jnp.count_nonzero(each) / max(1, math.prod(each.shape)) for each in by_params]
        return {
            "layers": jnp.stack(measured) if measured else jnp.zeros((0, len(SIGNALS))),
            "zero_shares": jnp.stack(shares).astype(jnp.float32),
            "paths": {name: path_norms(by_zeros[name], recurrence) for name, recurrence in recurrent.items()},
        }

    def _statistics(self, layer: Layer, known: Any) -> Any:
        axes = _axes(self._traced, layer)
        assert axes is not None
        measured_after = layer.after is not layer.output or layer.recurrence is not None
        return statistics(known[layer.after], layer.activation if measured_after else "", *axes)


def _axes(traced: TracedLoss, layer: Layer) -> tuple[int, int] | None:
    """The axes of units and samples in what a layer puts out; None where they are not known."""
    samples = traced.sample_axis(layer.after)
    if samples is None or samples == layer.unit_axis or not jnp.issubdtype(layer.after.dtype, jnp.floating):
        return None
    return layer.unit_axis, samples


def _local(leaf: Any, shape: tuple[int, ...]) -> Any:
    """What this process has of a parameter: all of it, or the copy on its first device.

    Raises:
        ValueError: It has a part only, and to fetch the others takes every process at once.
    """
    if not isinstance(leaf, jax.Array) or (leaf.shape == shape and leaf.is_fully_addressable):
        return leaf
    data = leaf.addressable_data(0)
    if data.size != math.prod(shape):
        raise ValueError(f"a parameter of shape {leaf.shape} is spread over processes")
    return data.reshape(shape)

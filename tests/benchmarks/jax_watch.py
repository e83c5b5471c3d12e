"""What measuring and reporting every step costs a loop in JAX, with no service listening."""

import json
import os
import tempfile
from collections.abc import Callable
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np
import optax
from pairs import over_builds, overhead

import paramedic
from paramedic.integrations.jax import measure as measured_step
from paramedic.integrations.jax import watch

FEATURES, CLASSES, BATCH = 8, 10, 32
SMALL = {"units": 64, "steps": 20, "batches": 300}
LARGE = {"units": 128, "steps": 50, "batches": 60}  # several times as long a step
BUILDS, OTHER_BUILDS = 12, 6
PAIRS = 5
NOBODY = "127.0.0.1:9"  # nothing listens on the port of the discard protocol

optimizer = optax.adam(0.001)


def measure() -> dict[str, float]:
    """Alternates loops that are watched with bare ones, in one process, compiled and warm.

    Returns:
        `jax_overhead` and so on, as `pairs.overhead` tells: of `measure` and a watch, without probes.
        `jax_all_signals_overhead` and so on: with probes, on their default schedule. `jax_large_overhead` and so on:
        without probes, where a step takes several times as long. `jax_items_overhead` and so on: of a hand-written
        `[float(jnp.linalg.norm(gradient)) for gradient in gradients]` and `float(loss)` at each step.
        `jax_bare_step_us` and so on: the time a step of the bare loop beside.
    """
    measured: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as spool:
        run = paramedic.init("benchmark", url=NOBODY, spool_dir=spool)
        for name, size, probes, builds in (
            ("jax", SMALL, False, BUILDS),
            ("jax_all_signals", SMALL, True, OTHER_BUILDS),
            ("jax_large", LARGE, False, OTHER_BUILDS),
        ):
            measured |= _compare(
                name, size, lambda bare, on=probes: Loop(bare.size, _norms, _reporting(run, bare, on)), builds
            )
        measured |= _compare(
            "jax_items", SMALL, lambda bare: Loop(bare.size, _gradients, _measured_by_hand), OTHER_BUILDS
        )
        run.finish(timeout=10)
    return measured


def _compare(name: str, size: dict[str, int], watched: "Callable[[Loop], Loop]", builds: int) -> dict[str, float]:
    """Times a loop beside the bare one."""

    def build() -> tuple[Callable[[], None], Callable[[], None]]:
        bare = Loop(size, _nothing, None)
        return bare.run, watched(bare).run

    times = over_builds(build, builds, PAIRS)
    step = float(np.median(times[:, 0, 0]) / size["batches"] * 1e6)
    return overhead(name, times) | {f"{name}_bare_step_us": step}


class Loop:
    """A training that goes on whenever it is run.

    Attributes:
        size: Units, time steps and batches.
        params: As the last step left them.
        batches: What it is trained on.
    """

    def __init__(
        self, size: dict[str, int], told: Callable[..., Any], take: Callable[[Any, Any, Any], Any] | None
    ) -> None:
        """Prepares it.

        Args:
            size: Units, time steps and batches.
            told: What the compiled step tells of its loss, gradients, parameters and updated parameters.
            take: Called after each step with its loss, what it told and the updated parameters.
        """
        self.size = size
        units = size["units"]
        rng = np.random.default_rng(0)
        self.params = {
            "lstm": {
                "kernel": _normal(rng, FEATURES, 4 * units),
                "recurrent_kernel": _normal(rng, units, 4 * units),
                "bias": jnp.zeros(4 * units),
            },
            "dense": {"kernel": _normal(rng, units, CLASSES), "bias": jnp.zeros(CLASSES)},
        }
        self._state = optimizer.init(self.params)
        x = rng.normal(size=(size["batches"], BATCH, size["steps"], FEATURES)).astype("float32")
        self.batches = [(jnp.asarray(each), jnp.asarray(rng.integers(0, CLASSES, BATCH))) for each in x]
        self._take = take

        def step(params: Any, state: Any, x: Any, y: Any) -> Any:
            loss, gradients = jax.value_and_grad(loss_fn)(params, x, y)
            updates, state = optimizer.update(gradients, state, params)
            updated = optax.apply_updates(params, updates)
            return updated, state, loss, told(loss, gradients, params, updated)

        self._step = jax.jit(step)

    def run(self) -> None:
        """Trains over all batches."""
        for x, y in self.batches:
            self.params, self._state, loss, told = self._step(self.params, self._state, x, y)
            if self._take is not None:
                self._take(loss, told, self.params)
        jax.block_until_ready(self.params)


def loss_fn(params: Any, x: Any, y: Any) -> Any:
    """Cross-entropy of an LSTM that is read at its last step."""
    lstm, dense = params["lstm"], params["dense"]

    def cell(carry: Any, inputs: Any) -> Any:
        cell, state = carry
        gates = inputs @ lstm["kernel"] + state @ lstm["recurrent_kernel"] + lstm["bias"]
        opened, kept, new, shown = jnp.split(gates, 4, -1)
        cell = jax.nn.sigmoid(kept) * cell + jax.nn.sigmoid(opened) * jnp.tanh(new)
        return (cell, jax.nn.sigmoid(shown) * jnp.tanh(cell)), None

    zeros = jnp.zeros((len(x), len(lstm["recurrent_kernel"])))
    (_, state), _ = jax.lax.scan(cell, (zeros, zeros), x.swapaxes(0, 1))
    logits = state @ dense["kernel"] + dense["bias"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


def _normal(rng: np.random.Generator, inputs: int, units: int) -> Any:
    return jnp.asarray(rng.normal(size=(inputs, units)) / inputs**0.5, jnp.float32)


def _nothing(loss: Any, gradients: Any, params: Any, updated: Any) -> Any:
    return ()


def _norms(loss: Any, gradients: Any, params: Any, updated: Any) -> Any:
    return measured_step(loss, gradients, params, updated)


def _gradients(loss: Any, gradients: Any, params: Any, updated: Any) -> Any:
    return jax.tree.leaves(gradients)


def _reporting(run: Any, bare: Loop, probes: bool) -> Callable[[Any, Any, Any], Any]:
    watching = watch(run, loss_fn, bare.params, *bare.batches[0], optimizer=optimizer, probes=probes)
    return lambda loss, told, params: watching.log(told, params=params)


def _measured_by_hand(loss: Any, told: Any, params: Any) -> Any:
    return float(loss), [float(jnp.linalg.norm(gradient)) for gradient in told]


if __name__ == "__main__":
    print(json.dumps(measure()))

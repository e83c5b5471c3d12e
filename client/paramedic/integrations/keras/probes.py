"""Probes: what a training cannot tell of itself as it goes, measured beside it on samples that stay the same."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from paramedic.integrations.keras.activations import SIGNALS
from paramedic.integrations.keras.backend import ProbedModel, backend
from paramedic.integrations.keras.probe_batch import PARTS
from paramedic.integrations.recorded import Probed
from paramedic.integrations.schedule import Schedule
from paramedic.integrations.time_steps import reported

_LOG = logging.getLogger("paramedic")

SHARE = 0.01
"""Of the training's time that each kind of probe may take."""

ALLOWANCE = 0.5
"""Seconds that each kind of probe may take besides."""


class Probes:
    """The probes of one model, for as long as it is compiled as it is."""

    def __init__(
        self,
        model: Any,
        variables: Sequence[Any],
        on_layers: Callable[[list[str]], None],
        probed: ProbedModel | None = None,
    ) -> None:
        """Prepares them; they are compiled when they first run.

        Args:
            model: A keras.Model, built and compiled.
            variables: Variables of the tensor table.
            on_layers: Told the names of the layers that are probed, before the first measurement of a fit.
            probed: What is measured of the model; None: what it was compiled with.
        """
        self._model = model
        self._probed = backend.ProbedModel(model, variables) if probed is None else probed
        self._on_layers = on_layers
        self._batch: Any = None
        self._argument: Any = None
        self._announced = False
        self._ready = False
        self._functions: dict[str, Any] = {}
        self._hopeless: set[str] = set()
        self._passes = Schedule((1, 5, 20, 50), 100, SHARE, ALLOWANCE)
        self._noise = Schedule((100,), 500, SHARE, ALLOWANCE)

    def begin(self) -> None:
        """A fit begins, with samples of its own."""
        self._announced = False
        self._ready = False
        self._passes.begin()
        self._noise.begin()

    @property
    def ready(self) -> bool:
        """Whether there are samples to probe with."""
        return self._ready

    def use(self, batch: Any) -> None:
        """Takes the samples to probe with: inputs, targets and weights, as tensors; None where there are none."""
        if batch is None:
            return
        if self._batch is not None and _specification(batch) != _specification(self._batch):
            self._functions.clear()
            self._hopeless.clear()
        self._batch = batch
        self._ready = True

    def end(self) -> None:
        """The fit ended."""
        self._passes.end()
        self._noise.end()

    def due(self, step: int) -> bool:
        """Whether there is something to measure after a step."""
        return self._passes.due(step) or self._noise.due(step)

    def run(self, step: int, argument_of: Callable[[Any], Any]) -> Probed | None:
        """Measures what is due after a step; None when that is nothing.

        Args:
            step: The step.
            argument_of: Makes of the samples what the probes take.
        """
        if not self._ready or not self.due(step):
            return None
        self._argument = argument_of(self._batch)
        began = time.perf_counter()
        probed = Probed()
        if self._passes.due(step):
            self._timed(self._passes, step, lambda: self._pass(probed))
        if self._noise.due(step):
            self._timed(self._noise, step, lambda: self._measure_noise(probed))
        probed.scalars["probe_seconds"] = time.perf_counter() - began
        self._argument = None
        return probed

    def _timed(self, schedule: Schedule, step: int, measure: Callable[[], bool]) -> None:
        began = time.perf_counter()
        compiled = measure()
        # Compiling is paid once, whatever the schedule.
        schedule.ran(step, 0.0 if compiled else time.perf_counter() - began)

    def _pass(self, probed: Probed) -> bool:
        compiled, measured = False, None
        for function in (self._probed.everything, self._probed.without_paths, self._probed.activations):
            compiled, measured = self._call(function.__name__, function)
            if measured is not None:
                break
        else:
            return compiled
        if "layers" in measured:
            if not self._announced:
                self._on_layers(self._probed.layers)
                self._announced = True
            probed.layers = dict(zip(SIGNALS, measured["layers"].T, strict=True))
        probed.zero_shares = measured.get("zero_shares")
        for name, norms in measured.get("paths", {}).items():
            steps, chosen = reported(norms, measured["present"][name])
            if steps:
                probed.paths[name] = steps, chosen
        return compiled

    def _measure_noise(self, probed: Probed) -> bool:
        samples = int(keras.tree.flatten(self._batch[0])[0].shape[0])
        if samples < 2 * PARTS:
            return False
        compiled, measured = self._call("noise", self._probed.noise)
        if measured is not None:
            size = samples // PARTS
            probed.scalars |= {
                "micro_gradient_norm": float(np.sqrt(measured["micro"])),
                "macro_gradient_norm": float(np.sqrt(measured["macro"])),
                "micro_batch_size": float(size),
                "macro_batch_size": float(size * PARTS),
            }
        return compiled

    def _call(self, name: str, function: Callable[..., Any]) -> tuple[bool, Any]:
        """Runs a function on the samples.

        Returns:
            Whether it had to be compiled, and what it measured, as numpy; None when it cannot be run.
        """
        if name in self._hopeless:
            return False, None
        compiled = name not in self._functions
        try:
            if compiled:
                self._functions[name] = backend.harmless(self._model, function, self._argument)
            measured = self._functions[name](self._argument)
            return compiled, keras.tree.map_structure(ops.convert_to_numpy, measured)
        except Exception:
            self._hopeless.add(name)
            _LOG.debug("the model cannot be probed for %s", name, exc_info=True)
            return True, None


def _specification(batch: Any) -> Any:
    flat = [leaf for leaf in keras.tree.flatten(batch) if ops.is_tensor(leaf)]
    return [(tuple(leaf.shape), leaf.dtype) for leaf in flat]

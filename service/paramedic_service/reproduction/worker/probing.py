"""What takes passes of its own over a few samples: activations, the gradient's path through time, gradient noise.

Measured by the same code, at the same steps, as a run that is monitored measures it; only that here no step is left out
for the time it takes, so that what is found does not depend on the machine.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from paramedic.integrations.keras.activations import SIGNALS
from paramedic.integrations.keras.backend.tensorflow.harmless import harmless
from paramedic.integrations.keras.backend.tensorflow.probe_model import ProbedModel
from paramedic.integrations.keras.probe_batch import PARTS
from paramedic.integrations.time_steps import reported
from paramedic_service.reproduction.worker.models import Template
from paramedic_service.reproduction.worker.program import State

_LOG = logging.getLogger(__name__)

FIRST = (1, 5, 20, 50)
"""Steps after which a pass is made."""

EVERY = 100
"""Steps between two later passes."""

NOISE_EVERY = 500
"""Steps between two measurements of the gradient's noise; the first is after `EVERY` steps."""


@dataclass(slots=True)
class Probed:
    """What was measured after one step.

    Attributes:
        scalars: By signal.
        layers: float32 [layers] by signal.
        paths: Time steps and norms by recurrent layer.
    """

    scalars: dict[str, float] = field(default_factory=dict)
    layers: dict[str, Any] = field(default_factory=dict)
    paths: dict[str, tuple[list[int], Any]] = field(default_factory=dict)


def due(steps: int) -> list[int]:
    """Steps of a training after which something is measured."""
    return sorted({step for step in FIRST if step <= steps} | set(range(EVERY, steps + 1, EVERY)))


class Probes:
    """Measures the trainings of one program, one at a time.

    Args:
        template: Whose model takes the weights that are looked at.
    """

    def __init__(self, template: Template) -> None:
        self._template = template
        self._probed = ProbedModel(template.model, template.variables)
        self._functions: dict[tuple[str, str], Callable[[Any], Any] | None] = {}
        self._lock = threading.Lock()

    @property
    def layers(self) -> list[str]:
        """Names of the layers whose activations are measured; known once something was."""
        return self._probed.layers

    def measure(self, state: State, batch: Any, step: int) -> Probed:
        """Measures what is due after a step.

        Args:
            state: Of the training then.
            batch: Inputs, targets and weights of the samples.
            step: The step.
        """
        with self._lock:
            self._assign(state)
            probed = Probed()
            self._pass(probed, batch)
            if step == EVERY or step % NOISE_EVERY == 0:
                self._measure_noise(probed, batch)
        return probed

    def _assign(self, state: State) -> None:
        template = self._template
        for variable, value in zip(template.variables, template.layout.tensors(state.weights), strict=True):
            variable.assign(value)
        for variable, value in zip(template.model.non_trainable_variables, state.others, strict=True):
            variable.assign(value)

    def _pass(self, probed: Probed, batch: Any) -> None:
        for function in (self._probed.everything, self._probed.without_paths, self._probed.activations):
            measured = self._call(function.__name__, function, batch)
            if measured is not None:
                break
        else:
            return
        if "layers" in measured:
            probed.layers = dict(zip(SIGNALS, measured["layers"].T, strict=True))
        for name, norms in measured.get("paths", {}).items():
            steps, chosen = reported(norms, measured["present"][name])
            if steps:
                probed.paths[name] = steps, chosen

    def _measure_noise(self, probed: Probed, batch: Any) -> None:
        samples = int(keras.tree.flatten(batch[0])[0].shape[0])
        measured = self._call("noise", self._probed.noise, batch) if samples >= 2 * PARTS else None
        if measured is None:
            return
        size = samples // PARTS
        probed.scalars |= {
            "micro_gradient_norm": float(np.sqrt(measured["micro"])),
            "macro_gradient_norm": float(np.sqrt(measured["macro"])),
            "micro_batch_size": float(size),
            "macro_batch_size": float(size * PARTS),
        }

    def _call(self, name: str, function: Callable[..., Any], batch: Any) -> Any:
        """Runs a function on the samples; None when the model cannot be measured so."""
        key = name, str([(leaf.shape, leaf.dtype) for leaf in keras.tree.flatten(batch) if leaf is not None])
        try:
            if key not in self._functions:
                self._functions[key] = None
                with self._template.tracing:
                    self._functions[key] = harmless(self._template.model, function, batch)
            compiled = self._functions[key]
            if compiled is None:
                return None
            return keras.tree.map_structure(lambda tensor: tensor.numpy(), compiled(batch))
        except Exception:  # what cannot be measured of a monitored run is not measured here either
            _LOG.debug("a model cannot be probed for %s", name, exc_info=True)
            return None

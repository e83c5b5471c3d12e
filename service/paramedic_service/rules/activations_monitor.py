"""Runs the activation rules over a run's probes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from paramedic_service.rules import activations
from paramedic_service.rules.activations import Probe
from paramedic_service.rules.changes import Changes
from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.description import Description
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.monitor import Monitor
from paramedic_service.rules.standing import LossObservations
from paramedic_service.rules.telemetry import (
    ACTIVATION_DEVIATION,
    ACTIVATION_MEAN,
    DEAD_SHARE,
    SAMPLE_DEVIATION,
    SATURATED_SHARE,
    Rows,
)

_JUDGES: tuple[tuple[RuleDeclaration, tuple[str, ...], Callable[[RuleDeclaration, Probe], Verdict | None]], ...] = (
    (activations.DEAD_UNITS, (DEAD_SHARE,), activations.dead_units),
    (activations.SATURATED_UNITS, (SATURATED_SHARE,), activations.saturated_units),
    (activations.ACTIVATION_SCALE, (ACTIVATION_DEVIATION, SAMPLE_DEVIATION), activations.activation_scale),
    (
        activations.CONSTANT_OUTPUT,
        (ACTIVATION_MEAN, ACTIVATION_DEVIATION, SAMPLE_DEVIATION),
        activations.constant_output,
    ),
)


@dataclass(slots=True)
class ActivationState:
    """State of the activation rules of one run: all of it is in their episodes."""


class ActivationMonitor(Monitor[ActivationState]):
    """The activation rules of one run."""

    rules = activations.RULES
    state_type = ActivationState

    def describe(self, description: Description, step: int, changes: Changes) -> None:
        """Takes in which layers are probed, and which of them is the output."""
        self.resume(description)

    def resume(self, description: Description) -> None:
        """Takes in which layers are probed, and which of them is the output."""
        self._layers = description.probed_layers
        layers = description.model.layers if description.model else ()
        last = len(self._layers) - 1
        # Of a model that is not known, the last layer that is probed is the output.
        self._output = last if self._layers and (not layers or layers[-1].name == self._layers[-1]) else None
        self._hidden = tuple(index for index in range(len(self._layers)) if index != self._output)

    def observe(self, batch: Rows, losses: LossObservations, changes: Changes) -> None:
        """Judges the rows that hold probes."""
        probes: dict[int, dict[str, list[float]]] = {}
        for signal, block in batch.layers.items():
            rows = range(len(block.values)) if block.rows is None else block.rows.tolist()
            for index, row in enumerate(rows):
                probes.setdefault(row, {})[signal] = block.values[index].tolist()
        for row in sorted(probes):
            self._judge(row, int(batch.steps[row]), probes[row], losses, changes)

    def _judge(
        self, row: int, step: int, signals: dict[str, list[float]], losses: LossObservations, changes: Changes
    ) -> None:
        probe = Probe(step, self._layers, self._hidden, self._output, signals)
        for rule, needed, judge in _JUDGES:
            if all(signal in signals for signal in needed):
                condition = self[rule]
                verdict = judge(condition.rule, probe)
                if verdict and not self._stuck(probe, row, losses):
                    verdict = None
                condition.judged(changes, row, step, verdict)

    def _stuck(self, probe: Probe, row: int, losses: LossObservations) -> bool:
        """Whether nothing is learned: by the loss, or because the output is the same for every sample."""
        share = activations.variation(probe)
        constant = share is not None and share < self[activations.CONSTANT_OUTPUT].rule["exactly"]
        return constant or bool(losses.standing(np.array([row])).stuck[0])

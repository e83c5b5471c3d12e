"""Runs the loss rules over a run's loss, and tells other rules how the loss stands."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from paramedic_service.rules import loss
from paramedic_service.rules.changes import Changes
from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.description import Description
from paramedic_service.rules.episode import Episode, Verdict
from paramedic_service.rules.learning_onset import Onset, OnsetReader
from paramedic_service.rules.loss_history import WINDOW, LossHistory
from paramedic_service.rules.monitor import Monitor
from paramedic_service.rules.rulebook import Rulebook
from paramedic_service.rules.standing import LossObservations, Span
from paramedic_service.rules.task import ignorance
from paramedic_service.rules.telemetry import LOSS, Rows


@dataclass(slots=True)
class LossState:
    """State of the loss rules of one run.

    Attributes:
        history: Of the loss.
        onset: Of learning.
        first: The first finite loss; None before it.
        seen_from: The standing as of the latest observation: converged, stuck, worse, jumped.
    """

    history: LossHistory = field(default_factory=LossHistory)
    onset: Onset = field(default_factory=Onset)
    first: float | None = None
    seen_from: tuple[bool, bool, bool, bool] = (False, True, True, True)


class LossMonitor(Monitor[LossState]):
    """The loss rules of one run."""

    rules = loss.RULES
    state_type = LossState

    def __init__(self, rulebook: Rulebook, episodes: Mapping[str, Episode], state: LossState | None = None) -> None:
        super().__init__(rulebook, episodes, state)
        self._spike, self._nonfinite = self[loss.LOSS_SPIKE], self[loss.NONFINITE_LOSS]
        judges = ((loss.DIVERGENCE, self._diverged), *loss.WINDOW_RULES, (loss.NOT_DECREASING, self._never_fell))
        self._window_rules = tuple((self[rule], judge) for rule, judge in judges)

    def describe(self, description: Description, step: int, changes: Changes) -> None:
        """Takes in what the loss is."""
        self.resume(description)

    def resume(self, description: Description) -> None:
        """Derives the loss of knowing nothing."""
        self._ignorance = ignorance(description)

    def restart(self) -> None:
        """Forgets the history: the new training may even have another loss."""
        self.state.history = LossHistory()
        self.state.onset = Onset()
        self.state.first = None

    def take(self, batch: Rows, changes: Changes) -> LossObservations:
        """Judges the losses of a batch of rows; what it returns lets other monitors ask how the loss stood."""
        column = batch.scalars.get(LOSS)
        before, history = self.state.seen_from, self.state.history
        onset = None if self.state.onset.over else OnsetReader(self.state.onset, batch)
        if column is None or not len(column.values):
            if onset is not None:
                onset.advance(len(batch.steps) - 1, 0)
            return LossObservations(np.empty(0, np.int64), [], [], before, self._first((), ()))
        rows = np.arange(len(column.values)) if column.rows is None else column.rows
        places, values, steps = rows.tolist(), column.values.tolist(), batch.steps[rows].tolist()
        finite = bool(np.isfinite(column.values).all())
        spans = []
        start = 0
        while start < len(values):
            stop = min(start + WINDOW - history.filled, len(values))
            spans.append(Span(stop - start, history.converged, history.stuck, history.usual, history.noisy))
            if onset is not None:
                onset.advance(places[stop - 1], stop - start)
            self._window(places[start:stop], steps[start:stop], values[start:stop], finite, changes)
            start = stop
        if onset is not None:
            onset.advance(len(batch.steps) - 1, 0)
        last = spans[-1]
        self.state.seen_from = (last.converged, last.stuck, *last.compare(values[-1]))
        return LossObservations(rows, values, spans, before, self._first(places, values))

    def _first(self, rows: Sequence[int], values: Sequence[float]) -> tuple[int, float] | None:
        if self.state.first is not None:
            return -1, self.state.first
        row, self.state.first = next(
            ((row, value) for row, value in zip(rows, values, strict=True) if math.isfinite(value)), (-1, None)
        )
        return None if self.state.first is None else (row, self.state.first)

    def _window(
        self, rows: Sequence[int], steps: Sequence[int], values: list[float], finite: bool, changes: Changes
    ) -> None:
        history = self.state.history
        limit = loss.spike_limit(self._spike.rule, history)
        quiet = finite and self._spike.idle and self._nonfinite.idle and max(values) <= limit
        finite_values, calm = (values, values) if quiet else self._judge_each(rows, steps, values, limit, changes)
        if history.add(finite_values, calm, len(values)):
            row, step = rows[-1], steps[-1]
            for condition, judge in self._window_rules:
                verdict = judge(condition.rule, history, step)
                if verdict is not None or not condition.idle:
                    condition.judged(changes, row, step, verdict)

    def _diverged(self, rule: RuleDeclaration, history: LossHistory, step: int) -> Verdict | None:
        return loss.divergence(rule, history, self._ignorance, step)

    def _never_fell(self, rule: RuleDeclaration, history: LossHistory, step: int) -> Verdict | None:
        return loss.not_decreasing(rule, history, self.state.onset, self._ignorance, step)

    def _judge_each(
        self, rows: Sequence[int], steps: Sequence[int], values: list[float], limit: float, changes: Changes
    ) -> tuple[list[float], list[float]]:
        """Applies the rules on single losses; returns those that are finite, and those of them that are no spike."""
        spike, nonfinite = self._spike, self._nonfinite
        finite, calm = [], []
        for row, step, value in zip(rows, steps, values, strict=True):
            if not math.isfinite(value):
                nonfinite.violated(changes, row, step, partial(loss.nonfinite, step, value))
                continue
            finite.append(value)
            nonfinite.rested(changes, (row,), (step,))
            if value > limit:
                history = self.state.history
                patience = loss.spike_patience(spike.rule, history, value)
                spike.violated(changes, row, step, partial(loss.spike, history, limit, step, value), patience)
            else:
                calm.append(value)
                spike.rested(changes, (row,), (step,))
        return finite, calm

"""Runs the loss rules over a run's loss, and tells other rules how the loss stands."""

import math
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from paramedic_service.rules import loss
from paramedic_service.rules.changes import Changes
from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.episode import Episode, same
from paramedic_service.rules.loss_history import WINDOW, LossHistory
from paramedic_service.rules.rulebook import Rulebook
from paramedic_service.rules.standing import LossObservations, Span
from paramedic_service.rules.telemetry import LOSS, Rows


@dataclass(slots=True)
class LossState:
    """State of the loss rules of one run.

    Attributes:
        history: Of the loss.
        seen_from: The standing as of the latest observation: converged, stuck, worse.
        episodes: By rule id.
    """

    history: LossHistory = field(default_factory=LossHistory)
    seen_from: tuple[bool, bool, bool] = (False, True, True)
    episodes: dict[str, Episode] = field(default_factory=lambda: {rule.id: Episode() for rule in loss.RULES})


class LossMonitor:
    """The loss rules of one run.

    Attributes:
        state: What a snapshot keeps.
    """

    def __init__(self, rules: Rulebook, state: LossState | None = None) -> None:
        self.state = state or LossState()
        self._window_rules = [(rules[rule], judge) for rule, judge in loss.WINDOW_RULES]
        self._spike, self._nonfinite = rules[loss.LOSS_SPIKE], rules[loss.NONFINITE_LOSS]

    @property
    def seen(self) -> bool:
        """Whether any loss was reported."""
        return self.state.history.windows > 0 or self.state.history.filled > 0

    def restart(self) -> None:
        """Forgets the history: another training began on the same model, perhaps with another loss."""
        self.state.history = LossHistory()

    def observe(self, batch: Rows, changes: Changes) -> LossObservations:
        """Judges the losses of a batch of rows."""
        column = batch.scalars.get(LOSS)
        before, history = self.state.seen_from, self.state.history
        if column is None or not len(column.values):
            return LossObservations(np.empty(0, np.int64), [], [], before)
        rows = np.arange(len(column.values)) if column.rows is None else column.rows
        places, values, steps = rows.tolist(), column.values.tolist(), batch.steps[rows].tolist()
        finite = bool(np.isfinite(column.values).all())
        spans = []
        start = 0
        while start < len(values):
            stop = min(start + WINDOW - history.filled, len(values))
            spans.append(Span(stop - start, history.converged, history.stuck, history.usual))
            self._window(places[start:stop], steps[start:stop], values[start:stop], finite, changes)
            start = stop
        last = spans[-1]
        self.state.seen_from = (last.converged, last.stuck, last.usual is None or not values[-1] < last.usual)
        return LossObservations(rows, values, spans, before)

    def _window(self, rows: list[int], steps: list[int], values: list[float], finite: bool, changes: Changes) -> None:
        limit = loss.spike_limit(self._spike, self.state.history)
        spike, nonfinite = self.state.episodes[self._spike.id], self.state.episodes[self._nonfinite.id]
        quiet = finite and spike.idle and nonfinite.idle and max(values) <= limit
        finite_values, calm = (values, values) if quiet else self._judge_each(rows, steps, values, limit, changes)
        if self.state.history.add(finite_values, calm, len(values)):
            self._judge_window(rows[-1], steps[-1], changes)

    def _judge_each(
        self, rows: list[int], steps: list[int], values: list[float], limit: float, changes: Changes
    ) -> tuple[list[float], list[float]]:
        """Applies the rules on single losses; returns those that are finite, and those of them that are no spike."""
        spike, nonfinite = self.state.episodes[self._spike.id], self.state.episodes[self._nonfinite.id]
        patience = int(self._spike["patience"])
        finite, calm = [], []
        for row, step, value in zip(rows, steps, values, strict=True):
            if not math.isfinite(value):
                verdict = partial(loss.nonfinite, step, value)
                changes.add(row, nonfinite.violate(self._nonfinite, step, verdict))
                continue
            finite.append(value)
            _rest(nonfinite, self._nonfinite, row, step, changes)
            if value > limit:
                verdict = partial(loss.spike, self.state.history, limit, step, value)
                changes.add(row, spike.violate(self._spike, step, verdict, patience))
            else:
                calm.append(value)
                _rest(spike, self._spike, row, step, changes)
        return finite, calm

    def _judge_window(self, row: int, step: int, changes: Changes) -> None:
        for rule, judge in self._window_rules:
            episode = self.state.episodes[rule.id]
            verdict = judge(rule, self.state.history, step)
            if verdict is None:
                _rest(episode, rule, row, step, changes)
            else:
                changes.add(row, episode.violate(rule, step, partial(same, verdict), int(rule["patience"])))


def _rest(episode: Episode, rule: RuleDeclaration, row: int, step: int, changes: Changes) -> None:
    resolved = episode.rest(rule, [step], int(rule["resolve_after"]))
    if resolved is not None:
        changes.add(row, resolved[1])

"""Runs the loss rules over a run's loss, and tells other rules how the loss stands."""

import math
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from paramedic_service.rules import loss
from paramedic_service.rules.changes import Changes
from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.episode import Episode, same
from paramedic_service.rules.loss_history import WINDOW, LossHistory
from paramedic_service.rules.telemetry import LOSS, Integers, Rows

Flags = npt.NDArray[np.bool_]


class Standing(NamedTuple):
    """How the loss stands, seen from some rows; bool [rows] each.

    Attributes:
        converged: At least half of the initial loss is gone.
        stuck: Not converged, and not improving. True of a run that reports no loss: nothing speaks for its health.
        worse: No better than its own recent mean. True of a run that reports no loss.
    """

    converged: Flags
    stuck: Flags
    worse: Flags


class Span(NamedTuple):
    """Observations between two window ends, over which nothing that is derived from the history changes."""

    length: int
    converged: bool
    stuck: bool
    usual: float | None


@dataclass(slots=True)
class LossObservations:
    """The losses of one batch, from which the standing at any row can be told.

    Attributes:
        rows: int64 [m], row of each observation.
        values: The observations.
        spans: Which cover them.
        before: What held before the first: converged, stuck, worse.
    """

    rows: Integers
    values: list[float]
    spans: list[Span]
    before: tuple[bool, bool, bool]

    def standing(self, rows: Integers) -> Standing:
        """How the loss stands at int64 rows [n] of the batch."""
        converged, stuck, worse = ([flag] for flag in self.before)
        start = 0
        for span in self.spans:
            stop = start + span.length
            converged += [span.converged] * span.length
            stuck += [span.stuck] * span.length
            worse += [span.usual is None or not value < span.usual for value in self.values[start:stop]]
            start = stop
        latest = np.searchsorted(self.rows, rows, side="right")
        return Standing(np.array(converged)[latest], np.array(stuck)[latest], np.array(worse)[latest])


@dataclass(slots=True)
class LossMonitor:
    """State of the loss rules of one run.

    Attributes:
        history: Of the loss.
        seen_from: The standing as of the latest observation: converged, stuck, worse.
        episodes: By rule id.
    """

    history: LossHistory = field(default_factory=LossHistory)
    seen_from: tuple[bool, bool, bool] = (False, True, True)
    episodes: dict[str, Episode] = field(default_factory=lambda: {rule.id: Episode() for rule in loss.RULES})

    @property
    def seen(self) -> bool:
        """Whether any loss was reported."""
        return self.history.windows > 0 or self.history.filled > 0

    def restart(self) -> None:
        """Forgets the history: another training began on the same model, perhaps with another loss."""
        self.history = LossHistory()

    def observe(self, batch: Rows, changes: Changes) -> LossObservations:
        """Judges the losses of a batch of rows."""
        column = batch.scalars.get(LOSS)
        before = self.seen_from
        if column is None or not len(column.values):
            return LossObservations(np.empty(0, np.int64), [], [], before)
        rows = np.arange(len(column.values)) if column.rows is None else column.rows
        places, values, steps = rows.tolist(), column.values.tolist(), batch.steps[rows].tolist()
        finite = bool(np.isfinite(column.values).all())
        spans = []
        start = 0
        while start < len(values):
            stop = min(start + WINDOW - self.history.filled, len(values))
            spans.append(Span(stop - start, self.history.converged, self.history.stuck, self.history.usual))
            self._window(places[start:stop], steps[start:stop], values[start:stop], finite, changes)
            start = stop
        last = spans[-1]
        self.seen_from = (last.converged, last.stuck, last.usual is None or not values[-1] < last.usual)
        return LossObservations(rows, values, spans, before)

    def _window(self, rows: list[int], steps: list[int], values: list[float], finite: bool, changes: Changes) -> None:
        limit = loss.spike_limit(self.history)
        spike, nonfinite = self.episodes[loss.LOSS_SPIKE.id], self.episodes[loss.NONFINITE_LOSS.id]
        quiet = finite and spike.idle and nonfinite.idle and max(values) <= limit
        finite_values, calm = (values, values) if quiet else self._judge_each(rows, steps, values, limit, changes)
        if self.history.add(finite_values, calm, len(values)):
            self._judge_window(rows[-1], steps[-1], changes)

    def _judge_each(
        self, rows: list[int], steps: list[int], values: list[float], limit: float, changes: Changes
    ) -> tuple[list[float], list[float]]:
        """Applies the rules on single losses; returns those that are finite, and those of them that are no spike."""
        spike, nonfinite = self.episodes[loss.LOSS_SPIKE.id], self.episodes[loss.NONFINITE_LOSS.id]
        patience = int(loss.LOSS_SPIKE["patience"])
        finite, calm = [], []
        for row, step, value in zip(rows, steps, values, strict=True):
            if not math.isfinite(value):
                verdict = partial(loss.nonfinite, step, value)
                changes.add(row, nonfinite.violate(loss.NONFINITE_LOSS, step, verdict))
                continue
            finite.append(value)
            _rest(nonfinite, loss.NONFINITE_LOSS, row, step, changes)
            if value > limit:
                verdict = partial(loss.spike, self.history, step, value)
                changes.add(row, spike.violate(loss.LOSS_SPIKE, step, verdict, patience))
            else:
                calm.append(value)
                _rest(spike, loss.LOSS_SPIKE, row, step, changes)
        return finite, calm

    def _judge_window(self, row: int, step: int, changes: Changes) -> None:
        for rule, judge in loss.WINDOW_RULES:
            episode = self.episodes[rule.id]
            verdict = judge(self.history, step)
            if verdict is None:
                _rest(episode, rule, row, step, changes)
            else:
                changes.add(row, episode.violate(rule, step, partial(same, verdict), int(rule["patience"])))


def _rest(episode: Episode, rule: RuleDeclaration, row: int, step: int, changes: Changes) -> None:
    resolved = episode.rest(rule, [step], int(rule["resolve_after"]))
    if resolved is not None:
        changes.add(row, resolved[1])

"""Runs the rules on how a training sets about learning."""

import math
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from paramedic_service.rules import learning
from paramedic_service.rules.changes import Changes
from paramedic_service.rules.description import Description
from paramedic_service.rules.monitor import Monitor
from paramedic_service.rules.standing import LossObservations
from paramedic_service.rules.task import cross_entropy
from paramedic_service.rules.telemetry import (
    LEARNING_RATE,
    UPDATE_NORM,
    WEIGHT_NORM,
    Block,
    Flags,
    Integers,
    Rows,
)

Places = slice | Integers


@dataclass(slots=True)
class LearningState:
    """State of the rules of one run.

    Attributes:
        start: The first losses, until they are judged.
        seen: Losses so far, counted until the early ones are over.
        nothing: Losses of nothing in a row.
        moved: Whether updates were ever large.
        rate: The latest learning rate; None before one.
        highest_rate: The highest so far.
    """

    start: learning.Start = field(default_factory=learning.Start)
    seen: int = 0
    nothing: int = 0
    moved: bool = False
    rate: float | None = None
    highest_rate: float = 0.0


class LearningMonitor(Monitor[LearningState]):
    """The rules on how a training sets about learning, on one run."""

    rules = learning.RULES
    state_type = LearningState

    def describe(self, description: Description, step: int, changes: Changes) -> None:
        """Takes in what the loss is, and which tensors are kernels."""
        self.resume(description)

    def resume(self, description: Description) -> None:
        """Derives the loss of knowing nothing and the columns of kernels."""
        entropy = cross_entropy(description)
        self._is_entropy = entropy is not None
        # Nothing is above what is not known.
        self._uniform = math.inf if entropy is None or entropy.uniform is None else entropy.uniform
        self._kernels = np.array([i for i, t in enumerate(description.tensors) if t.is_kernel], dtype=np.int64)

    def restart(self) -> None:
        """Begins again with the first losses."""
        state = self.state
        state.start, state.seen, state.nothing, state.moved = learning.Start(), 0, 0, False
        state.rate, state.highest_rate = None, 0.0

    def observe(self, batch: Rows, losses: LossObservations, changes: Changes) -> None:
        """Judges the losses and updates of a batch of rows."""
        if losses.values:
            if self._is_entropy:
                self._impossible(batch, losses, changes)
            self._initial(batch, losses, changes)
        self._stagnation(batch, losses, changes)

    def _initial(self, batch: Rows, losses: LossObservations, changes: Changes) -> None:
        condition, start = self[learning.INITIAL_LOSS], self.state.start
        if start.over and condition.idle:
            return
        rule, limit = condition.rule, condition.rule["ratio"] * self._uniform
        rising = _rising(batch, start.rate)
        for row, value in zip(losses.rows.tolist(), losses.values, strict=True):
            step = int(batch.steps[row])
            if start.over:
                if value < self._uniform:
                    condition.rested(changes, (row,), (step,))
            elif not limit <= value < math.inf:
                start.over = True
            elif not rising[row] and start.add(value, int(rule["losses"])):
                verdict = learning.initial_loss(rule, start, self._uniform, step)
                start.over = verdict is not None
                condition.judged(changes, row, step, verdict)
                start.turn()
        start.rate = None if start.over else _latest(batch, start.rate)

    def _impossible(self, batch: Rows, losses: LossObservations, changes: Changes) -> None:
        condition, state = self[learning.IMPOSSIBLE_LOSS], self.state
        rule = condition.rule
        early = state.seen < rule["early"]
        if not early and condition.idle and not any(value < -rule["negative"] for value in losses.values):
            return
        for row, value in zip(losses.rows.tolist(), losses.values, strict=True):
            step = int(batch.steps[row])
            state.seen += 1
            none_left = abs(value) <= rule["nothing"] and (condition.episode.open or state.seen <= rule["early"])
            state.nothing = state.nothing + 1 if none_left else 0
            if value < -rule["negative"]:
                condition.violated(changes, row, step, partial(learning.negative, rule, value, step))
            elif state.nothing >= rule["losses"]:
                condition.violated(changes, row, step, partial(learning.nothing, rule, value, step))
            else:
                condition.rested(changes, (row,), (step,))

    def _stagnation(self, batch: Rows, losses: LossObservations, changes: Changes) -> None:
        condition = self[learning.STAGNATION]
        if self.state.moved and condition.idle:
            return
        working = self._working(batch, condition.rule["decayed"])
        updates, weights = batch.blocks.get(UPDATE_NORM), batch.blocks.get(WEIGHT_NORM)
        if updates is None or weights is None or not len(self._kernels):
            return
        rows, at, of = _shared(updates, weights)
        if not len(rows):
            return
        ratios = learning.relative_updates(updates.values[at][:, self._kernels], weights.values[of][:, self._kernels])
        moves = np.isfinite(ratios) & (ratios >= condition.rule["moved"])
        moved = np.logical_or.accumulate(np.concatenate(([self.state.moved], moves)))[1:]
        self.state.moved = bool(moved[-1])
        hits = ~moved & (ratios < condition.rule["ratio"]) & losses.standing(rows).stuck & working[rows]
        for row, hit, ratio in zip(rows.tolist(), hits.tolist(), ratios.tolist(), strict=True):
            step = int(batch.steps[row])
            if hit:
                condition.violated(changes, row, step, partial(learning.stagnation, condition.rule, ratio, step))
            else:
                condition.rested(changes, (row,), (step,))

    def _working(self, batch: Rows, decayed: float) -> Flags:
        """Rows at which the learning rate neither rises nor has decayed: bool [rows]."""
        working = np.ones(len(batch.steps), np.bool_)
        column = batch.scalars.get(LEARNING_RATE)
        if column is None or not len(column.values):
            return working
        state, rates = self.state, column.values
        highest = np.maximum.accumulate(np.concatenate(([state.highest_rate], rates)))[1:]
        working[slice(None) if column.rows is None else column.rows] = rates >= decayed * highest
        working &= ~_rising(batch, state.rate)
        state.rate, state.highest_rate = _latest(batch, state.rate), float(highest[-1])
        return working


def _rising(batch: Rows, before: float | None) -> Flags:
    """Rows at which the learning rate is higher than at the one before: bool [rows].

    Args:
        batch: Of rows.
        before: Learning rate before it; None when it was not told.
    """
    rising = np.zeros(len(batch.steps), np.bool_)
    column = batch.scalars.get(LEARNING_RATE)
    if column is not None and len(column.values):
        rates = column.values
        previous = np.concatenate(([rates[0] if before is None else before], rates[:-1]))
        rising[slice(None) if column.rows is None else column.rows] = rates > previous
    return rising


def _latest(batch: Rows, before: float | None) -> float | None:
    """The learning rate at the end of a batch."""
    column = batch.scalars.get(LEARNING_RATE)
    return before if column is None or not len(column.values) else float(column.values[-1])


def _shared(updates: Block, weights: Block) -> tuple[Integers, Places, Places]:
    """Rows that two blocks have in common, and their places in each."""
    if updates.rows is None and weights.rows is None:
        return np.arange(len(updates.values)), slice(None), slice(None)
    left = np.arange(len(updates.values)) if updates.rows is None else updates.rows
    right = np.arange(len(weights.values)) if weights.rows is None else weights.rows
    rows, at, of = np.intersect1d(left, right, assume_unique=True, return_indices=True)
    return rows, at, of

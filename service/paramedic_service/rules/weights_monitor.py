"""Runs the weight rules over a run's norms of weights, updates and gradients."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from paramedic_service.rules import weights
from paramedic_service.rules import weights_judges as judges
from paramedic_service.rules.changes import Changes
from paramedic_service.rules.description import Description
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.finding import Evidence
from paramedic_service.rules.monitor import Monitor
from paramedic_service.rules.standing import LossObservations
from paramedic_service.rules.telemetry import (
    GRADIENT_NORM,
    LEARNING_RATE,
    UPDATE_NORM,
    WEIGHT_NORM,
    Block,
    Column,
    Doubles,
    Floats,
    Integers,
    Rows,
)
from paramedic_service.rules.weights_history import (
    WeightHistory,
    Window,
    at_most,
    rates_at,
    room,
    total_norms,
    values_at,
)
from paramedic_service.rules.weights_initial import odd_kernels
from paramedic_service.rules.weights_judges import Table


@dataclass(slots=True)
class WeightState:
    """State of the weight rules of one run.

    Attributes:
        history: Of the tensors of the table.
    """

    history: WeightHistory = field(default_factory=WeightHistory)


class WeightMonitor(Monitor[WeightState]):
    """The weight rules of one run."""

    rules = weights.RULES
    state_type = WeightState

    def describe(self, description: Description, step: int, changes: Changes) -> None:
        """Takes in a new description; another tensor table begins another history."""
        if description.tensors != self._table.tensors:
            self.state.history = WeightHistory()
        self.resume(description)

    def resume(self, description: Description) -> None:
        """Finds the kernels of the tensor table."""
        self._table = Table.of(description.tensors)
        self._forget()

    def _forget(self) -> None:
        """Leaves what is derived from the first row to be derived again."""
        self._odd: dict[int, str] | None = None
        self._bounds: Doubles | None = None

    def restart(self) -> None:
        """Forgets the last training: the new one may have another optimizer."""
        self.state.history = WeightHistory()
        self._forget()

    def observe(self, batch: Rows, losses: LossObservations, changes: Changes) -> None:
        """Judges the norms of a batch of rows."""
        rates = batch.scalars.get(LEARNING_RATE)
        block = batch.blocks.get(WEIGHT_NORM)
        if block is not None and len(self._table.kernels):
            self._judge(block, rates, batch, losses, changes)
        if rates is not None and len(rates.values):
            self.state.history.rate = float(rates.values[-1])

    def _judge(
        self, block: Block, rates: Column | None, batch: Rows, losses: LossObservations, changes: Changes
    ) -> None:
        history = self.state.history
        rows = np.arange(len(block.values)) if block.rows is None else block.rows
        updates = values_at(batch.blocks.get(UPDATE_NORM), rows)
        gradients = values_at(batch.blocks.get(GRADIENT_NORM), rows)
        learning = rates_at(rates, rows, history.rate)
        start = 0
        while start < len(rows):
            stop = min(start + room(history.rows), len(rows))
            piece = slice(start, stop)
            if updates is not None:
                self._spikes(updates[piece], learning[piece], rows[piece], batch, losses, changes)
            window = history.add(
                block.values[piece],
                None if updates is None else updates[piece],
                None if gradients is None else gradients[piece],
                learning[piece],
            )
            if window is not None:
                row = int(rows[stop - 1])
                self._judge_window(window, row, int(batch.steps[row]), losses, changes)
            start = stop

    def _spikes(
        self, updates: Floats, rates: Doubles, rows: Integers, batch: Rows, losses: LossObservations, changes: Changes
    ) -> None:
        """Judges single updates; a higher learning rate explains a larger one in proportion."""
        condition, history = self[weights.UPDATE_SPIKE], self.state.history
        if not history.peaks or history.rows < condition.rule["settled"]:
            return
        limit = condition.rule["ratio"] * max(peak.norm for peak in history.peaks)
        quiet = at_most(updates, limit)
        if quiet and condition.idle:
            return
        places, steps = rows.tolist(), batch.steps[rows].tolist()
        totals = total_norms(updates)
        if quiet or (totals <= limit).all():
            condition.rested(changes, places, steps)
            return
        slowest = np.fmin(min(peak.slowest for peak in history.peaks), rates)
        with np.errstate(divide="ignore", invalid="ignore"):
            limits = limit * np.fmax(1.0, rates / slowest)
        spikes = np.isfinite(totals) & (totals > limits) & (limits > 0) & losses.standing(rows).worse
        for index, (row, step) in enumerate(zip(places, steps, strict=True)):
            verdict = None
            if spikes[index]:
                total, bound = float(totals[index]), float(limits[index])
                verdict = Verdict(
                    f"The update of step {step} has a norm of {total:.3g}, more than {condition.rule['ratio']:.3g} "
                    "times the recent largest.",
                    (Evidence(UPDATE_NORM, step, total, "norm over all tensors", threshold=bound),),
                )
            condition.judged(changes, row, step, verdict)

    def _judge_window(self, window: Window, row: int, step: int, losses: LossObservations, changes: Changes) -> None:
        """Applies the rules on whole windows, at the row that completes one."""
        history, table, gate = self.state.history, self._table, Gate(losses, row)
        assert history.first is not None
        total = float(np.linalg.norm(window.last[table.kernels].astype(np.float64)))
        before, history.total = history.total, total if np.isfinite(total) else None

        ratio = self[weights.UPDATE_RATIO]
        found = judges.odd_step(ratio.rule, table, window) if history.rows >= ratio.rule["first"] else None
        verdict = None
        if found and (gate.worse if found.large else gate.stuck):
            verdict = judges.step_verdict(ratio.rule, table, found, step)
        ratio.judged(changes, row, step, verdict)

        self._unchanged(window, row, step, changes)

        growth = self[weights.WEIGHT_GROWTH]
        verdict = judges.growth(growth.rule, before, total, step)
        growth.judged(changes, row, step, verdict if verdict and gate.worse else None)

        exploding = self[weights.EXPLODING_WEIGHTS]
        if self._bounds is None:
            self._bounds = judges.bounds(exploding.rule, table, history.first)
        verdict = None
        if not (window.last[table.kernels] <= self._bounds).all():
            failing = gate.worse and not gate.converged
            verdict = judges.explosion(exploding.rule, table, history.first, window, self._bounds, step, failing)
        exploding.judged(changes, row, step, verdict)

        initial = self[weights.INITIAL_WEIGHTS]
        if self._odd is None:
            self._odd = odd_kernels(initial.rule, table.tensors, table.kernels, history.first)
        due = self._odd and initial.rule["first"] <= history.rows <= initial.rule["last"] and gate.stuck
        initial.judged(changes, row, step, judges.beginning(table, history.first, self._odd, step) if due else None)

    def _unchanged(self, window: Window, row: int, step: int, changes: Changes) -> None:
        """Counts windows without a change itself: the patience of this rule is a tensor's."""
        history, condition, table = self.state.history, self[weights.UNCHANGED_TENSOR], self._table
        moved = judges.unchanged(condition.rule, table, window)
        columns = [] if moved is None else np.flatnonzero(~np.isnan(moved)).tolist()
        names = [table.tensors[column].name for column in columns]
        history.still = {name: history.still.get(name, 0) + 1 for name in names}
        patience = condition.rule["patience"]
        guilty = [column for column, name in zip(columns, names, strict=True) if history.still[name] >= patience]
        if moved is None or not guilty:
            condition.rested(changes, (row,), (step,))
            return
        verdict = table.verdict(
            guilty,
            moved,
            condition.rule["change"],
            UPDATE_NORM,
            "all updates of a window over the weights",
            "{name}{others} has a gradient and has not changed up to step {step}.",
            step,
        )
        condition.violated(changes, row, step, lambda: verdict, patience=1)


class Gate:
    """How the loss stands at a row, looked up only if somebody asks.

    Args:
        losses: Of the batch.
        row: Of the batch.
    """

    def __init__(self, losses: LossObservations, row: int) -> None:
        self._losses = losses
        self._row = row

    @cached_property
    def _standing(self) -> tuple[bool, bool, bool]:
        converged, stuck, worse, _ = self._losses.standing(np.array([self._row]))
        return bool(converged[0]), bool(stuck[0]), bool(worse[0])

    @property
    def converged(self) -> bool:
        """Whether at least half of the initial loss is gone."""
        return self._standing[0]

    @property
    def stuck(self) -> bool:
        """Whether it is not converged and does not improve."""
        return self._standing[1]

    @property
    def worse(self) -> bool:
        """Whether it is stuck, or no better than its recent mean.

        One loss above the mean of its like says little; where the loss is stuck it may as well lie below.
        """
        return self._standing[1] or self._standing[2]

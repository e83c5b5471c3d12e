"""Runs the weight rules over a run's norms of weights, updates and gradients."""

from dataclasses import dataclass, field

import numpy as np

from paramedic_service.rules import weights
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

NAMED = 3
"""Tensors named as evidence of one finding."""


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
        if description.tensors != self._tensors:
            self.state.history = WeightHistory()
        self.resume(description)

    def resume(self, description: Description) -> None:
        """Finds the kernels of the tensor table."""
        self._tensors = description.tensors
        roles = [tensor.role for tensor in description.tensors]
        self._kernels = np.array(
            [i for i, role in enumerate(roles) if role in ("kernel", "recurrent_kernel")], np.int64
        )
        counts = [tensor.element_count or np.nan for tensor in description.tensors]
        self._roots: Doubles = np.sqrt(np.array(counts, np.float64))
        self._odd: dict[int, str] | None = None

    def restart(self) -> None:
        """Forgets the last training: the new one may have another optimizer."""
        self.state.history = WeightHistory()
        self._odd = None

    def observe(self, batch: Rows, losses: LossObservations, changes: Changes) -> None:
        """Judges the norms of a batch of rows."""
        rates = batch.scalars.get(LEARNING_RATE)
        block = batch.blocks.get(WEIGHT_NORM)
        if block is not None and len(self._kernels):
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
        standing = losses.standing(np.array([row]))
        stuck = bool(standing.stuck[0])
        # One loss above the mean of its like says little; where the loss is stuck it may as well lie below.
        worse = stuck or bool(standing.worse[0])
        failing = worse and not bool(standing.converged[0])
        for rule, verdict in (
            (weights.UPDATE_RATIO, self._ratio(window, step, stuck, worse)),
            (weights.WEIGHT_GROWTH, self._growth(window, step, worse)),
            (weights.EXPLODING_WEIGHTS, self._explosion(window, step, failing)),
            (weights.INITIAL_WEIGHTS, self._beginning(step) if stuck else None),
        ):
            self[rule].judged(changes, row, step, verdict)
        self._unchanged(window, row, step, changes)

    def _ratio(self, window: Window, step: int, stuck: bool, worse: bool) -> Verdict | None:
        rule = self[weights.UPDATE_RATIO].rule
        if window.updates is None or not worse or self.state.history.rows < rule["first"]:
            return None
        kernels = self._kernels[window.weights[self._kernels] > 0]  # false for NaN
        if window.gradients is not None:
            kernels = kernels[window.gradients[kernels] > 0]
        if not len(kernels):
            return None
        ratios = window.updates[kernels] / window.weights[kernels]
        most = int(np.argmax(ratios))
        if worse and ratios[most] > rule["highest"]:
            said, bound = "change by far too much", rule["highest"]
        elif stuck and ratios[most] < rule["lowest"] and not _rising(window.rates):
            said, bound = "hardly change", rule["lowest"]
        else:
            return None
        name, ratio = self._tensors[kernels[most]].name, float(ratios[most])
        return Verdict(
            f"Weights {said} a step: that of {name}, which changes most, by {ratio:.2g} of its norm at step {step}.",
            (Evidence(UPDATE_NORM, step, ratio, "norm over that of the weights", tensor=name, threshold=bound),),
        )

    def _unchanged(self, window: Window, row: int, step: int, changes: Changes) -> None:
        """Counts windows without a change by itself: the patience of this rule is a tensor's."""
        history = self.state.history
        if window.travelled is None or window.gradients is None or not np.isfinite(window.travelled).all():
            return
        condition = self[weights.UNCHANGED_TENSOR]
        rule = condition.rule
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = window.travelled / window.weights
        quiet = (moved < rule["change"]) & (window.gradients > rule["gradient"] * window.gradients.max())
        if not (moved[self._kernels] > 10 * rule["change"]).any():
            quiet[:] = False  # the learning rate's doing, if anybody's
        columns = np.flatnonzero(quiet).tolist()
        names = [self._tensors[column].name for column in columns]
        history.still = {name: history.still.get(name, 0) + 1 for name in names}
        guilty = [
            column for column, name in zip(columns, names, strict=True) if history.still[name] >= rule["patience"]
        ]
        verdict = self._named(
            guilty,
            moved,
            rule["change"],
            UPDATE_NORM,
            "all updates of a window over the weights",
            step,
            "{name}{others} has a gradient and has not changed up to step {step}.",
        )
        if verdict is None:
            condition.rested(changes, (row,), (step,))
        else:
            condition.violated(changes, row, step, lambda: verdict, patience=1)

    def _growth(self, window: Window, step: int, worse: bool) -> Verdict | None:
        history, rule = self.state.history, self[weights.WEIGHT_GROWTH].rule
        total = float(np.sqrt(np.square(window.last[self._kernels], dtype=np.float64).sum()))
        before, history.total = history.total, total if np.isfinite(total) else None
        if not worse or before is None or not np.isfinite(total) or before <= 0 or total < rule["ratio"] * before:
            return None
        return Verdict(
            f"The weights doubled from check to check, to a norm of {total:.3g} over all kernels at step {step}.",
            (
                Evidence(
                    WEIGHT_NORM, step, total / before, "norm over that of the window before", threshold=rule["ratio"]
                ),
            ),
        )

    def _explosion(self, window: Window, step: int, failing: bool) -> Verdict | None:
        first, rule = self.state.history.first, self[weights.EXPLODING_WEIGHTS].rule
        assert first is not None
        norms, began = window.last[self._kernels].astype(np.float64), first[self._kernels].astype(np.float64)
        lost = ~np.isfinite(norms)
        with np.errstate(divide="ignore", invalid="ignore"):
            growth = np.where(began > 0, norms / began, 0.0)
            large = (growth > rule["growth"]) & (norms / self._roots[self._kernels] > rule["rms"])
        guilty = lost | (large & failing)
        measured = np.full(len(self._tensors), np.nan)
        measured[self._kernels] = np.where(lost, norms, growth)
        exploded = self._kernels[guilty].tolist()
        return self._named(
            exploded,
            measured,
            rule["growth"],
            WEIGHT_NORM,
            "norm over that of the first row",
            step,
            "{name}{others} exploded to {value:.3g} times its first norm by step {step}.",
        )

    def _beginning(self, step: int) -> Verdict | None:
        history, rule = self.state.history, self[weights.INITIAL_WEIGHTS].rule
        if not rule["first"] <= history.rows <= rule["last"] or history.first is None:
            return None
        if self._odd is None:
            self._odd = odd_kernels(rule, self._tensors, self._kernels, history.first)
        odd = self._odd
        if not odd:
            return None
        deviations = history.first.astype(np.float64) / self._roots
        kind = next(iter(odd.values()))
        said = {"zero": "at zero", "small": "far too small", "large": "far too large"}[kind]
        return self._named(
            list(odd),
            deviations,
            None,
            WEIGHT_NORM,
            "standard deviation at the start",
            step,
            "{name}{others} began " + said + ": standard deviation {value:.2g}.",
        )

    def _named(
        self,
        columns: list[int],
        measured: Doubles,
        threshold: float | None,
        signal: str,
        meaning: str,
        step: int,
        sentence: str,
    ) -> Verdict | None:
        """Names the tensors that violate a rule; None where there are none."""
        if not columns:
            return None
        evidence = tuple(
            Evidence(signal, step, float(measured[column]), meaning, self._tensors[column].name, threshold)
            for column in columns[:NAMED]
        )
        others = f" and {len(columns) - 1} more" if len(columns) > 1 else ""
        name, value = self._tensors[columns[0]].name, float(measured[columns[0]])
        return Verdict(sentence.format(name=name, others=others, value=value, step=step), evidence)


def _rising(rates: Doubles) -> bool:
    return bool(rates[-1] > rates[0])

"""Runs the gradient rules over a run's per-tensor gradient norms."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from paramedic_service.rules import gradients
from paramedic_service.rules.changes import Changes
from paramedic_service.rules.description import Description, Optimizer
from paramedic_service.rules.episode import Episode, Verdict
from paramedic_service.rules.finding import Evidence
from paramedic_service.rules.gradient_baseline import TINY, GradientBaseline
from paramedic_service.rules.gradient_row_rules import NONFINITE, SIZE_RULES, RowRule
from paramedic_service.rules.gradients import Limits
from paramedic_service.rules.monitor import Monitor
from paramedic_service.rules.rulebook import Rulebook
from paramedic_service.rules.standing import LossObservations, Standing
from paramedic_service.rules.telemetry import GRADIENT_NORM, Doubles, Flags, Floats, Integers, Rows

NAMED = 3
"""Tensors named as evidence of one finding."""


@dataclass(slots=True)
class GradientState:
    """State of the gradient rules of one run.

    Attributes:
        baseline: Of the tensors of the table.
        streaks: int64 [tensors] by rule id, violations in a row; rules without an entry have none under way.
    """

    baseline: GradientBaseline = field(default_factory=GradientBaseline)
    streaks: dict[str, Integers] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Rows of one block that lie within one window.

    Attributes:
        norms: float32 [n, tensors].
        rows: int64 [n], rows of the batch.
        steps: int64 [n].
    """

    norms: Floats
    rows: Integers
    steps: Integers


class GradientMonitor(Monitor[GradientState]):
    """The gradient rules of one run."""

    rules = gradients.RULES
    state_type = GradientState

    def __init__(self, rulebook: Rulebook, episodes: Mapping[str, Episode], state: GradientState | None = None) -> None:
        super().__init__(rulebook, episodes, state)
        self._rulebook = rulebook
        self._on_rows = tuple(self[rule.declaration] for rule in (NONFINITE, *SIZE_RULES))

    def describe(self, description: Description, step: int, changes: Changes) -> None:
        """Takes in a new description; another tensor table begins another baseline."""
        if description.tensors != self._tensors:
            self.state.baseline = GradientBaseline()
            self.state.streaks = {}
        self.resume(description)

    def resume(self, description: Description) -> None:
        """Derives thresholds and columns from the tensor table."""
        self._tensors = description.tensors
        counts = [tensor.element_count or np.nan for tensor in description.tensors]
        self._roots: Doubles = np.sqrt(np.array(counts, dtype=np.float64))
        self._kernels: Flags = np.array([tensor.is_kernel for tensor in description.tensors], dtype=np.bool_)
        kernels = [i for i, tensor in enumerate(description.tensors) if tensor.role == "kernel"]
        known = len(kernels) > 1 and np.isfinite(self._roots[[kernels[0], kernels[-1]]]).all()
        self._ends = (kernels[0], kernels[-1]) if known else None
        optimizer = description.optimizer or Optimizer()
        searches = optimizer.dynamic_loss_scale
        self._clipped = any((optimizer.clipnorm, optimizer.clipvalue, optimizer.global_clipnorm))
        patience = "scale_search" if searches else "patience"
        self._nonfinite_patience = int(self[gradients.NONFINITE_GRADIENT].rule[patience])
        self._limit()

    def _limit(self) -> None:
        bounds = gradients.limits(self._rulebook, self.state.baseline, self._roots, self._kernels)
        self._adapt(gradients.adapted(self._rulebook, bounds, self.state.baseline))

    def _adapt(self, bounds: Limits) -> None:
        if self._clipped:
            # Norms are of gradients before clipping: a spike that is clipped does no harm.
            bounds = replace(bounds, spike=np.full_like(bounds.spike, np.inf))
        self._limits = bounds
        self._highest, self._lowest = bounds.highest, bounds.lowest

    def observe(self, batch: Rows, losses: LossObservations, changes: Changes) -> None:
        """Judges the gradient norms of a batch of rows."""
        block = batch.blocks.get(GRADIENT_NORM)
        if block is None:
            return
        rows = np.arange(len(block.values)) if block.rows is None else block.rows
        baseline = self.state.baseline
        if baseline.first is None and len(rows):
            baseline.first = block.values[0].copy()
            if losses.first is not None and losses.first[0] <= rows[0]:
                baseline.scale = max(1.0, abs(losses.first[1]) ** 0.5)
            self._limit()
        start = 0
        while start < len(rows):
            stop = min(start + baseline.room, len(rows))
            piece = _Piece(block.values[start:stop], rows[start:stop], batch.steps[rows[start:stop]])
            if baseline.add(piece.norms, self._judge(piece, losses, changes)):
                self._adapt(gradients.adapted(self._rulebook, self._limits, baseline))
                self._judge_window(piece, losses, changes)
            start = stop

    def _judge(self, piece: _Piece, losses: LossObservations, changes: Changes) -> Flags | None:
        """Applies the rules on single rows; returns the cells that must not enter the baseline, None for none."""
        norms = piece.norms
        # NaN fails both comparisons.
        if (norms <= self._highest).all() and (norms >= self._lowest).all():
            self._rest_all(piece, changes)
            return None
        standing = losses.standing(piece.rows)
        self._apply(NONFINITE, piece, standing, changes)
        # A row with NaN in it tells nothing of sizes: it neither violates the rules on size nor clears them.
        finite: Flags = np.all(np.isfinite(norms), axis=1, keepdims=False)
        abnormal = np.repeat(~finite[:, None], norms.shape[1], axis=1)
        if finite.any():
            sized = _Piece(norms[finite], piece.rows[finite], piece.steps[finite])
            standing = Standing(*(flags[finite] for flags in standing))
            # A zero has no logarithm, abnormal or not.
            abnormal[finite] = sized.norms <= TINY
            for rule in SIZE_RULES:
                cells = self._apply(rule, sized, standing, changes)
                if rule.abnormal:
                    abnormal[finite] |= cells
        return abnormal

    def _apply(self, rule: RowRule, piece: _Piece, standing: Standing, changes: Changes) -> Flags:
        cells = rule.cells(piece.norms, self._limits, standing)
        if cells.any():
            self._violate(rule, cells, piece, changes)
        else:
            self._rest(rule, piece, changes)
        return cells

    def _rest_all(self, piece: _Piece, changes: Changes) -> None:
        """Clears the rules on single rows, as most pieces do."""
        self.state.streaks.clear()
        for condition in self._on_rows:
            if not condition.idle:
                condition.rested(changes, piece.rows.tolist(), piece.steps.tolist())

    def _rest(self, rule: RowRule, piece: _Piece, changes: Changes) -> None:
        self.state.streaks.pop(rule.declaration.id, None)
        condition = self[rule.declaration]
        if not condition.idle:
            condition.rested(changes, piece.rows.tolist(), piece.steps.tolist())

    def _violate(self, rule: RowRule, cells: Flags, piece: _Piece, changes: Changes) -> None:
        condition = self[rule.declaration]
        lengths = _streaks(cells, self.state.streaks.get(condition.rule.id))
        self.state.streaks[condition.rule.id] = lengths[-1]
        # The patience of these rules is a tensor's: ten tensors with one bad row each are not ten bad rows.
        hits = lengths >= (self._nonfinite_patience if rule is NONFINITE else condition.patience)
        violating: list[bool] = np.any(hits, axis=1).tolist()
        for i, (hit, row, step) in enumerate(zip(violating, piece.rows.tolist(), piece.steps.tolist(), strict=True)):
            if hit:
                verdict = partial(self._verdict, rule, piece.norms[i], hits[i], step)
                condition.violated(changes, row, step, verdict, patience=1)
            else:
                condition.rested(changes, (row,), (step,))

    def _verdict(self, rule: RowRule, norms: Floats, hits: Flags, step: int) -> Verdict:
        """Names the tensors that violate a rule most."""
        measured, thresholds = rule.measure(norms.astype(np.float64), self._limits, self._roots)
        columns = np.flatnonzero(hits)
        worst = columns[np.argsort(rule.order(measured[columns]), kind="stable")][:NAMED].tolist()
        evidence = tuple(
            Evidence(
                GRADIENT_NORM,
                step,
                float(measured[column]),
                rule.meaning,
                tensor=self._tensors[column].name,
                threshold=None if thresholds is None else float(thresholds[column]),
            )
            for column in worst
        )
        name, value = self._tensors[worst[0]].name, float(measured[worst[0]])
        others = f" and {len(columns) - 1} more" if len(columns) > 1 else ""
        return Verdict(rule.sentence.format(name=name, others=others, value=value, step=step), evidence)

    def _judge_window(self, piece: _Piece, losses: LossObservations, changes: Changes) -> None:
        """Applies the rules on whole windows, at the row that completes one."""
        row, step = int(piece.rows[-1]), int(piece.steps[-1])
        growing, imbalanced = self._growing(step), self._imbalanced(step)
        if growing or imbalanced:
            standing = losses.standing(piece.rows[-1:])
            growing = growing if standing.worse[0] else None
            imbalanced = imbalanced if standing.stuck[0] else None
        self[gradients.GROWING_GRADIENT].judged(changes, row, step, growing)
        self[gradients.LAYER_IMBALANCE].judged(changes, row, step, imbalanced)

    def _growing(self, step: int) -> Verdict | None:
        baseline = self.state.baseline
        if baseline.grown < 1 or baseline.log_total is None:
            return None
        total = float(np.exp(min(baseline.log_total, 709.0)))
        return Verdict(
            f"The gradient norm doubled from one check to the next, {baseline.grown} times in a row, to {total:.3g}.",
            (Evidence(GRADIENT_NORM, step, total, "geometric mean over a window of the norm over all tensors"),),
        )

    def _imbalanced(self, step: int) -> Verdict | None:
        if self._ends is None:
            return None
        rule = self[gradients.LAYER_IMBALANCE].rule
        first, last = self._ends
        judged = gradients.imbalance(rule, self.state.baseline, self._roots, first, last)
        if judged is None:
            return None
        ratio, first_rms = judged
        threshold = rule["lowest" if ratio < 1 else "highest"]
        name, other = self._tensors[first].name, self._tensors[last].name
        return Verdict(
            f"The gradient of {name} (root mean square {first_rms:.2g}) is {ratio:.2g} times that of {other}.",
            (Evidence(GRADIENT_NORM, step, ratio, f"root mean square over that of {other}", name, threshold),),
        )


def _streaks(cells: Flags, before: Integers | None) -> Integers:
    """Violations in a row at each cell: int64 [rows, tensors].

    Args:
        cells: bool [rows, tensors], the violations.
        before: int64 [tensors], violations in a row that led up to the first row; None for none.
    """
    rows = np.arange(1, len(cells) + 1)[:, None]
    last_rest = np.maximum.accumulate(np.where(cells, 0, rows), axis=0)
    lengths: Integers = rows - last_rest
    return lengths if before is None else lengths + np.where(last_rest == 0, before, 0)

"""Runs the gradient rules over a run's per-tensor gradient norms."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from paramedic_service.rules import gradients
from paramedic_service.rules.changes import Changes
from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.episode import Episode, Verdict, same
from paramedic_service.rules.finding import Evidence
from paramedic_service.rules.gradient_baseline import TINY, GradientBaseline
from paramedic_service.rules.gradient_row_rules import NONFINITE, SIZE_RULES, RowRule
from paramedic_service.rules.gradients import Limits
from paramedic_service.rules.rulebook import Rulebook
from paramedic_service.rules.standing import LossObservations, Standing
from paramedic_service.rules.telemetry import GRADIENT_NORM, Description, Doubles, Flags, Floats, Integers, Rows, Tensor

NAMED = 3
"""Tensors named as evidence of one finding."""


@dataclass(slots=True)
class GradientState:
    """State of the gradient rules of one run.

    Attributes:
        baseline: Of the tensors of the table.
        streaks: int64 [tensors] by rule id, violations in a row; rules without an entry have none under way.
        episodes: By rule id.
    """

    baseline: GradientBaseline = field(default_factory=GradientBaseline)
    streaks: dict[str, Integers] = field(default_factory=dict)
    episodes: dict[str, Episode] = field(default_factory=lambda: {rule.id: Episode() for rule in gradients.RULES})


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


class GradientMonitor:
    """The gradient rules of one run.

    Attributes:
        state: What a snapshot keeps; everything else follows from it and the description.
    """

    def __init__(self, rules: Rulebook, description: Description, state: GradientState | None = None) -> None:
        self._rules = rules
        self.state = state or GradientState()
        self._describe(description)

    @property
    def seen(self) -> bool:
        """Whether any gradient norms were reported."""
        return self.state.baseline.rows > 0

    @property
    def counted(self) -> bool:
        """Whether the element count of any tensor is known."""
        return bool(np.isfinite(self._roots).any())

    @property
    def ends(self) -> tuple[int, int] | None:
        """Columns of the first and the last kernel; None unless they are two."""
        return self._ends

    def describe(self, description: Description) -> None:
        """Takes a new description; another tensor table begins another baseline."""
        if description.tensors != self._tensors:
            self.state.baseline = GradientBaseline()
            self.state.streaks = {}
        self._describe(description)

    def _describe(self, description: Description) -> None:
        self._tensors = description.tensors
        counts = [tensor.element_count or np.nan for tensor in description.tensors]
        self._roots: Doubles = np.sqrt(np.array(counts, dtype=np.float64))
        self._kernels: Flags = np.array([_is_kernel(tensor) for tensor in description.tensors], dtype=np.bool_)
        kernels = [i for i, tensor in enumerate(description.tensors) if tensor.role == "kernel"]
        known = len(kernels) > 1 and np.isfinite(self._roots[[kernels[0], kernels[-1]]]).all()
        self._ends = (kernels[0], kernels[-1]) if known else None
        patience = "scale_search" if description.dynamic_loss_scale else "patience"
        self._nonfinite_patience = int(self._rules[gradients.NONFINITE_GRADIENT][patience])
        self._limit()

    def _limit(self) -> None:
        bounds = gradients.limits(self._rules, self.state.baseline, self._roots, self._kernels)
        self._adapt(gradients.adapted(self._rules, bounds, self.state.baseline))

    def _adapt(self, bounds: Limits) -> None:
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
            self._limit()
        start = 0
        while start < len(rows):
            stop = min(start + baseline.room, len(rows))
            piece = _Piece(block.values[start:stop], rows[start:stop], batch.steps[rows[start:stop]])
            if baseline.add(piece.norms, self._judge(piece, losses, changes)):
                self._adapt(gradients.adapted(self._rules, self._limits, baseline))
                self._judge_window(piece, losses, changes)
            start = stop

    def _judge(self, piece: _Piece, losses: LossObservations, changes: Changes) -> Flags | None:
        """Applies the rules on single rows; returns the cells that must not enter the baseline, None for none."""
        norms = piece.norms
        # NaN fails both comparisons.
        if (norms <= self._highest).all() and (norms >= self._lowest).all():
            for rule in (NONFINITE, *SIZE_RULES):
                self._rest(self._rules[rule.declaration], piece, changes)
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
            self._rest(self._rules[rule.declaration], piece, changes)
        return cells

    def _rest(self, rule: RuleDeclaration, piece: _Piece, changes: Changes) -> None:
        self.state.streaks.pop(rule.id, None)
        episode = self.state.episodes[rule.id]
        if episode.idle:
            return
        resolved = episode.rest(rule, piece.steps.tolist(), int(rule["resolve_after"]))
        if resolved is not None:
            changes.add(int(piece.rows[resolved[0]]), resolved[1])

    def _violate(self, rule: RowRule, cells: Flags, piece: _Piece, changes: Changes) -> None:
        declaration = self._rules[rule.declaration]
        episode = self.state.episodes[declaration.id]
        lengths = _streaks(cells, self.state.streaks.get(declaration.id))
        self.state.streaks[declaration.id] = lengths[-1]
        hits = lengths >= self._patience(declaration)
        resolve_after = int(declaration["resolve_after"])
        violating: list[bool] = np.any(hits, axis=1).tolist()
        for i, hit in enumerate(violating):
            row, step = int(piece.rows[i]), int(piece.steps[i])
            if hit:
                verdict = partial(self._verdict, rule, piece.norms[i], hits[i], step)
                changes.add(row, episode.violate(declaration, step, verdict))
            else:
                resolved = episode.rest(declaration, [step], resolve_after)
                changes.add(row, resolved[1] if resolved else None)

    def _patience(self, rule: RuleDeclaration) -> int:
        if rule.id == gradients.NONFINITE_GRADIENT.id:
            return self._nonfinite_patience
        return int(rule["patience"])

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
        for declared, verdict in ((gradients.GROWING_GRADIENT, growing), (gradients.LAYER_IMBALANCE, imbalanced)):
            rule = self._rules[declared]
            episode = self.state.episodes[rule.id]
            if verdict is not None:
                changes.add(row, episode.violate(rule, step, partial(same, verdict), int(rule["patience"])))
            elif not episode.idle:
                resolved = episode.rest(rule, [step], int(rule["resolve_after"]))
                changes.add(row, resolved[1] if resolved else None)

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
        rule = self._rules[gradients.LAYER_IMBALANCE]
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


def _is_kernel(tensor: Tensor) -> bool:
    return tensor.role in ("kernel", "recurrent_kernel", "embedding") or (
        not tensor.role and "bias" not in tensor.name.lower()
    )

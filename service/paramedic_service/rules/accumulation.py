"""The rule on gradients that pile up: somebody forgot to reset them between steps.

Without a reset the gradient of step k is the sum of those of steps 0 to k. Early in a training these point the same
way, so its norm grows linearly, by at most one gradient a step, and smoothly: one more batch hardly changes a sum of
many. Healthy norms jump from batch to batch by tens of percent, and those that grow do so by a factor, not by a
constant.
"""

from dataclasses import dataclass, field

import numpy as np

from paramedic_service.rules.changes import Changes
from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.description import Description
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.finding import Evidence, Severity
from paramedic_service.rules.monitor import Monitor
from paramedic_service.rules.standing import LossObservations
from paramedic_service.rules.telemetry import GRADIENT_NORM, Doubles, Rows
from paramedic_service.rules.weights_history import total_norms

ROWS = 32
"""Rows from the start of a training that are judged, all at once."""

ACCUMULATING_GRADIENT = RuleDeclaration(
    id="accumulating_gradient",
    family="gradients",
    severity=Severity.CRITICAL,
    summary="The gradient norm grows linearly from the first step: gradients are not reset.",
    requires=(GRADIENT_NORM,),
    parameters=(
        Parameter("growth", 5.0, f"norm after {ROWS} rows over the first", unit="ratio"),
        Parameter("noise", 0.2, "deviation from a straight line over the mean norm: gradients turn", unit="ratio"),
        Parameter("step", 0.1, "change a row over the norm, median of the second half", unit="ratio"),
        Parameter("slope", 2.0, "growth a row over the first norm: a step adds one gradient at most", unit="ratio"),
    ),
    remedies=(
        "Reset gradients before each backward pass: optimizer.zero_grad(), or a new GradientTape a step.",
        "Where gradients are accumulated on purpose, divide by the number of batches and reset after each update.",
    ),
)

RULES = (ACCUMULATING_GRADIENT,)


@dataclass(slots=True)
class AccumulationState:
    """State of the rule of one run.

    Attributes:
        norms: Norms over all tensors from the start of the training, at most ROWS.
    """

    norms: list[float] = field(default_factory=list)


class AccumulationMonitor(Monitor[AccumulationState]):
    """The rule on gradients that pile up, on one run."""

    rules = RULES
    state_type = AccumulationState

    def describe(self, description: Description, step: int, changes: Changes) -> None:
        """Takes in a new description; the norms of another tensor table are another quantity."""
        if description.tensors != self._tensors:
            self.state.norms = []
        self.resume(description)

    def resume(self, description: Description) -> None:
        """Remembers the tensor table."""
        self._tensors = description.tensors

    def restart(self) -> None:
        """Begins anew with another training."""
        self.state.norms = []

    def observe(self, batch: Rows, losses: LossObservations, changes: Changes) -> None:
        """Collects the first rows, and judges them when they are complete."""
        norms, block = self.state.norms, batch.blocks.get(GRADIENT_NORM)
        if block is None or len(norms) == ROWS:
            return
        taken = min(ROWS - len(norms), len(block.values))
        norms += total_norms(block.values[:taken]).tolist()
        if len(norms) == ROWS:
            row = taken - 1 if block.rows is None else int(block.rows[taken - 1])
            condition, step = self[ACCUMULATING_GRADIENT], int(batch.steps[row])
            condition.judged(changes, row, step, judge(condition.rule, np.array(norms), step))


def judge(rule: RuleDeclaration, norms: Doubles, step: int) -> Verdict | None:
    """Fits a line to the first norms, float64 [rows], and asks whether it explains them."""
    if not np.isfinite(norms).all() or norms[0] <= 0 or norms[-1] < rule["growth"] * norms[0]:
        return None
    rows = np.arange(len(norms))
    slope, start = np.polyfit(rows, norms, 1)
    noise = float(np.sqrt(np.square(norms - start - slope * rows).mean()) / norms.mean())
    if noise > rule["noise"] or slope > rule["slope"] * norms[0] or _roughness(norms) > rule["step"]:
        return None
    return Verdict(
        f"The gradient norm grew linearly from {norms[0]:.3g} to {norms[-1]:.3g} in the first {len(norms)} steps: "
        "gradients pile up.",
        (
            Evidence(GRADIENT_NORM, step, float(norms[-1] / norms[0]), "norm over the first", threshold=rule["growth"]),
            Evidence(GRADIENT_NORM, step, noise, "deviation from a straight line", threshold=rule["noise"]),
        ),
    )


def _roughness(norms: Doubles) -> float:
    """Median change from row to row over the norm, in the second half: about one over the rows summed up so far."""
    later = norms[len(norms) // 2 :]
    return float(np.median(np.abs(np.diff(later)) / later[1:]))

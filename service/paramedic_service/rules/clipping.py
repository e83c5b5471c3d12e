"""The rule on clipping that does all the work: every gradient is cut to a small part, and the loss is stuck.

Clipping that is always on is no fault by itself: it turns an optimizer into one with steps of a fixed size, and many
healthy trainings run so. It is one when the gradients are many times the bound and the loss does not move.
"""

from dataclasses import dataclass, field

import numpy as np

from paramedic_service.rules.changes import Changes
from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.description import Description, Optimizer
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.finding import Evidence, Severity
from paramedic_service.rules.monitor import Monitor
from paramedic_service.rules.standing import LossObservations
from paramedic_service.rules.telemetry import GRADIENT_NORM, LOSS, Doubles, Floats, Rows
from paramedic_service.rules.weights_history import at_most, room, total_norms

CLIPPING_SATURATED = RuleDeclaration(
    id="clipping_saturated",
    family="gradients",
    severity=Severity.WARNING,
    summary="Most gradients are clipped to a small part of themselves, and the loss is stuck.",
    requires=(GRADIENT_NORM, LOSS, "clipping"),
    parameters=(
        Parameter("share", 0.5, "rows of a window in which clipping is active"),
        Parameter("excess", 10.0, "norm over the bound in these rows", unit="ratio"),
        Parameter("first", 32, "rows before the first judgement: a loss needs some to fall", unit="steps"),
        Parameter("patience", 2, "windows in a row", unit="checks"),
        Parameter("resolve_after", 2, "other windows in a row that resolve it", unit="checks"),
    ),
    remedies=(
        "Raise the clipping bound to about the usual norm of the gradients.",
        "Find out why gradients are large: standardise inputs and targets, lower the learning rate.",
    ),
)

RULES = (CLIPPING_SATURATED,)


@dataclass(slots=True)
class ClippingState:
    """State of the rule of one run.

    Attributes:
        rows: Rows seen.
        filled: Rows of the window that is being filled.
        excess: Norm over the bound, of those of them that are clipped hard.
    """

    rows: int = 0
    filled: int = 0
    excess: list[float] = field(default_factory=list)


class ClippingMonitor(Monitor[ClippingState]):
    """The rule on clipping, on one run."""

    rules = RULES
    state_type = ClippingState

    def describe(self, description: Description, step: int, changes: Changes) -> None:
        """Takes in how gradients are clipped; another way begins another window."""
        if description.optimizer != self._optimizer or description.tensors != self._tensors:
            self.state = ClippingState()
        self.resume(description)

    def resume(self, description: Description) -> None:
        """Takes in how gradients are clipped."""
        self._optimizer, self._tensors = description.optimizer, description.tensors
        counts = [tensor.element_count or np.nan for tensor in description.tensors]
        self._roots: Doubles = np.sqrt(np.array(counts, np.float64))

    def observe(self, batch: Rows, losses: LossObservations, changes: Changes) -> None:
        """Judges windows of rows, counted from the start."""
        block = batch.blocks.get(GRADIENT_NORM)
        if block is None or self._optimizer is None or not self._optimizer.clips:
            return
        rule, state, start = self[CLIPPING_SATURATED].rule, self.state, 0
        hard = hard_clips(self._optimizer, block.values, self._roots, rule["excess"])
        while start < len(block.values):
            stop = min(start + room(state.rows), len(block.values))
            state.excess += hard[start:stop][hard[start:stop] > 0].tolist() if len(hard) else []
            complete = stop - start == room(state.rows)
            state.rows += stop - start
            state.filled += stop - start
            if complete:
                row = stop - 1 if block.rows is None else int(block.rows[stop - 1])
                self._judge(row, int(batch.steps[row]), losses, changes)
            start = stop

    def _judge(self, row: int, step: int, losses: LossObservations, changes: Changes) -> None:
        condition, state = self[CLIPPING_SATURATED], self.state
        verdict = judge(condition.rule, state.excess, state.filled, step)
        state.excess, state.filled = [], 0
        if verdict and (state.rows < condition.rule["first"] or not losses.standing(np.array([row])).stuck[0]):
            verdict = None
        condition.judged(changes, row, step, verdict)


def hard_clips(optimizer: Optimizer, norms: Floats, roots: Doubles, excess: float) -> Doubles:
    """How many times the bound gradients are where that exceeds a limit, and 0 elsewhere; empty when it nowhere does.

    Args:
        optimizer: Which clips.
        norms: float32 [rows, tensors].
        roots: float64 [tensors], square root of the element count; NaN where unknown.
        excess: The limit, norm over the bound.
    """
    if optimizer.global_clipnorm:
        if at_most(norms, excess * optimizer.global_clipnorm):
            return np.empty(0)
        ratios = total_norms(norms) / optimizer.global_clipnorm
    elif optimizer.clipnorm:
        if norms.max() <= excess * optimizer.clipnorm:
            return np.empty(0)
        ratios = norms.max(axis=1).astype(np.float64) / optimizer.clipnorm
    else:
        assert optimizer.clipvalue
        # The largest element is at least the root mean square.
        ratios = np.fmax.reduce(norms / roots, axis=1) / optimizer.clipvalue
    hard: Doubles = np.where(ratios > excess, ratios, 0.0)
    return hard


def judge(rule: RuleDeclaration, excess: list[float], rows: int, step: int) -> Verdict | None:
    """Judges a window.

    Args:
        rule: With its parameters.
        excess: Norm over the bound in the rows that are clipped hard.
        rows: Of the window.
        step: At its end.
    """
    share = len(excess) / rows
    if share <= rule["share"]:
        return None
    usual = float(np.median(excess))
    return Verdict(
        f"Clipping cuts {share:.0%} of the gradients, to about 1/{usual:.0f} of themselves, up to step {step}.",
        (
            Evidence(GRADIENT_NORM, step, share, "share of rows that are clipped hard", threshold=rule["share"]),
            Evidence(GRADIENT_NORM, step, usual, "norm over the bound", threshold=rule["excess"]),
        ),
    )

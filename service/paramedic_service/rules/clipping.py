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
from paramedic_service.rules.weights_history import room, total_norms

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
        excess: float64 [n] each, norm over the bound in rows of the window that is being filled.
    """

    rows: int = 0
    excess: list[Doubles] = field(default_factory=list)


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
        rows = np.arange(len(block.values)) if block.rows is None else block.rows
        excess = excess_of(self._optimizer, block.values, self._roots)
        start, state = 0, self.state
        while start < len(rows):
            stop = min(start + room(state.rows), len(rows))
            state.excess.append(excess[start:stop])
            complete = stop - start == room(state.rows)
            state.rows += stop - start
            if complete:
                row = int(rows[stop - 1])
                window, state.excess = np.concatenate(state.excess), []
                condition, step = self[CLIPPING_SATURATED], int(batch.steps[row])
                stuck = state.rows >= condition.rule["first"] and losses.standing(rows[stop - 1 : stop]).stuck[0]
                condition.judged(changes, row, step, judge(condition.rule, window, step) if stuck else None)
            start = stop


def excess_of(optimizer: Optimizer, norms: Floats, roots: Doubles) -> Doubles:
    """How many times the bound the gradients are; float64 [rows].

    Args:
        optimizer: Which clips.
        norms: float32 [rows, tensors].
        roots: float64 [tensors], square root of the element count; NaN where unknown.
    """
    if optimizer.global_clipnorm:
        return total_norms(norms) / optimizer.global_clipnorm
    if optimizer.clipnorm:
        clipped: Doubles = norms.max(axis=1).astype(np.float64) / optimizer.clipnorm
        return clipped
    assert optimizer.clipvalue
    # The largest element is at least the root mean square.
    largest: Doubles = np.fmax.reduce(norms / roots, axis=1) / optimizer.clipvalue
    return largest


def judge(rule: RuleDeclaration, excess: Doubles, step: int) -> Verdict | None:
    """Judges a window, float64 [rows] of norms over the bound; NaN is no excess."""
    over = excess[excess > rule["excess"]]
    share = len(over) / len(excess)
    if share <= rule["share"]:
        return None
    usual = float(np.median(over))
    return Verdict(
        f"Clipping cuts {share:.0%} of the gradients, to about 1/{usual:.0f} of themselves, up to step {step}.",
        (
            Evidence(GRADIENT_NORM, step, share, "share of rows that are clipped hard", threshold=rule["share"]),
            Evidence(GRADIENT_NORM, step, usual, "norm over the bound", threshold=rule["excess"]),
        ),
    )

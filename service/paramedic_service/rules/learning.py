"""Rules on how a training sets about learning: where the loss begins, where it cannot be, and the size of the steps.

- Initial loss: a classifier that knows nothing gives each of K classes 1 / K, which costs ln K. One that begins far
  above is confidently wrong. That alone is no fault: a head on features that nobody has scaled, deep residual stacks,
  unscaled embeddings and networks that knew other classes begin so, and unlearn it in their first steps, for a
  confident error has a large gradient. It is one when it lasts, because the weights are so large or the inputs so far
  off that no step gets far, or because the loss does not fit the output. What tells the two apart is the way back:
  whenever the steps have doubled, the lowest loss of those that were added has to have covered a good part of what
  was left. While the learning rate is warmed up nobody can hurry. One that begins below ln K was trained before.
- Impossible loss: a cross-entropy is never negative while the labels are what the loss takes them for, and a loss of
  exactly nothing that early means that the answer is among the inputs, or that all labels are alike.
- Stagnation: an update that is 1e-4 of the weights or less needs ten thousand steps to change them, so the loss falls
  slowly and in a straight line, if it can be seen to fall. While the rate is warmed up, after it has decayed, or once
  the loss is converged, small updates are health.
"""

import math
from dataclasses import dataclass

import numpy as np

from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.finding import Evidence, Severity
from paramedic_service.rules.telemetry import LOSS, UPDATE_NORM, WEIGHT_NORM, Doubles, Floats

INITIAL_LOSS = RuleDeclaration(
    id="initial_loss",
    family="metrics",
    severity=Severity.WARNING,
    summary="The loss begins far above that of knowing nothing, and stays there.",
    requires=(LOSS, "loss config"),
    parameters=(
        Parameter("ratio", 2.0, "losses over ln K, K being the number of classes", "TheDeepChecker", "ratio"),
        Parameter("losses", 8, "first losses, then the next as many, twice as many and so on; all above", unit="steps"),
        Parameter("covered", 0.25, "share of the way down from the lowest before that is to be covered", unit="ratio"),
        Parameter("resolve_after", 10, "losses below ln K that resolve it", unit="steps"),
    ),
    remedies=(
        "Standardise the inputs.",
        "Initialise by Glorot or He; scale the last layer's kernel down.",
        "Make loss and output fit: from_logits for logits, softmax or sigmoid for probabilities.",
    ),
)

IMPOSSIBLE_LOSS = RuleDeclaration(
    id="impossible_loss",
    family="metrics",
    severity=Severity.WARNING,
    summary="The loss is where it cannot be: a negative cross-entropy, or nothing left of it from early on.",
    requires=(LOSS, "loss config"),
    parameters=(
        Parameter("negative", 1e-6, "cross-entropy below minus this; less is rounding"),
        Parameter("nothing", 1e-8, "cross-entropy at or below which nothing is left"),
        Parameter("losses", 10, "such losses in a row", unit="steps"),
        Parameter("early", 200, "losses after which nothing may be left: the training is long and done", unit="steps"),
        Parameter("resolve_after", 50, "possible losses in a row that resolve it", unit="steps"),
    ),
    remedies=(
        "Check the labels: 0 and 1 for binary, class indices for sparse categorical, one-hot for categorical.",
        "Look for the target, or something made from it, among the inputs.",
        "Check that there is more than one class in the labels.",
    ),
)

STAGNATION = RuleDeclaration(
    id="stagnation",
    family="metrics",
    severity=Severity.WARNING,
    summary="The updates are too small for the weights to move, and the loss hardly does.",
    requires=(LOSS, UPDATE_NORM, WEIGHT_NORM),
    parameters=(
        Parameter("ratio", 1e-4, "update over weight norm, of the kernel with the largest", "TheDeepChecker", "ratio"),
        Parameter(
            "moved", 1e-3, "the same above which the weights once moved: what came then is no low rate", unit="ratio"
        ),
        Parameter("patience", 40, "such rows in a row, without the learning rate rising", unit="steps"),
        Parameter("decayed", 0.1, "learning rate over its highest below which it has done its work", unit="ratio"),
        Parameter("resolve_after", 50, "rows in a row without one that resolve it", unit="steps"),
    ),
    remedies=(
        "Raise the learning rate by a factor of 10, and again until the loss no longer falls faster.",
        "Look for a warm-up that is too long.",
        "Standardise the targets when they are large.",
    ),
)

RULES = (INITIAL_LOSS, IMPOSSIBLE_LOSS, STAGNATION)


@dataclass(slots=True)
class Start:
    """The first losses of a classifier, as long as all of them are too high.

    Attributes:
        count: Of them.
        first: The very first; NaN before it.
        lowest: Of the span that is being filled.
        before: Lowest of the span before it; None in the first.
        over: Whether there is nothing more to judge: one was low enough, or the finding is made.
        rate: The latest learning rate; None before one.
    """

    count: int = 0
    first: float = math.nan
    lowest: float = math.inf
    before: float | None = None
    over: bool = False
    rate: float | None = None

    def add(self, value: float, span: int) -> bool:
        """Adds a loss; returns whether it completes a span: the first `span`, the next as many, twice as many, ...

        Args:
            value: The loss.
            span: Length of the first.
        """
        if not self.count:
            self.first = value
        self.count += 1
        self.lowest = min(self.lowest, value)
        spans, rest = divmod(self.count, span)
        return not rest and not spans & (spans - 1)

    def turn(self) -> None:
        """Begins the next span."""
        self.before, self.lowest = self.lowest, math.inf


def initial_loss(rule: RuleDeclaration, start: Start, uniform: float, step: int) -> Verdict | None:
    """Judges the losses of a span that are all above the limit, by those of the span before."""
    limit = rule["ratio"] * uniform
    if start.before is None or start.before - start.lowest >= rule["covered"] * (start.before - limit):
        return None
    return Verdict(
        f"The loss begins at {start.first:.4g} and is still at least {start.lowest:.4g} by step {step}; a model that "
        f"knows nothing has {uniform:.4g}.",
        (
            Evidence(LOSS, step, start.lowest, f"lowest of the latest half of {start.count}", threshold=limit),
            Evidence(LOSS, step, start.before, "lowest before those"),
        ),
    )


def negative(rule: RuleDeclaration, value: float, step: int) -> Verdict:
    """Verdict on a negative cross-entropy."""
    return Verdict(
        f"The cross-entropy is {value:.4g} at step {step}; it cannot be negative for valid labels.",
        (Evidence(LOSS, step, value, "loss", threshold=-rule["negative"]),),
    )


def nothing(rule: RuleDeclaration, value: float, step: int) -> Verdict:
    """Verdict on a loss of nothing."""
    return Verdict(
        f"The loss is {value:.3g} by step {step}: there was next to nothing to learn.",
        (Evidence(LOSS, step, value, "loss", threshold=rule["nothing"]),),
    )


def relative_updates(updates: Floats, weights: Floats) -> Doubles:
    """Largest ratio of update to weight norm of each row: float64 [rows].

    Infinite where it says nothing of the learning rate: a kernel is all zeros, a norm is no number, or nothing moves.

    Args:
        updates: float32 [rows, kernels], norms.
        weights: float32 [rows, kernels], norms.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = updates.astype(np.float64) / weights
    largest: Doubles = np.where(np.isnan(ratios), np.inf, ratios).max(axis=1)
    return np.where(largest > 0, largest, np.inf)


def stagnation(rule: RuleDeclaration, ratio: float, step: int) -> Verdict:
    """Verdict on updates that have been small for long enough."""
    return Verdict(
        f"Updates are at most {ratio:.2g} of the weights by step {step} while the loss hardly falls.",
        (Evidence(UPDATE_NORM, step, ratio, "over the weight norm, largest of all kernels", threshold=rule["ratio"]),),
    )

"""Rules on how a training sets about learning: where the loss begins, where it cannot be, and the size of the steps.

- Initial loss: a classifier that knows nothing gives each of K classes 1 / K, which costs ln K. One that begins far
  above is confidently wrong: its logits are too large, or the loss does not fit its output. One that begins below was
  trained before, which is no fault.
- Impossible loss: a cross-entropy is never negative while the labels are what the loss takes them for, and a loss of
  exactly nothing that early means that the answer is among the inputs, or that all labels are alike.
- Stagnation: an update that is 1e-4 of the weights or less needs ten thousand steps to change them, so the loss falls
  slowly and in a straight line, if it can be seen to fall. While the rate is warmed up, after it has decayed, or once
  the loss is converged, small updates are health.
"""

import math

import numpy as np

from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.finding import Evidence, Severity
from paramedic_service.rules.telemetry import LOSS, UPDATE_NORM, WEIGHT_NORM, Doubles, Floats

INITIAL_LOSS = RuleDeclaration(
    id="initial_loss",
    family="metrics",
    severity=Severity.WARNING,
    summary="The loss begins far above that of knowing nothing.",
    requires=(LOSS, "loss config"),
    parameters=(
        Parameter("ratio", 2.0, "first losses over ln K, K being the number of classes", "TheDeepChecker", "ratio"),
        Parameter("losses", 3, "first losses, all of which must be above", unit="steps"),
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


def initial_loss(rule: RuleDeclaration, losses: list[float], uniform: float, step: int) -> Verdict | None:
    """Judges the first losses by that of a uniform prediction."""
    limit = rule["ratio"] * uniform
    lowest = min(losses)
    if not limit <= lowest < math.inf:
        return None
    return Verdict(
        f"The loss begins at {losses[0]:.4g}; a model that knows nothing has {uniform:.4g}.",
        (Evidence(LOSS, step, lowest, f"lowest of the first {len(losses)}", threshold=limit),),
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

"""Rules on the loss: it became non-finite, spiked, diverged, never fell, or stopped falling too early."""

import math
from collections.abc import Callable

from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.finding import Evidence, Severity
from paramedic_service.rules.learning_onset import Onset
from paramedic_service.rules.loss_history import RECENT, WINDOW, LossHistory
from paramedic_service.rules.oscillation import OSCILLATION, oscillation
from paramedic_service.rules.task import Ignorance
from paramedic_service.rules.telemetry import LOSS

LEAST_PATIENCE = 3
"""Losses in a row that make a spike, however high it is (ours)."""

CERTAIN = 3.0
"""Standard errors beyond which nothing is expected."""

NONFINITE_LOSS = RuleDeclaration(
    id="nonfinite_loss",
    family="loss",
    severity=Severity.CRITICAL,
    summary="The loss is NaN or infinite.",
    requires=(LOSS,),
    parameters=(Parameter("resolve_after", 100, "finite losses in a row that resolve it", unit="steps"),),
    remedies=(
        "Lower the learning rate by a factor of 10.",
        "Clip gradients by global norm 1.0.",
        "Look for NaN or infinity in the inputs and targets.",
        "Keep the loss in its domain: from_logits instead of the log of a probability, an epsilon in divisions.",
    ),
)

LOSS_SPIKE = RuleDeclaration(
    id="loss_spike",
    family="loss",
    severity=Severity.WARNING,
    summary="The loss stays far above its own recent mean.",
    requires=(LOSS,),
    parameters=(
        Parameter("ratio", 2.0, "loss over the mean of the last 100", "llm-foundry LossSpike", "ratio"),
        Parameter(
            "patience", 5, "such losses in a row; fewer the higher", "llm-foundry LossSpike; the count is ours", "steps"
        ),
        Parameter("share", 0.5, "height of the spike over the initial loss; a converged loss may double in noise"),
        Parameter("resolve_after", 50, "losses below it in a row that resolve it", unit="steps"),
    ),
    remedies=(
        "Inspect the batches just before the spike: order, labels, outliers.",
        "Warm the learning rate up, or lower it.",
        "Clip gradients by global norm 1.0.",
    ),
)

DIVERGENCE = RuleDeclaration(
    id="divergence",
    family="loss",
    severity=Severity.CRITICAL,
    summary="The smoothed loss rises and has lost what was learned.",
    requires=(LOSS,),
    parameters=(
        Parameter("ratio", 2.0, "smoothed loss over the lowest so far", "TheDeepChecker", "ratio"),
        Parameter("patience", 4, f"checks of {WINDOW} losses in a row", "TheDeepChecker", "checks"),
        Parameter("lost", 0.5, "share of the achieved decrease that was lost again: restarts lose less"),
        Parameter("resolve_after", 10, "checks below it in a row that resolve it", unit="checks"),
    ),
    remedies=(
        "Lower the learning rate by a factor of 10.",
        "Clip gradients by global norm 1.0.",
        "Warm the learning rate up over the first few hundred steps.",
    ),
)

NOT_DECREASING = RuleDeclaration(
    id="loss_not_decreasing",
    family="loss",
    severity=Severity.WARNING,
    summary="The loss has not fallen since the training began.",
    requires=(LOSS,),
    parameters=(
        Parameter("decrease", 0.05, "relative decrease that counts as learning", "TheDeepChecker", "ratio"),
        Parameter("checks", 30, f"checks of {WINDOW} losses that a training is given to begin", unit="checks"),
        Parameter("hopeless", 10, "the same while nothing points to a late beginning", unit="checks"),
        Parameter("excess", 1.5, "first losses over ln K of K classes from which it comes down by the last bias alone"),
        Parameter("falling", 1.5, "slope of the last losses that points to one", unit="standard errors"),
        Parameter("patience", 5, "checks in a row", "TheDeepChecker", "checks"),
        Parameter("resolve_after", 5, "checks with a decrease in a row that resolve it", unit="checks"),
    ),
    remedies=(
        "Look at the gradients: when they vanish, change activation, initialisation or cell type.",
        "Try a learning rate 10 times higher, then 10 times lower.",
        "Check that labels belong to their inputs: overfit a single batch first.",
        "Standardise the inputs.",
    ),
)

PLATEAU = RuleDeclaration(
    id="loss_plateau",
    family="loss",
    severity=Severity.INFO,
    summary="The loss stopped falling while most of it is still there.",
    requires=(LOSS,),
    parameters=(
        Parameter("begun", 0.05, "relative decrease after which a training had begun to learn", "TheDeepChecker"),
        Parameter("improvement", 0.01, "relative decrease from one 100 losses to the next below which it is flat"),
        Parameter("patience", 10, f"flat checks of {WINDOW} losses in a row", "SageMaker Debugger", "checks"),
        Parameter("resolve_after", 5, "falling checks in a row that resolve it", unit="checks"),
    ),
    remedies=(
        "Reduce the learning rate on plateau, or restart it with a schedule.",
        "Try another optimizer: RMSprop or SGD with momentum for recurrent networks.",
        "Give the model more capacity, or gating (LSTM, GRU) where sequences are long.",
    ),
)

RULES = (NONFINITE_LOSS, LOSS_SPIKE, DIVERGENCE, NOT_DECREASING, PLATEAU, OSCILLATION)


def spike_limit(rule: RuleDeclaration, history: LossHistory) -> float:
    """Loss above which an observation counts towards a spike; infinite while there is no baseline."""
    usual, initial = history.usual, history.initial
    if usual is None or initial is None or usual <= 0 or len(history.calm_means) < RECENT:
        return math.inf
    return max(rule["ratio"] * usual, usual + rule["share"] * abs(initial))


def spike_patience(rule: RuleDeclaration, history: LossHistory, value: float) -> int:
    """Losses in a row that make a spike of this height: as many as multiply to what the patience does at the ratio.

    A loss twice as high as usual may be noise, several in a row are none; a single one may be an outlier at any height.
    """
    usual = history.usual
    assert usual is not None
    return max(LEAST_PATIENCE, math.ceil(rule["patience"] * math.log(rule["ratio"]) / math.log(value / usual)))


def spike(history: LossHistory, limit: float, step: int, value: float) -> Verdict:
    """Verdict on a loss above the spike limit."""
    usual = history.usual
    assert usual is not None
    return Verdict(
        f"Loss {value:.4g} at step {step} is {value / usual:.1f} times the mean of the last 100 ({usual:.4g}).",
        (Evidence(LOSS, step, value, "loss", threshold=limit),),
    )


def nonfinite(step: int, value: float) -> Verdict:
    """Verdict on a loss that is no finite number."""
    name = "NaN" if math.isnan(value) else "infinite"
    return Verdict(f"The loss is {name} at step {step}.", (Evidence(LOSS, step, value, "loss"),))


def divergence(rule: RuleDeclaration, history: LossHistory, ignorance: Ignorance, step: int) -> Verdict | None:
    """Judges the end of a window: smoothed loss at least twice its lowest, and half of what was learned undone.

    Args:
        rule: With its parameters.
        history: Up to the window.
        ignorance: What the loss is of knowing nothing. A training that goes on from an earlier one begins below it,
            and what it can lose includes what was learned before.
        step: At the end of the window.
    """
    level, best, initial = history.level, history.best, history.initial
    if level is None or best is None or initial is None or best <= 0:
        return None
    threshold = max(rule["ratio"] * best, best + rule["lost"] * (max(initial, ignorance.level) - best))
    if level < threshold:
        return None
    return Verdict(
        f"The smoothed loss rose to {level:.4g} by step {step}, {level / best:.1f} times its lowest ({best:.4g}).",
        (Evidence(LOSS, step, level, "mean of the last 50 losses", threshold=threshold),),
    )


def not_decreasing(
    rule: RuleDeclaration, history: LossHistory, onset: Onset, ignorance: Ignorance, step: int
) -> Verdict | None:
    """Judges the end of a window: nothing learned since the beginning, which is not the same as having finished.

    Args:
        rule: With its parameters.
        history: Up to the window.
        onset: Likewise.
        ignorance: What the loss is of knowing nothing. To come down to it is to learn nothing.
        step: At the end of the window.
    """
    best, initial = history.best, history.initial
    if initial is not None:
        initial = ignorance.beginning(initial, rule["excess"])
    # A learning rate that is warmed up has not begun to work before it has risen.
    given = history.windows - onset.rose
    if best is None or initial is None or initial <= 0 or given < rule["hopeless"]:
        return None
    threshold = (1 - rule["decrease"]) * initial
    if best <= threshold:
        return None
    if given < rule["checks"] and (onset.growing or not _flat(rule, history, initial)):
        return None
    return Verdict(
        f"The loss began at {initial:.4g} and never fell below {best:.4g} in {history.windows * WINDOW} observations.",
        (Evidence(LOSS, step, best, "lowest mean of 50 losses", threshold=threshold),),
    )


def _flat(rule: RuleDeclaration, history: LossHistory, initial: float) -> bool:
    """Whether the loss shows no fall, and would if it were to decrease in about as many steps as it has had."""
    if history.slope is None:
        return False
    slope, error = history.slope
    possible = (CERTAIN * error - slope) * rule["hopeless"]
    return -slope < rule["falling"] * error and possible < rule["decrease"] * initial


def plateau(rule: RuleDeclaration, history: LossHistory, step: int) -> Verdict | None:
    """Judges the end of a window: it had begun to learn, and now is flat although most of the loss is left."""
    best, initial = history.best, history.initial
    if history.converged or best is None or initial is None or initial <= 0:
        return None
    began = best <= (1 - rule["begun"]) * initial
    improvement = history.improvement if began else None
    if improvement is None or improvement >= rule["improvement"]:
        return None
    return Verdict(
        f"The loss is flat at {history.level:.4g} by step {step}; it began at {initial:.4g}.",
        (Evidence(LOSS, step, improvement, "relative decrease over 100 losses", threshold=rule["improvement"]),),
    )


WINDOW_RULES: tuple[tuple[RuleDeclaration, Callable[[RuleDeclaration, LossHistory, int], Verdict | None]], ...] = (
    (PLATEAU, plateau),
    (OSCILLATION, oscillation),
)

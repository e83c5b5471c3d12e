"""The rule on a learning rate that is too high to settle, although not so high that the loss explodes.

Two signs of it. With the first steps the loss shoots up far beyond its noise, and what it comes down to is little
better than where it began: the steps threw the model out of the region where its initialisation works. Or the loss
swings: means over windows of losses differ by far more than the noise within the windows explains, while nothing is
gained. With noise alone the variance of such means is that within a window over its length, whatever the batch size or
dropout; their ratio is an F statistic.

A loss at or below zero has no scale, and is not judged.
"""

import math
from itertools import pairwise

from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.finding import Evidence, Severity
from paramedic_service.rules.loss_history import RECENT, SETTLED, WINDOW, LossHistory
from paramedic_service.rules.telemetry import LOSS

OSCILLATION = RuleDeclaration(
    id="oscillation",
    family="metrics",
    severity=Severity.WARNING,
    summary="The loss shot up with the first steps or swings far beyond its noise, and does not settle.",
    requires=(LOSS,),
    parameters=(
        Parameter("jump", 1.5, f"mean of three of the first {SETTLED} losses over the first", unit="ratio"),
        Parameter("noise", 4.0, "that jump over its standard error", unit="deviations"),
        Parameter("level", 0.6, "recent over first loss above which it came down to nothing", unit="ratio"),
        Parameter("swing", 0.03, f"change from {WINDOW} losses to the next over the initial loss", "AutoTrainer"),
        Parameter("share", 0.2, f"share of the last {2 * RECENT} such changes that are swings", "AutoTrainer"),
        Parameter("variance", 2.5, "variance of the means over what noise explains", unit="ratio"),
        Parameter("gain", 0.03, "relative decrease over them that counts as getting better", unit="ratio"),
        Parameter("left", 0.4, "share of the initial loss that is left", unit="ratio"),
        Parameter("patience", 3, f"checks of {WINDOW} losses in a row", unit="checks"),
        Parameter("resolve_after", 10, "calm checks in a row that resolve it", unit="checks"),
    ),
    remedies=(
        "Lower the learning rate by a factor of 10.",
        "Warm the learning rate up over the first few hundred steps.",
        "Clip gradients by global norm 1.0.",
        "Use larger batches.",
    ),
)


def oscillation(rule: RuleDeclaration, history: LossHistory, step: int) -> Verdict | None:
    """Judges the end of a window."""
    return _thrown(rule, history, step) or _swinging(rule, history, step)


def _thrown(rule: RuleDeclaration, history: LossHistory, step: int) -> Verdict | None:
    first, peak, noise = history.first, history.peak, history.noise
    if first is None or peak is None or noise is None or first <= 0 or peak < rule["jump"] * first:
        return None
    now = sum(history.means[-2:]) / 2
    # Of one loss and of a mean of three.
    error = noise * math.sqrt(1 + 1 / 3)
    if now < rule["level"] * first or peak - first < rule["noise"] * error:
        return None
    return Verdict(
        f"The loss began at {first:.4g}, rose to {peak:.4g} within {SETTLED} steps, and is {now:.4g} at step {step}.",
        (
            Evidence(LOSS, step, peak, f"highest mean of three of the first {SETTLED}", threshold=rule["jump"] * first),
            Evidence(LOSS, step, now, f"mean of the last {2 * WINDOW}", threshold=rule["level"] * first),
        ),
    )


def _swinging(rule: RuleDeclaration, history: LossHistory, step: int) -> Verdict | None:
    means, initial, first = history.means, history.initial, history.first
    if len(means) < 2 * RECENT or initial is None or first is None:
        return None
    scale = min(initial, rule["jump"] * first)
    now = sum(means[RECENT:]) / RECENT
    if scale <= 0 or now < rule["left"] * scale:
        return None  # where most windows of a healthy training end
    before = sum(means[:RECENT]) / RECENT
    if now < (1 - rule["gain"]) * before:
        return None
    changes = [after - before for before, after in pairwise(means)]
    swing = rule["swing"] * scale
    rises = len([change for change in changes if change >= swing])
    falls = len([change for change in changes if change <= -swing])
    # One spike is no swing: it rises once.
    if 2 * min(rises, falls) < rule["share"] * len(changes):
        return None
    explained = sum(history.variances) / len(history.variances) / (WINDOW - 1)
    variance = _detrended_variance(means)
    if variance < rule["variance"] * explained:
        return None
    return Verdict(
        f"The loss swings around {now:.4g} by step {step}: "
        f"from {WINDOW} losses to the next it changes by up to {max(map(abs, changes)):.2g}.",
        (
            Evidence(
                LOSS,
                step,
                math.sqrt(variance),
                f"standard deviation of the means of {WINDOW} losses",
                threshold=math.sqrt(rule["variance"] * explained),
            ),
        ),
    )


def _detrended_variance(values: list[float]) -> float:
    """Variance about a line through equidistant values."""
    count = len(values)
    centre, mean = (count - 1) / 2, sum(values) / count
    slope = sum((x - centre) * y for x, y in enumerate(values)) / sum((x - centre) ** 2 for x in range(count))
    residuals = [y - mean - slope * (x - centre) for x, y in enumerate(values)]
    return sum(each * each for each in residuals) / (count - 2)

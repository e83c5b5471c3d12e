"""Rules on per-tensor gradient norms: non-finite, exploding, spiking, vanishing, imbalanced, dead.

Every rule on single rows states two things: which cells of a block [rows x tensors] violate it, and the bounds between
which no cell can. The bounds are a screen: a block that stays inside the bounds of every rule needs no further look,
and a healthy run almost always does. A screen may suspect too much, never too little.

Thresholds on the root mean square, norm / sqrt(element count), hold for layers of any size.
"""

from dataclasses import dataclass

import numpy as np

from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.finding import Severity
from paramedic_service.rules.gradient_baseline import LONGEST_WINDOW, TINY, GradientBaseline
from paramedic_service.rules.rulebook import Rulebook
from paramedic_service.rules.standing import Standing
from paramedic_service.rules.telemetry import GRADIENT_NORM, LOSS, Doubles, Flags, Floats

LARGEST = float(np.finfo(np.float32).max)
LARGEST_LOG = float(np.log(LARGEST))

_RESOLVE = Parameter("resolve_after", 50, "rows in a row without a violation that resolve it", unit="steps")

_CALM = (
    "Clip gradients by global norm 1.0.",
    "Lower the learning rate by a factor of 10.",
    "Warm the learning rate up over the first few hundred steps.",
)

NONFINITE_GRADIENT = RuleDeclaration(
    id="nonfinite_gradient",
    family="gradients",
    severity=Severity.CRITICAL,
    summary="A gradient is NaN or infinite.",
    requires=(GRADIENT_NORM,),
    parameters=(
        Parameter("patience", 1, "such rows in a row", "TheDeepChecker", "steps"),
        Parameter(
            "scale_search", 10, "such rows in a row where dynamic loss scaling searches for a scale", unit="steps"
        ),
        _RESOLVE,
    ),
    remedies=(
        "Lower the learning rate by a factor of 10.",
        "Clip gradients by global norm 1.0.",
        "Look for NaN or infinity in the inputs and targets.",
        "Look for a division, logarithm or square root at zero in the loss.",
    ),
)

EXPLODING_GRADIENT = RuleDeclaration(
    id="exploding_gradient",
    family="gradients",
    severity=Severity.CRITICAL,
    summary="A gradient is enormous, and was not at the start.",
    requires=(GRADIENT_NORM, "element counts"),
    parameters=(
        Parameter("rms", 1e6, "root mean square of the gradient of a loss of order one", "TheDeepChecker"),
        Parameter("growth", 10, "norm over that of the first row: large targets make large gradients", unit="ratio"),
        Parameter("patience", 1, "such rows in a row", "TheDeepChecker", "steps"),
        _RESOLVE,
    ),
    remedies=_CALM,
)

EXPLODING_GRADIENT_RELATIVE = RuleDeclaration(
    id="exploding_gradient_relative",
    family="gradients",
    severity=Severity.CRITICAL,
    summary="A gradient stays far above its own baseline while the loss gets no better.",
    requires=(GRADIENT_NORM,),
    parameters=(
        Parameter("z", 6.0, "standard deviations of the log norm above its mean", "OLMo", "deviations"),
        Parameter("deviation", 0.4, "least standard deviation of the log norm: 6 of it are a factor of 11"),
        Parameter("patience", 5, "such rows in a row", unit="steps"),
        _RESOLVE,
    ),
    remedies=_CALM,
)

GROWING_GRADIENT = RuleDeclaration(
    id="growing_gradient",
    family="gradients",
    severity=Severity.CRITICAL,
    summary="The gradient norm doubles from check to check while the loss gets no better.",
    requires=(GRADIENT_NORM,),
    parameters=(
        Parameter("patience", 4, "doublings in a row, from one window of rows to the next", "TheDeepChecker", "checks"),
        Parameter("resolve_after", 4, "windows in a row without a doubling that resolve it", unit="checks"),
    ),
    remedies=_CALM,
)

GRADIENT_SPIKE = RuleDeclaration(
    id="gradient_spike",
    family="gradients",
    severity=Severity.WARNING,
    summary="A gradient is many times its recent maximum.",
    requires=(GRADIENT_NORM,),
    parameters=(
        Parameter("ratio", 10.0, "norm over the recent maximum", "Megatron-LM", "ratio"),
        Parameter("early", 100.0, f"the same in the first {LONGEST_WINDOW} rows, while learning sets in", unit="ratio"),
        Parameter("patience", 1, "such rows in a row", "Megatron-LM", "steps"),
        _RESOLVE,
    ),
    remedies=(
        "Inspect the batch of that step: labels, outliers, sequence lengths.",
        "Clip gradients by global norm 1.0.",
        "Warm the learning rate up over the first few hundred steps.",
    ),
)

VANISHING_GRADIENT = RuleDeclaration(
    id="vanishing_gradient",
    family="gradients",
    severity=Severity.CRITICAL,
    summary="The gradient of a kernel is next to nothing while the loss is far from learned.",
    requires=(GRADIENT_NORM, LOSS, "element counts"),
    parameters=(
        Parameter("rms", 1e-7, "root mean square of the gradient", "SageMaker Debugger"),
        Parameter("patience", 10, "such rows in a row", unit="steps"),
        Parameter("resolve_after", 200, "rows in a row without a violation that resolve it", unit="steps"),
    ),
    remedies=(
        "Use an activation that does not saturate: ReLU or GELU in feed-forward layers, tanh in recurrent ones.",
        "Initialise by He (ReLU) or Glorot (tanh); orthogonally in recurrent kernels.",
        "Normalise between layers, or add residual connections.",
        "Use gated cells (LSTM, GRU) instead of plain recurrent ones; shorten or truncate the sequences.",
    ),
)

LAYER_IMBALANCE = RuleDeclaration(
    id="layer_imbalance",
    family="gradients",
    severity=Severity.WARNING,
    summary="The gradients of the first and the last layer differ by orders of magnitude and the loss is stuck.",
    requires=(GRADIENT_NORM, LOSS, "element counts", "two kernels"),
    parameters=(
        Parameter("highest", 70.0, "root mean square of the first over the last", "AutoTrainer", "ratio"),
        Parameter("lowest", 1e-3, "root mean square of the first over the last", "AutoTrainer", "ratio"),
        Parameter("first", 1e-4, "root mean square of the first below which the lowest ratio counts", "AutoTrainer"),
        Parameter("patience", 2, "windows of rows in a row", unit="checks"),
        Parameter("resolve_after", 2, "balanced windows in a row that resolve it", unit="checks"),
    ),
    remedies=(
        "Initialise by He (ReLU) or Glorot (tanh).",
        "Normalise between layers, or add residual connections.",
        "Standardise the inputs.",
    ),
)

DEAD_TENSOR = RuleDeclaration(
    id="dead_tensor",
    family="gradients",
    severity=Severity.WARNING,
    summary="A trainable tensor receives no gradient at all.",
    requires=(GRADIENT_NORM,),
    parameters=(
        Parameter("patience", 10, "rows in a row with a gradient of exactly zero", unit="steps"),
        _RESOLVE,
    ),
    remedies=(
        "Connect the layer to the loss, or mark it as not trainable.",
        "Look for dead units in front of it: ReLU with a large negative bias or too high a learning rate.",
    ),
)

RULES = (
    NONFINITE_GRADIENT,
    EXPLODING_GRADIENT,
    EXPLODING_GRADIENT_RELATIVE,
    GROWING_GRADIENT,
    GRADIENT_SPIKE,
    VANISHING_GRADIENT,
    LAYER_IMBALANCE,
    DEAD_TENSOR,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Per-tensor thresholds that hold until the current window ends; float32 [tensors] each.

    Attributes:
        enormous: Norm above which a gradient may count as enormous; the largest number where the element count is not
            known.
        relative: Norm above which a gradient is far above its baseline; infinite where there is no baseline.
        spike: Norm above which it is a spike; infinite where there is no baseline.
        vanishing: Norm below which a kernel's gradient vanishes; 0 for other tensors.
    """

    enormous: Floats
    relative: Floats
    spike: Floats
    vanishing: Floats

    @property
    def highest(self) -> Floats:
        """No rule suspects a finite norm at or below it."""
        return np.minimum(np.minimum(self.enormous, self.relative), self.spike)

    @property
    def lowest(self) -> Floats:
        """No rule suspects a norm at or above it."""
        return np.maximum(self.vanishing, np.float32(TINY))


def limits(rules: Rulebook, baseline: GradientBaseline, roots: Doubles, kernels: Flags) -> Limits:
    """Thresholds before the first window is complete.

    Args:
        rules: With their parameters.
        baseline: With its first row, if there is one.
        roots: float64 [tensors], square root of the element count; NaN where unknown.
        kernels: bool [tensors], tensors whose gradient may vanish. A bias before a normalisation has, and may have,
            a gradient of nothing but rounding errors.
    """
    enormous = np.nan_to_num(rules[EXPLODING_GRADIENT]["rms"] * baseline.scale * roots, nan=np.inf)
    if baseline.first is not None:
        first = np.nan_to_num(baseline.first.astype(np.float64), nan=0.0, posinf=0.0)
        enormous = np.maximum(enormous, rules[EXPLODING_GRADIENT]["growth"] * first)
    vanishing = np.where(kernels, np.nan_to_num(rules[VANISHING_GRADIENT]["rms"] * roots), 0.0)
    unknown = np.full(roots.shape, np.inf, np.float32)
    return Limits(_float32(enormous), unknown, unknown, _float32(vanishing))


def adapted(rules: Rulebook, bounds: Limits, baseline: GradientBaseline) -> Limits:
    """Thresholds for the window after a complete one: what depends on the baseline is renewed."""
    peak = baseline.peak
    if peak is None or baseline.first_peak is None or baseline.log_mean is None or baseline.log_variance is None:
        return bounds
    settled = baseline.rows >= LONGEST_WINDOW
    # A late spike that stays below what the first steps brought cannot hurt what they did not.
    ratio = rules[GRADIENT_SPIKE]["ratio" if settled else "early"]
    spike = _float32(np.maximum(ratio * peak.astype(np.float64), baseline.first_peak))
    relative = bounds.relative
    if settled:
        deviation = np.maximum(np.sqrt(baseline.log_variance), rules[EXPLODING_GRADIENT_RELATIVE]["deviation"])
        highest_log = baseline.log_mean + rules[EXPLODING_GRADIENT_RELATIVE]["z"] * deviation
        relative = _float32(np.exp(np.minimum(highest_log, LARGEST_LOG)))
    if baseline.counts is not None and not baseline.counts.all():
        unknown = baseline.counts == 0
        spike[unknown], relative = np.inf, np.where(unknown, np.float32(np.inf), relative)
    return Limits(bounds.enormous, relative, spike, bounds.vanishing)


def _float32(bound: Doubles) -> Floats:
    """Rounds a bound to the precision of the norms; one beyond their range becomes the largest of them."""
    return np.minimum(bound, LARGEST).astype(np.float32)


def nonfinite(norms: Floats, _bounds: Limits, _standing: Standing) -> Flags:
    """Cells that are NaN or infinite."""
    return ~np.isfinite(norms)


def enormous(norms: Floats, bounds: Limits, standing: Standing) -> Flags:
    """Cells beyond the absolute threshold, while the loss gets no better."""
    return (norms > bounds.enormous) & np.isfinite(norms) & standing.worse[:, None]


def relative(norms: Floats, bounds: Limits, standing: Standing) -> Flags:
    """Cells far above their baseline, while the loss gets no better: gradients also grow when learning sets in."""
    return (norms > bounds.relative) & np.isfinite(norms) & standing.worse[:, None]


def spike(norms: Floats, bounds: Limits, standing: Standing) -> Flags:
    """Cells many times their recent maximum, on a row whose loss jumped: gradients also grow when learning sets in."""
    return (norms > bounds.spike) & np.isfinite(norms) & standing.jumped[:, None]


def vanishing(norms: Floats, bounds: Limits, standing: Standing) -> Flags:
    """Cells of kernels next to zero, but not zero, while the loss is stuck."""
    return (norms < bounds.vanishing) & (norms > TINY) & standing.stuck[:, None]


def dead(norms: Floats, _bounds: Limits, standing: Standing) -> Flags:
    """Cells that are exactly zero, unless the training is done and has no gradient left to give."""
    return (norms <= TINY) & ~standing.converged[:, None]


def imbalance(
    rule: RuleDeclaration, baseline: GradientBaseline, roots: Doubles, first: int, last: int
) -> tuple[float, float] | None:
    """Ratio of the first kernel's root mean square to the last one's over a window, and the first one's.

    None where it is neither too high nor too low, or cannot be told.
    """
    assert baseline.window_log_mean is not None
    rms = baseline.window_log_mean - np.log(roots)
    ratio, first_rms = float(np.exp(rms[first] - rms[last])), float(np.exp(rms[first]))
    low = ratio < rule["lowest"] and first_rms < rule["first"]
    return (ratio, first_rms) if low or ratio > rule["highest"] else None

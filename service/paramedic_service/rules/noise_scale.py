"""The rule on the gradient noise scale: the batch is far too small, or far larger than of use.

The simple noise scale of McCandlish et al. (2018, "An Empirical Model of Large-Batch Training", appendix A.1) is
tr(cov) / |G|^2 in samples, where cov is the covariance of single samples' gradients and G the true gradient. Norms over
batches of two sizes b < B give unbiased estimates of both:

    |G|^2   = (B |g_B|^2 - b |g_b|^2) / (B - b)
    tr(cov) = (|g_b|^2 - |g_B|^2) / (1/b - 1/B)

Single estimates are wild, hence both are averaged over many measurements before they are divided. An average |G|^2 that
is not positive tells only that the noise is larger than can be measured, which is no ground to accuse.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from paramedic_service.rules.changes import Changes
from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.finding import Evidence, Severity
from paramedic_service.rules.monitor import Monitor
from paramedic_service.rules.standing import LossObservations
from paramedic_service.rules.telemetry import LOSS, Rows

SIGNALS = ("micro_gradient_norm", "macro_gradient_norm", "micro_batch_size", "macro_batch_size")

MEASUREMENTS = 8
"""Measurements that an average is taken over."""

GRADIENT_NOISE = RuleDeclaration(
    id="gradient_noise",
    family="gradients",
    severity=Severity.INFO,
    summary="The batch size does not suit the noise of the gradient, and the loss is stuck.",
    requires=(*SIGNALS, LOSS),
    parameters=(
        Parameter("highest", 50.0, "noise scale over the batch size: steps go nearly at random", unit="ratio"),
        Parameter(
            "lowest", 0.02, "noise scale over the batch size: most samples of a batch tell nothing", unit="ratio"
        ),
        Parameter("patience", 2, "measurements in a row", unit="measurements"),
        Parameter("resolve_after", 2, "other measurements in a row that resolve it", unit="measurements"),
    ),
    remedies=(
        "Where noise is high: use larger batches, or a lower learning rate.",
        "Where noise is low: use smaller batches and more steps, or a higher learning rate.",
    ),
)

RULES = (GRADIENT_NOISE,)


@dataclass(slots=True)
class NoiseState:
    """State of the rule of one run.

    Attributes:
        gradients: Estimates of the squared norm of the true gradient, the last MEASUREMENTS.
        covariances: Estimates of the trace of the covariance, likewise.
    """

    gradients: list[float] = field(default_factory=list)
    covariances: list[float] = field(default_factory=list)


class NoiseMonitor(Monitor[NoiseState]):
    """The rule on the noise scale, on one run."""

    rules = RULES
    state_type = NoiseState

    def restart(self) -> None:
        """Forgets the last training's gradients."""
        self.state = NoiseState()

    def observe(self, batch: Rows, losses: LossObservations, changes: Changes) -> None:
        """Judges the rows that hold a measurement."""
        columns = [batch.scalars.get(name) for name in SIGNALS]
        measured: dict[int, list[float]] = {}
        for column in columns:
            if column is None:
                return
            rows = range(len(column.values)) if column.rows is None else column.rows.tolist()
            for row, value in zip(rows, column.values.tolist(), strict=True):
                measured.setdefault(row, []).append(value)
        condition = self[GRADIENT_NOISE]
        for row in sorted(measured):
            if len(measured[row]) == len(SIGNALS) and self._add(*measured[row]):
                step = int(batch.steps[row])
                verdict = judge(condition.rule, self.state, measured[row][-1], step)
                if verdict and not losses.standing(np.array([row])).stuck[0]:
                    verdict = None
                condition.judged(changes, row, step, verdict)

    def _add(self, small: float, large: float, few: float, many: float) -> bool:
        """Adds a measurement; returns whether there are enough."""
        state = self.state
        if 0 < few < many < math.inf:
            gradient, covariance = estimates(small, large, few, many)
            if math.isfinite(gradient + covariance):
                state.gradients = [*state.gradients[1 - MEASUREMENTS :], gradient]
                state.covariances = [*state.covariances[1 - MEASUREMENTS :], covariance]
        return len(state.gradients) == MEASUREMENTS


def estimates(small: float, large: float, few: float, many: float) -> tuple[float, float]:
    """Squared norm of the true gradient, and trace of the covariance.

    Args:
        small: Root mean square of the gradient's norm over batches of the smaller size.
        large: Norm over the batch of the larger size.
        few: The smaller size, samples.
        many: The larger size, samples.
    """
    # Products, not powers: a power that is too large for a float raises.
    gradient = (many * (large * large) - few * (small * small)) / (many - few)
    covariance = (small * small - large * large) / (1 / few - 1 / many)
    return gradient, covariance


def judge(rule: RuleDeclaration, state: NoiseState, batch_size: float, step: int) -> Verdict | None:
    """Compares the noise scale with the batch size, in samples."""
    gradient, covariance = sum(state.gradients), sum(state.covariances)
    if gradient <= 0 or covariance <= 0:
        return None
    scale = covariance / gradient
    ratio = scale / batch_size
    if rule["lowest"] <= ratio <= rule["highest"]:
        return None
    size = "small" if ratio > 1 else "large"
    return Verdict(
        f"A batch of {batch_size:.0f} samples is too {size} for a gradient noise scale of {scale:.3g} samples, by step "
        f"{step}.",
        (
            Evidence(
                "gradient noise scale",
                step,
                ratio,
                "noise scale over the batch size",
                threshold=rule["highest" if ratio > 1 else "lowest"],
            ),
        ),
    )

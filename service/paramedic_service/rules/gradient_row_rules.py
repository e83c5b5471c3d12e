"""How the gradient rules on single rows are judged and told."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from paramedic_service.rules import gradients
from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.gradients import Limits
from paramedic_service.rules.standing import Standing
from paramedic_service.rules.telemetry import Doubles, Flags, Floats

Measure = Callable[[Doubles, Limits, Doubles], tuple[Doubles, Doubles | None]]


@dataclass(frozen=True, slots=True)
class RowRule:
    """A rule on single rows: how it is judged and told.

    Attributes:
        declaration: The rule.
        cells: Which cells of float32 [n, tensors] violate it.
        abnormal: Whether such cells must not enter the baseline.
        measure: From the float64 norms of a row: what is reported a tensor, and the threshold if there is one.
        order: Sort key of the measured values: the worst first.
        meaning: Of the measured value.
        sentence: With places for name, others, value and step.
    """

    declaration: RuleDeclaration
    cells: Callable[[Floats, Limits, Standing], Flags]
    abnormal: bool
    measure: Measure
    order: Callable[[Doubles], Doubles]
    meaning: str
    sentence: str


def _norm(norms: Doubles, _bounds: Limits, _roots: Doubles) -> tuple[Doubles, Doubles | None]:
    return norms, None


def _over(bound: Callable[[Limits], Floats]) -> Measure:
    def measure(norms: Doubles, bounds: Limits, _roots: Doubles) -> tuple[Doubles, Doubles | None]:
        return norms, bound(bounds).astype(np.float64)

    return measure


def _rms(bound: Callable[[Limits], Floats]) -> Measure:
    def measure(norms: Doubles, bounds: Limits, roots: Doubles) -> tuple[Doubles, Doubles | None]:
        return norms / roots, bound(bounds) / roots

    return measure


def _as_listed(values: Doubles) -> Doubles:
    return np.zeros_like(values)


NONFINITE = RowRule(
    gradients.NONFINITE_GRADIENT,
    gradients.nonfinite,
    abnormal=True,
    measure=_norm,
    order=_as_listed,
    meaning="norm",
    sentence="The gradient of {name}{others} is {value} at step {step}.",
)

SIZE_RULES = (
    RowRule(
        gradients.EXPLODING_GRADIENT,
        gradients.enormous,
        abnormal=True,
        measure=_rms(lambda bounds: bounds.enormous),
        order=np.negative,
        meaning="root mean square",
        sentence="The gradient of {name}{others} exploded to a root mean square of {value:.3g} by step {step}.",
    ),
    RowRule(
        gradients.EXPLODING_GRADIENT_RELATIVE,
        gradients.relative,
        abnormal=True,
        measure=_over(lambda bounds: bounds.relative),
        order=np.negative,
        meaning="norm",
        sentence="The gradient of {name}{others} stays far above its baseline: norm {value:.3g} at step {step}.",
    ),
    RowRule(
        gradients.GRADIENT_SPIKE,
        gradients.spike,
        abnormal=True,
        measure=_over(lambda bounds: bounds.spike),
        order=np.negative,
        meaning="norm",
        sentence="The gradient of {name}{others} spiked to a norm of {value:.3g} at step {step}.",
    ),
    RowRule(
        gradients.VANISHING_GRADIENT,
        gradients.vanishing,
        abnormal=False,
        measure=_rms(lambda bounds: bounds.vanishing),
        order=np.positive,
        meaning="root mean square",
        sentence="The gradient of {name}{others} vanished to a root mean square of {value:.2g} by step {step}.",
    ),
    RowRule(
        gradients.DEAD_TENSOR,
        gradients.dead,
        abnormal=True,
        measure=_norm,
        order=_as_listed,
        meaning="norm",
        sentence="{name}{others} received a gradient of exactly zero up to step {step}.",
    ),
)

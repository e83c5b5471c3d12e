"""Values whose mean, deviation and range are those that a profile reports.

Hidden factors come as bell-shaped scores. Each feature's scores are mapped to its values by rank, which keeps the order
of the samples and with it whatever depends on them, whether a feature is symmetric, skewed, or a switch.
"""

from dataclasses import dataclass

import numpy as np

from paramedic_service.reproduction.data.samples import Array, Floats

POINTS = 2_048
"""Quantiles that a mapping is made of."""

_SINGLE = float(np.finfo(np.float32).max)
_SWITCH = 0.02
_TAILS = 4.0


@dataclass(frozen=True, slots=True)
class Marginal:
    """How the values of one feature are distributed.

    Attributes:
        mean: Of all values.
        deviation: At least 0.
        lowest: At most the mean.
        highest: At least the mean.
        whole: Whether all of them are whole numbers.
    """

    mean: float = 0.0
    deviation: float = 1.0
    lowest: float = -_TAILS
    highest: float = _TAILS
    whole: bool = False

    def quantiles(self, generator: np.random.Generator, count: int = POINTS) -> Floats:
        """Values in ascending order, [count].

        A beta distribution over the range, by the method of moments: from two points at the ends over flat and
        skewed to narrow bells it has any mean and deviation that a bounded quantity can have.
        """
        span = self.highest - self.lowest
        if not span > 0 or not self.deviation > 0:
            return np.full(count, self.mean)
        centre = np.clip((self.mean - self.lowest) / span, 1e-6, 1 - 1e-6)
        freedom = centre * (1 - centre) / (self.deviation / span) ** 2 - 1
        if freedom < _SWITCH:
            values = np.where(np.arange(count) < round(count * (1 - centre)), self.lowest, self.highest)
        else:
            shares = generator.beta(centre * freedom, (1 - centre) * freedom, count)
            values = self.lowest + span * np.sort(shares)
            # Extremes are what makes some data hard, and a narrow bell would never reach them.
            values[0], values[-1] = self.lowest, self.highest
        return np.rint(values) if self.whole else values


def marginal(
    mean: float | None, deviation: float | None, lowest: float | None, highest: float | None, *, whole: bool = False
) -> Marginal:
    """A marginal from reported statistics, made consistent; standard normal where nothing is known.

    Statistics are hostile as everything reported is: what is not finite or beyond float32 counts as unknown.
    """
    centre, spread = _sound(mean), _sound(deviation)
    low, high = _sound(lowest), _sound(highest)
    if centre is None:
        centre = 0.0 if low is None or high is None else low / 2 + high / 2
    if spread is None or spread < 0:
        spread = 1.0 if low is None or high is None else (high - low) / (2 * _TAILS)
    low = centre - _TAILS * spread if low is None else min(low, centre)
    high = centre + _TAILS * spread if high is None else max(high, centre)
    return Marginal(centre, max(spread, 0.0), low, high, whole)


def without_padding(known: Marginal, share: float) -> Marginal:
    """What is left of a marginal when a share of all values, 0 to 1, are zeros that pad."""
    if not 0 < share < 1:
        return known
    mean = float(np.clip(known.mean / (1 - share), known.lowest, known.highest))
    square = (known.deviation**2 + known.mean**2) / (1 - share)
    return Marginal(mean, float(np.sqrt(max(square - mean**2, 0.0))), known.lowest, known.highest, known.whole)


def by_rank(scores: Array, fitted: Array, marginals: tuple[Marginal, ...], generator: np.random.Generator) -> Array:
    """Maps scores to values, feature by feature.

    Args:
        scores: To be mapped, [..., features].
        fitted: Scores [n, features], one or more of every feature, whose ranks the mapping is made from.
        marginals: One a feature, or one for all of them together.
        generator: For the quantiles.

    Returns:
        Values of the same shape, float32 as far as they go.
    """
    values = np.empty(scores.shape, np.float32)
    for feature, wanted in enumerate(marginals):
        column = slice(None) if len(marginals) == 1 else slice(feature, feature + 1)
        quantiles = wanted.quantiles(generator)
        known = np.quantile(fitted[:, column], np.linspace(0, 1, len(quantiles)))
        mapped = np.interp(scores[..., column], known, quantiles)
        if wanted.whole:
            mapped = np.rint(mapped)
        values[..., column] = np.clip(mapped, -_SINGLE, _SINGLE)
    return values


def _sound(number: float | None) -> float | None:
    return number if number is not None and abs(number) <= _SINGLE else None

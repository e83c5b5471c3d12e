"""Intervals at 95%."""

from collections.abc import Callable, Sequence

import numpy as np

from corpus.telemetry import Values

_Z = 1.959964
_RESAMPLES = 2000

Interval = tuple[float, float]


def wilson(hits: int, total: int) -> Interval:
    """Wilson's score interval of a proportion (Wilson 1927).

    Args:
        hits: Successes.
        total: Trials.
    """
    if total == 0:
        return 0.0, 1.0
    share, z2 = hits / total, _Z**2
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z / (1 + z2 / total) * np.sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))


def bootstrap(
    values: Sequence[float],
    groups: Sequence[str],
    statistic: Callable[[Values], float] = lambda values: float(np.mean(values)),
) -> Interval:
    """Percentile bootstrap that draws whole groups: runs of one program are no independent evidence.

    Args:
        values: One a run.
        groups: Program of each.
        statistic: Of the values of a resample.
    """
    if not values:
        return 0.0, 0.0
    names = sorted(set(groups))
    parts = [np.array([value for value, group in zip(values, groups, strict=True) if group == name]) for name in names]
    generator = np.random.default_rng(0)
    drawn = [
        statistic(np.concatenate([parts[each] for each in generator.integers(0, len(parts), len(parts))]))
        for _ in range(_RESAMPLES)
    ]
    low, high = np.percentile(drawn, (2.5, 97.5), method="inverted_cdf")
    return float(low), float(high)

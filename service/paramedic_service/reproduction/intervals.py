"""Intervals of means over a handful of seeds."""

from collections.abc import Sequence

import numpy as np

CONFIDENCE = 0.95

# 97.5% quantiles of Student's t distribution by degrees of freedom, from 1: Abramowitz and Stegun, Handbook of
# Mathematical Functions, table 26.10. Beyond the table its last entry serves, which makes an interval wider, never
# narrower, than it should be.
# fmt: off
_T = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)
# fmt: on


def mean_interval(values: Sequence[float]) -> tuple[float, float, float] | None:
    """The mean of independent values with its 95% interval, by Student's t distribution.

    Trainings from different seeds are independent draws; what differs between two arms on the same seed is free of what
    the seed does to both, so intervals of paired differences are much narrower (Colas et al., 2018, "How Many Random
    Seeds?"). With few seeds the normal distribution would promise too much: t is what Student (1908) made for that.

    Args:
        values: Finite, [seeds].

    Returns:
        Mean, lower and upper end; None for fewer than two values, which say nothing of their spread.
    """
    count = len(values)
    if count < 2:
        return None
    mean = float(np.mean(values))
    half = _T[min(count - 1, len(_T)) - 1] * float(np.std(values, ddof=1)) / count**0.5
    return mean, mean - half, mean + half

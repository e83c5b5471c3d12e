"""Thins long series so that what matters survives: extremes, ends, and where numbers stop being finite."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Steps = npt.NDArray[np.int64]
Values = npt.NDArray[np.floating]

POINTS_A_BUCKET = 4  # first, last, lowest, highest
_CHUNK_ROWS = 16_384  # rows kept as they are before they are thinned, which bounds memory


def thin(steps: Steps, values: Values, start: int, width: int) -> tuple[Steps, Values]:
    """Keeps of every bucket of steps the first, last, lowest and highest point, and every change of finiteness.

    Thinning a series in parts, and then what is left of them together, gives the same as thinning it at once.

    Args:
        steps: [n], not decreasing.
        values: [n]; NaN and infinities count neither as lowest nor as highest.
        start: First step of the first bucket.
        width: Steps in a bucket.

    Returns:
        Steps and values that are left, in order.
    """
    if len(steps) == 0:
        return steps, values
    buckets = (steps - start) // width
    ends = np.flatnonzero(np.diff(buckets))
    finite = np.isfinite(values)
    changes = np.flatnonzero(finite[1:] != finite[:-1])
    # Sorted by value within each bucket; the sort is stable, so that equal values keep their order.
    lowest = np.lexsort((np.where(finite, values, np.inf), buckets))
    highest = np.lexsort((np.where(finite, values, -np.inf), buckets))
    firsts = np.concatenate(([0], ends + 1))
    lasts = np.concatenate((ends, [len(steps) - 1]))
    kept = np.unique(np.concatenate((firsts, lasts, lowest[firsts], highest[lasts], changes, changes + 1)))
    return steps[kept], values[kept]


@dataclass(frozen=True, slots=True)
class Span:
    """The steps that are looked at, cut into buckets.

    Attributes:
        start: First step.
        width: Steps in a bucket.
    """

    start: int
    width: int

    @classmethod
    def over(cls, first: int, last: int, max_points: int) -> "Span":
        """Cuts the steps from first to last into as many buckets as `max_points` allows."""
        return cls(first, max(last - first, 0) // (max_points // POINTS_A_BUCKET) + 1)


class Thinner:
    """Thins several series over the same steps while they are read, in bounded memory.

    Args:
        series: How many there are.
        span: Buckets.
        max_points: Series of at most so many points are left as they are.
    """

    def __init__(self, series: int, span: Span, max_points: int) -> None:
        self._span = span
        self._max_points = max_points
        self._pending: list[tuple[Steps, Values]] = []
        self._pending_rows = 0
        self._thinned: list[tuple[Steps, Values]] = [
            (np.empty(0, np.int64), np.empty(0, np.float32)) for _ in range(series)
        ]
        self.total = 0

    def add(self, steps: Steps, values: Values) -> None:
        """Adds points: steps [n], values [n, series]."""
        self._pending.append((steps, values))
        self._pending_rows += len(steps)
        self.total += len(steps)
        if self._pending_rows > max(_CHUNK_ROWS, self._max_points):
            self._collect(thinned=True)

    def result(self) -> list[tuple[Steps, Values]]:
        """What is left of each series."""
        self._collect(thinned=self.total > self._max_points)
        return self._thinned

    def _collect(self, *, thinned: bool) -> None:
        if self._pending:
            steps = np.concatenate([part for part, _ in self._pending])
            values = np.concatenate([part for _, part in self._pending])
            self._pending = []
            self._pending_rows = 0
            self._thinned = [
                (np.concatenate((old_steps, steps)), np.concatenate((old_values, values[:, index])))
                for index, (old_steps, old_values) in enumerate(self._thinned)
            ]
        if thinned:
            self._thinned = [thin(*series, self._span.start, self._span.width) for series in self._thinned]

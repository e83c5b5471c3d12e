"""Axes of plots: which range, where the ticks stand, and whether a logarithm is needed."""

from dataclasses import dataclass
from math import ceil, floor, log10

import numpy as np
import numpy.typing as npt

# Ratio of the largest value to a small one from which a linear axis shows nothing but the largest.
_WIDE = 50.0
# Beyond that nothing is told by how much worse it got, and healthy arms become a line at the bottom.
_MOST_DECADES = 9


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis.

    Attributes:
        low: At its beginning; a power of ten where logarithmic.
        high: At its end.
        logarithmic: Whether equal ratios take equal room.
        ticks: Where a number stands.
    """

    low: float
    high: float
    logarithmic: bool
    ticks: tuple[float, ...]

    def place(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Places values on the axis: 0 at its beginning, 1 at its end; what lies beyond is held at the end."""
        if self.logarithmic:
            shown = np.log10(np.maximum(values, self.low)) - log10(self.low)
            return np.clip(shown / (log10(self.high) - log10(self.low)), 0.0, 1.0)
        return np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0)


def value_axis(values: npt.NDArray[np.float64]) -> Axis:
    """An axis for the values of several plots; what is larger than it shows is drawn at its end.

    Args:
        values: Finite; none gives an axis from 0 to 1.
    """
    if not len(values):
        return _linear(0.0, 1.0)
    positive = values[values > 0]
    # A few exact zeros must not hide what happened over many decades.
    if values.min() >= 0 and len(positive) > 0.9 * len(values):
        low, high = float(np.quantile(positive, 0.005)), float(positive.max())
        if high > _WIDE * np.quantile(positive, 0.1):
            return _decades(low, high)
    return _linear(float(values.min()), float(values.max()))


def step_axis(last: float) -> Axis:
    """An axis from step 0 to the last one."""
    spacing = _round_spacing(max(last, 1.0) / 3)
    ticks = tuple(spacing * index for index in range(int(max(last, 1.0) / spacing) + 1))
    return Axis(0.0, max(last, 1.0), logarithmic=False, ticks=ticks)


def label(value: float) -> str:
    """A tick's number."""
    if value and (abs(value) >= 1e4 or abs(value) < 1e-3):
        exponent = floor(log10(abs(value)) + 1e-9)
        mantissa = value / 10.0**exponent
        return f"1e{exponent}" if abs(mantissa - 1) < 1e-6 else f"{mantissa:.2g}e{exponent}"
    return f"{value:.4g}"


def _decades(low: float, high: float) -> Axis:
    first = floor(log10(low))
    last = min(max(ceil(log10(high)), first + 1), first + _MOST_DECADES)
    every = max(1, ceil((last - first) / 4))
    return Axis(10.0**first, 10.0**last, logarithmic=True, ticks=tuple(10.0**e for e in range(first, last + 1, every)))


def _linear(low: float, high: float) -> Axis:
    if low >= 0 and low < 0.5 * high:
        low = 0.0
    if high <= low:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    spacing = _round_spacing((high - low) / 3)
    begin, end = floor(low / spacing), ceil(high / spacing)
    ticks = tuple(spacing * index for index in range(begin, end + 1))
    return Axis(spacing * begin, spacing * end, logarithmic=False, ticks=ticks)


def _round_spacing(about: float) -> float:
    scale = 10.0 ** floor(log10(about))
    return min((factor * scale for factor in (1, 2, 5, 10)), key=lambda spacing: abs(spacing - about))

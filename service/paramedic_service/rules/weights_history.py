"""What weights and updates did so far, a window of rows at a time.

Windows end at 8, 16, 32, 64, 128, 192, ... rows, as those of gradients do, so that what a window says does not depend
on how its rows were cut into batches.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from paramedic_service.rules.gradient_baseline import FIRST_WINDOW, LONGEST_WINDOW, PEAK_WINDOWS
from paramedic_service.rules.telemetry import Block, Column, Doubles, Floats, Integers

SMALLEST = 1e-30
"""Squares of norms below it are too coarse in float32."""

CAUTION = 0.99
"""Leaves room for the rounding of float32 in a quick look."""


def room(rows: int) -> int:
    """Rows until the current window is complete."""
    if rows < FIRST_WINDOW:
        return FIRST_WINDOW - rows
    if rows < LONGEST_WINDOW:
        return (1 << rows.bit_length()) - rows
    return LONGEST_WINDOW - rows % LONGEST_WINDOW


@dataclass(slots=True)
class Peak:
    """The largest update of one window.

    Attributes:
        norm: Of the update of all tensors together.
        slowest: Lowest learning rate of the window; NaN where none was reported.
    """

    norm: float
    slowest: float


@dataclass(slots=True)
class WeightHistory:
    """History of the weights and updates of one tensor table.

    Attributes:
        rows: Rows seen.
        weights: float32 [n, tensors] each, rows of the window that is being filled.
        updates: Likewise; empty while updates are not reported.
        gradients: Likewise.
        rates: Learning rates of these rows; NaN where none was reported.
        first: float32 [tensors], the first row of weights; None before it.
        total: Norm of all kernels at the end of the last window; None before.
        peaks: Largest updates of the last windows.
        rate: Latest learning rate; NaN before the first.
        still: Windows in a row without a change, by tensor.
    """

    rows: int = 0
    weights: list[Floats] = field(default_factory=list)
    updates: list[Floats] = field(default_factory=list)
    gradients: list[Floats] = field(default_factory=list)
    rates: list[Doubles] = field(default_factory=list)
    first: Floats | None = None
    total: float | None = None
    peaks: list[Peak] = field(default_factory=list)
    rate: float = np.nan
    still: dict[str, int] = field(default_factory=dict)

    def add(self, weights: Floats, updates: Floats | None, gradients: Floats | None, rates: Doubles) -> "Window | None":
        """Adds rows of the current window, at most as many as there is room; returns the window if that completed it.

        Args:
            weights: float32 [n, tensors].
            updates: Likewise; None where they are not reported.
            gradients: Likewise.
            rates: float64 [n], learning rates.
        """
        complete = len(weights) == room(self.rows)
        if self.first is None:
            self.first = weights[0].copy()
        for kept, values in ((self.weights, weights), (self.updates, updates), (self.gradients, gradients)):
            if values is not None:
                kept.append(values if complete else values.copy())
        self.rates.append(rates if complete else rates.copy())
        self.rows += len(weights)
        if not complete:
            return None
        window = Window.of(self.weights, self.updates, self.gradients, np.concatenate(self.rates))
        self.weights, self.updates, self.gradients, self.rates = [], [], [], []
        if window.largest is not None:
            self.peaks = [*self.peaks[1 - PEAK_WINDOWS :], Peak(window.largest, float(np.min(window.rates)))]
        return window


@dataclass(frozen=True, slots=True)
class Window:
    """A complete window, whose rows that are not finite are left out.

    Attributes:
        weights: float64 [tensors], mean norm; NaN when no row was finite, as with the others.
        last: float32 [tensors], norm of the weights in the last row.
        updates: float64 [tensors], mean norm; None where not reported for every row.
        travelled: float64 [tensors], sum of the norms of all updates.
        gradients: float64 [tensors], mean norm; None where not reported for every row.
        rates: float64 [n], learning rates; NaN where none was reported.
        largest: Norm of the largest update of all tensors together; None where there is none.
    """

    weights: Doubles
    last: Floats
    updates: Doubles | None
    travelled: Doubles | None
    gradients: Doubles | None
    rates: Doubles
    largest: float | None

    @classmethod
    def of(cls, weights: list[Floats], updates: list[Floats], gradients: list[Floats], rates: Doubles) -> "Window":
        """Sums up the rows of a window."""
        norms = _joined(weights)
        steps, slopes = (_joined(part) if part else None for part in (updates, gradients))
        steps = steps if steps is not None and len(steps) == len(norms) else None
        slopes = slopes if slopes is not None and len(slopes) == len(norms) else None
        return cls(
            _mean(norms),
            norms[-1].copy(),
            None if steps is None else _mean(steps),
            None if steps is None else _mean(steps) * len(steps),
            None if slopes is None else _mean(slopes),
            rates,
            None if steps is None else _largest(steps),
        )


def total_norms(norms: Floats) -> Doubles:
    """float64 [n], norm over all tensors of float32 [n, tensors]; infinite where it exceeds its range."""
    squares = np.einsum("ij,ij->i", norms, norms)
    beyond = ~(np.isfinite(squares) & (squares > SMALLEST))
    if beyond.any():
        wide = norms[beyond].astype(np.float64)
        squares = squares.astype(np.float64)
        # These rows alone: how exact the others are must not depend on which rows came together.
        squares[beyond] = np.einsum("ij,ij->i", wide, wide)
    totals: Doubles = np.sqrt(squares, dtype=np.float64)
    return totals


def at_most(norms: Floats, limit: float) -> bool:
    """Whether no row's norm over all tensors exceeds a limit: may err by saying no, but not by saying yes."""
    flat = norms.ravel()
    return bool(math.sqrt(np.vdot(flat, flat)) <= CAUTION * limit)  # false for NaN


def values_at(block: Block | None, rows: Integers) -> Floats | None:
    """Values of a block at some rows; None unless it has all of them."""
    if block is None:
        return None
    if block.rows is None:
        return block.values if len(rows) == len(block.values) else block.values[rows]
    places = np.searchsorted(block.rows, rows)
    if places[-1] >= len(block.rows) or not np.array_equal(block.rows[places], rows):
        return None
    return block.values[places]


def rates_at(column: Column | None, rows: Integers, before: float) -> Doubles:
    """Learning rate at some rows: the latest that was reported."""
    if column is None:
        return np.full(len(rows), before)
    known = np.concatenate(([before], column.values))
    if column.rows is None:
        return known[rows + 1]
    return known[np.searchsorted(column.rows, rows, side="right")]


def _joined(parts: list[Floats]) -> Floats:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _largest(updates: Floats) -> float | None:
    totals = total_norms(updates)
    largest = float(totals.max())
    if math.isfinite(largest):
        return largest
    sane = totals[np.isfinite(totals)]
    return float(sane.max()) if len(sane) else None


def _mean(norms: Floats) -> Doubles:
    quick: Doubles = norms.sum(axis=0) / np.float64(len(norms))
    if np.isfinite(quick).all():
        return quick
    sane = np.isfinite(norms).all(axis=1)
    return norms[sane].mean(axis=0, dtype=np.float64) if sane.any() else np.full(norms.shape[1], np.nan)

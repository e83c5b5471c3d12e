"""What is normal for the gradients of one run, tensor by tensor.

Gradient norms are log-normal to a good approximation and drift over a training, so the baseline keeps the mean and
variance of their logarithm over a sliding memory, and their recent maximum. It is updated only when a window of rows
is complete, counted from the start of the run: within a window every row is judged against the same baseline, however
the rows were cut into batches. Windows are short at first, so that a fault in the first steps is judged, and longer
later, so that judging costs little. What a rule found abnormal never enters.
"""

from dataclasses import dataclass, field
from functools import reduce

import numpy as np
import numpy.typing as npt

from paramedic_service.rules.telemetry import Doubles, Floats

FIRST_WINDOW = 8
LONGEST_WINDOW = 64

MEMORY = 256
"""Rows over which the mean and variance slide (ours)."""

PEAK_WINDOWS = 8
"""Windows over which the maximum is kept (ours)."""

TINY = 1e-37
"""Below the smallest normal float32: a norm that is smaller counts as zero."""


@dataclass(slots=True)
class GradientBaseline:
    """Baseline of the gradient norms of one tensor table.

    Attributes:
        rows: Rows seen.
        pending: float32 [filled, tensors], rows of the window that is being filled.
        abnormal: bool [filled, tensors], cells of it that must not enter; None while there are none.
        counts: float64 [tensors], normal observations behind mean and variance, at most MEMORY.
        log_mean: float64 [tensors], mean of the natural logarithm of the norm.
        log_variance: float64 [tensors].
        peaks: float32 [tensors] each, maximum norm of the last PEAK_WINDOWS windows.
        first: float32 [tensors], the first row; None until there is one.
        scale: Square root of the first loss, at least 1: large targets make large errors, and these large gradients.
        first_peak: float32 [tensors], maximum norm of the first window; None until it is complete.
        window_log_mean: float64 [tensors], mean logarithm over the last window, NaN where nothing was normal.
        grown: Successive windows in which the norm over all tensors doubled.
        log_total: Natural logarithm of the norm over all tensors in the last window; None before.
    """

    rows: int = 0
    pending: list[Floats] = field(default_factory=list)
    abnormal: list[npt.NDArray[np.bool_]] | None = None
    counts: Doubles | None = None
    log_mean: Doubles | None = None
    log_variance: Doubles | None = None
    peaks: list[Floats] = field(default_factory=list)
    first: Floats | None = None
    scale: float = 1.0
    first_peak: Floats | None = None
    window_log_mean: Doubles | None = None
    grown: int = 0
    log_total: float | None = None

    @property
    def room(self) -> int:
        """Rows until the current window is complete: windows end at 8, 16, 32, 64, 128, 192, ... rows."""
        if self.rows < FIRST_WINDOW:
            return FIRST_WINDOW - self.rows
        if self.rows < LONGEST_WINDOW:
            return (1 << self.rows.bit_length()) - self.rows
        return LONGEST_WINDOW - self.rows % LONGEST_WINDOW

    def add(self, norms: Floats, abnormal: npt.NDArray[np.bool_] | None) -> bool:
        """Adds rows of the current window, at most as many as there is room; returns whether they completed it.

        Args:
            norms: float32 [n, tensors].
            abnormal: bool [n, tensors], cells that must not enter; None when all are normal.
        """
        complete = len(norms) == self.room
        if abnormal is not None or self.abnormal is not None:
            if self.abnormal is None:
                self.abnormal = [np.zeros(rows.shape, np.bool_) for rows in self.pending]
            self.abnormal.append(np.zeros(norms.shape, np.bool_) if abnormal is None else abnormal)
        self.pending.append(norms if complete and not self.pending else norms.copy())
        self.rows += len(norms)
        if complete:
            self._close()
        return complete

    def _close(self) -> None:
        norms = np.concatenate(self.pending) if len(self.pending) > 1 else self.pending[0]
        if self.abnormal is None:
            # Most windows pass here. float32 suffices: the least deviation that thresholds use is far above its error.
            logs = np.log(norms)
            observed = np.full(norms.shape[1], float(len(norms)))
            mean = (np.add.reduce(logs, axis=0) / np.float32(len(norms))).astype(np.float64)
            logs -= mean.astype(np.float32)
            variance = np.einsum("ij,ij->j", logs, logs).astype(np.float64) / len(norms)
            peak = np.maximum.reduce(norms, axis=0)
        else:
            logs = np.log(np.maximum(norms, TINY), dtype=np.float32)
            normal = ~np.concatenate(self.abnormal)
            observed = normal.sum(axis=0).astype(np.float64)
            divisor = np.maximum(observed, 1.0)
            mean = np.where(normal, logs, 0.0).sum(axis=0) / divisor
            variance = np.where(normal, np.square(logs - mean), 0.0).sum(axis=0) / divisor
            peak = np.where(normal, norms, np.float32(0.0)).max(axis=0)
        self._slide(observed, mean, variance)
        self.peaks = [*self.peaks[1 - PEAK_WINDOWS :], peak]
        if self.first_peak is None:
            self.first_peak = peak
        self.window_log_mean = mean if self.abnormal is None else np.where(observed > 0, mean, np.nan)
        self._grow()
        self.pending, self.abnormal = [], None

    def _slide(self, observed: Doubles, mean: Doubles, variance: Doubles) -> None:
        """Merges a window into the sliding mean and variance (parallel variance, Chan et al. 1979)."""
        if self.counts is None or self.log_mean is None or self.log_variance is None:
            self.counts, self.log_mean, self.log_variance = observed, mean, variance
            return
        count = self.counts + observed
        weight = observed / np.maximum(count, 1.0)
        shift = mean - self.log_mean
        self.log_mean = self.log_mean + weight * shift
        self.log_variance = (1 - weight) * (self.log_variance + weight * shift * shift) + weight * variance
        self.counts = np.minimum(count, MEMORY)

    def _grow(self) -> None:
        assert self.window_log_mean is not None
        known = self.window_log_mean[np.isfinite(self.window_log_mean)]
        if not len(known):
            self.grown = 0
            return
        highest = np.maximum.reduce(known)
        total = float(0.5 * np.log(np.add.reduce(np.exp(2 * (known - highest)))) + highest)
        doubled = self.log_total is not None and total >= self.log_total + np.log(2.0)
        self.grown = self.grown + 1 if doubled else 0
        self.log_total = total

    @property
    def peak(self) -> Floats | None:
        """float32 [tensors], recent maximum; None before the first window is complete."""
        return reduce(np.maximum, self.peaks) if self.peaks else None

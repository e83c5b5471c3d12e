"""What the loss did so far: the shared memory of every rule that asks whether the training learns.

Losses of single batches are noisy, so rules look at means over fixed windows of observations, counted from the start
of the run. Between the ends of two windows nothing changes, which makes every judgement independent of how the
observations were cut into batches.
"""

import math
from dataclasses import dataclass, field

WINDOW = 10
"""Observations a window; a check of SageMaker Debugger's loss_not_decreasing also spans 10 steps."""

RECENT = 10
"""Windows that make the baseline: llm-foundry compares a loss with the mean of the last 100."""

TREND = 5
"""Windows a side in the comparison that decides whether the loss still improves (ours)."""

NOISE = 3.0
"""Standard deviations of single losses about the mean of their window that noise explains (ours)."""

CONVERGED = 0.5
"""Share of the initial loss at which a training counts as converged (ours)."""

IMPROVED = 0.01
"""Relative decrease from one TREND to the next that counts as improving (ours)."""

OPENING = 40
"""Losses from the start that are looked at one by one: the first steps show what the learning rate does (ours)."""

SETTLED = 20
"""Losses after which the first steps are over; what remains in the OPENING is noise (ours)."""

FITTED = 8
"""Windows through whose means a line is laid to see whether the loss falls at all (ours)."""

BEGUN = 0.05
"""Relative decrease from the first window that counts as improving before there are two TRENDs to compare; a check of
TheDeepChecker asks for as much."""


@dataclass(slots=True)
class LossHistory:
    """Windowed history of one loss.

    Attributes:
        pending: Finite observations of the window that is being filled.
        calm: Those of them that are no spike.
        filled: Observations of that window, those that are not finite included.
        windows: Completed windows.
        initial: Mean of the first window, or of its first three observations when that is lower: a training that
            explodes at once must not be measured by its explosion. None until the window is complete.
        best: Lowest mean of TREND successive windows, or the initial loss; None until that is known.
        opening: The first OPENING finite observations, until there are so many.
        first: The first finite observation; None before it.
        peak: Highest mean of three in a row of the first SETTLED observations; None until the OPENING is complete.
        noise: Standard deviation of the rest of the OPENING; likewise.
        means: Means of the last 2 x RECENT windows; a window without a finite observation has none.
        variances: Variances within them.
        calm_means: Means of the calm observations of the last RECENT windows: a baseline must not contain what it
            is to judge.
        level: Mean of the last TREND windows; None until a window is complete.
        usual: Mean of the calm observations of the last RECENT windows; None until a window is complete.
        noisy: Highest loss that noise about the usual one explains; None likewise.
        converged: Whether at least half of the initial loss is gone, so that small gradients are health. A loss that
            began at or below zero has no scale to be measured by, and counts as unconverged.
        stuck: Whether it is not converged and no longer improves.
    """

    pending: list[float] = field(default_factory=list)
    calm: list[float] = field(default_factory=list)
    filled: int = 0
    windows: int = 0
    initial: float | None = None
    best: float | None = None
    opening: list[float] = field(default_factory=list)
    first: float | None = None
    peak: float | None = None
    noise: float | None = None
    means: list[float] = field(default_factory=list)
    variances: list[float] = field(default_factory=list)
    calm_means: list[float] = field(default_factory=list)
    level: float | None = None
    usual: float | None = None
    noisy: float | None = None
    converged: bool = False
    stuck: bool = True

    def add(self, finite: list[float], calm: list[float], count: int) -> bool:
        """Adds observations of the current window; returns whether they completed a window that has a mean.

        Args:
            finite: The finite ones.
            calm: Those of them that are no spike.
            count: How many there were, at most WINDOW - filled.
        """
        self.pending += finite
        self.calm += calm
        self.filled += count
        if self.filled < WINDOW:
            return False
        has_mean = bool(self.pending)
        if has_mean:
            self._close()
        self.pending, self.calm, self.filled = [], [], 0
        self.windows += 1
        return has_mean

    def _close(self) -> None:
        mean = _mean(self.pending)
        self.means = [*self.means[1 - 2 * RECENT :], mean]
        self.variances = [*self.variances[1 - 2 * RECENT :], _variance(self.pending, mean)]
        if self.peak is None:
            self._open()
        if self.calm:
            # Mostly all of them are calm, and their mean is known.
            calm_mean = mean if len(self.calm) == len(self.pending) else _mean(self.calm)
            self.calm_means = [*self.calm_means[1 - RECENT :], calm_mean]
            self.usual = _mean(self.calm_means)
            self.noisy = self.usual + NOISE * math.sqrt(_mean(self.variances[-RECENT:]))
        self.level = _mean(self.means[-TREND:])
        if self.initial is None or self.best is None:
            self.initial = self.best = min(mean, _mean(self.pending[:3]))
        elif len(self.means) >= TREND:
            self.best = min(self.best, self.level)
        self.converged = self.initial > 0 and self.level <= CONVERGED * self.initial
        self.stuck = not self.converged and not self._improves()

    def _open(self) -> None:
        self.opening = [*self.opening, *self.pending][:OPENING]
        self.first = self.opening[0]
        if len(self.opening) == OPENING:
            early, late = self.opening[:SETTLED], self.opening[SETTLED:]
            self.peak = max(_mean(early[start : start + 3]) for start in range(SETTLED - 2))
            mean = _mean(late)
            self.noise = math.sqrt(_variance(late, mean))
            self.opening = []

    def _improves(self) -> bool:
        assert self.level is not None
        if len(self.means) < 2 * TREND:
            return self.means[-1] < (1 - BEGUN) * self.means[0]
        before = _mean(self.means[-2 * TREND : -TREND])
        return self.level < before - IMPROVED * abs(before)

    @property
    def improvement(self) -> float | None:
        """Relative decrease from the RECENT windows before the last ones to the last; None until there are so many."""
        if len(self.means) < 2 * RECENT:
            return None
        before, now = _mean(self.means[:RECENT]), _mean(self.means[RECENT:])
        return (before - now) / abs(before) if before else 0.0

    @property
    def slope(self) -> tuple[float, float] | None:
        """Slope of a line through the means of the last FITTED windows, a window, and its standard error.

        None until there are so many after the first two windows: there the last layer's bias learns the mean of the
        targets, which even a dead network can.
        """
        if self.windows < FITTED + 2 or len(self.means) < FITTED:
            return None
        means = self.means[-FITTED:]
        centre, mean = (FITTED - 1) / 2, _mean(means)
        spread = sum((x - centre) ** 2 for x in range(FITTED))
        slope = sum((x - centre) * y for x, y in enumerate(means)) / spread
        residuals = [y - mean - slope * (x - centre) for x, y in enumerate(means)]
        residual = sum(each * each for each in residuals) / (FITTED - 2)
        return slope, math.sqrt(residual / spread)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _variance(values: list[float], mean: float) -> float:
    # Products, not powers: a power that is too large for a float raises, and takes longer.
    return sum([(deviation := value - mean) * deviation for value in values]) / len(values)

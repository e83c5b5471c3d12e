"""What the loss did so far: the shared memory of every rule that asks whether the training learns.

Losses of single batches are noisy, so rules look at means over fixed windows of observations, counted from the start
of the run. Between the ends of two windows nothing changes, which makes every judgement independent of how the
observations were cut into batches.
"""

from dataclasses import dataclass, field

WINDOW = 10
"""Observations a window; a check of SageMaker Debugger's loss_not_decreasing also spans 10 steps."""

RECENT = 10
"""Windows that make the baseline: llm-foundry compares a loss with the mean of the last 100."""

TREND = 5
"""Windows a side in the comparison that decides whether the loss still improves (ours)."""


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
        means: Means of the last 2 x RECENT windows; a window without a finite observation has none.
        calm_means: Means of the calm observations of the last RECENT windows: a baseline must not contain what it
            is to judge.
    """

    pending: list[float] = field(default_factory=list)
    calm: list[float] = field(default_factory=list)
    filled: int = 0
    windows: int = 0
    initial: float | None = None
    best: float | None = None
    means: list[float] = field(default_factory=list)
    calm_means: list[float] = field(default_factory=list)

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
        finite_window = bool(self.pending)
        if finite_window:
            self._close(sum(self.pending) / len(self.pending))
        if self.calm:
            self.calm_means = [*self.calm_means[1 - RECENT :], sum(self.calm) / len(self.calm)]
        self.pending, self.calm = [], []
        self.filled = 0
        self.windows += 1
        return finite_window

    def _close(self, mean: float) -> None:
        self.means = [*self.means[1 - 2 * RECENT :], mean]
        if self.initial is None:
            self.initial = self.best = min(mean, sum(self.pending[:3]) / len(self.pending[:3]))
        elif len(self.means) >= TREND:
            trend = self.level
            assert trend is not None
            assert self.best is not None
            self.best = min(self.best, trend)

    @property
    def level(self) -> float | None:
        """Mean of the last TREND windows; None until a window is complete."""
        return _mean(self.means[-TREND:])

    @property
    def baseline(self) -> float | None:
        """Mean of the calm observations of the last RECENT windows; None until there are so many."""
        return _mean(self.calm_means) if len(self.calm_means) >= RECENT else None

    @property
    def usual(self) -> float | None:
        """Mean of the calm observations of up to RECENT windows; None before the first window is complete."""
        return _mean(self.calm_means)

    @property
    def improvement(self) -> float | None:
        """Relative decrease from the RECENT windows before the last ones to the last; None until there are so many."""
        if len(self.means) < 2 * RECENT:
            return None
        before, now = _mean(self.means[:RECENT]), _mean(self.means[RECENT:])
        assert before is not None
        assert now is not None
        return (before - now) / abs(before) if before else 0.0

    @property
    def converged(self) -> bool:
        """Whether at least half of the initial loss is gone, so that small gradients are health (ours).

        A loss that began at or below zero has no scale to be measured by, and counts as unconverged.
        """
        level = self.level
        return level is not None and self.initial is not None and self.initial > 0 and level <= 0.5 * self.initial

    @property
    def improving(self) -> bool:
        """Whether the last TREND windows are lower than those before them by more than a hundredth (ours)."""
        if len(self.means) < 2 * TREND:
            return len(self.means) > 1 and self.means[-1] < 0.95 * self.means[0]
        before, now = _mean(self.means[-2 * TREND : -TREND]), self.level
        assert before is not None
        assert now is not None
        return now < before - 0.01 * abs(before)


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None

"""What loss and accuracy did epoch by epoch, in training and in validation.

Frameworks report a metric as the mean since the epoch began, so its last value in an epoch is the epoch's. That mean
lags: it is over weights that were still being trained, while validation sees those that came of it. Comparisons that
lean on the order of the two therefore set an epoch's training beside the validation before it.
"""

import math
from dataclasses import dataclass, field
from functools import reduce
from operator import add

from paramedic_service.rules.telemetry import ACCURACIES, VALIDATION_LOSS, Rows

MEMORY = 64
"""Epochs that are remembered."""

SMOOTHED = 3
"""Epochs in the means that are compared: one validation is an estimate with noise of its own."""

IMPROVED = 0.02
"""Relative decrease of the validation loss from one mean to the next that counts as improving (ours)."""

_REPORTED = frozenset((VALIDATION_LOSS, *ACCURACIES, *(f"val_{name}" for name in ACCURACIES)))


@dataclass(frozen=True, slots=True)
class Epoch:
    """One completed epoch.

    Attributes:
        loss: Mean of its training losses.
        accuracy: Of its training, 0 to 1; None when not reported, as with the others.
        validation_loss: At its end.
        validation_accuracy: At its end.
    """

    loss: float
    accuracy: float | None = None
    validation_loss: float | None = None
    validation_accuracy: float | None = None


@dataclass(slots=True)
class EpochHistory:
    """History of the epochs of one training.

    Attributes:
        total: Sum of the losses of the running epoch.
        count: Losses in it.
        latest: Latest value in the running epoch of each metric that counts here, by name.
        first: The first epoch; None before it ended.
        epochs: The last MEMORY epochs.
        best: Lowest mean of SMOOTHED validation losses in a row; None until there is one.
        loss_at_best: Mean training loss over these epochs.
        observed: Losses in all completed epochs.
    """

    total: float = 0.0
    count: int = 0
    latest: dict[str, float] = field(default_factory=dict)
    first: Epoch | None = None
    epochs: list[Epoch] = field(default_factory=list)
    best: float | None = None
    loss_at_best: float | None = None
    observed: int = 0

    def add(self, losses: list[float], batch: Rows) -> None:
        """Takes in the losses and the metrics of consecutive rows."""
        # From left to right whatever the Python: what sum() adds up depends on where the batches were cut.
        self.total = reduce(add, losses, self.total)
        self.count += len(losses)
        for name in _REPORTED.intersection(batch.scalars):
            self.latest[name] = float(batch.scalars[name].values[-1])

    def end_epoch(self) -> bool:
        """Completes the running epoch; returns whether it had a loss."""
        had_loss = self.count > 0
        if had_loss:
            self._close()
        self.total, self.count, self.latest = 0.0, 0, {}
        return had_loss

    def _close(self) -> None:
        epoch = Epoch(
            self.total / self.count,
            self._accuracy(""),
            self.latest.get(VALIDATION_LOSS),
            self._accuracy("val_"),
        )
        self.observed += self.count
        self.epochs = [*self.epochs[1 - MEMORY :], epoch]
        if self.first is None:
            self.first = epoch
        validation = self.validation_loss
        if validation is not None and math.isfinite(validation) and (self.best is None or validation < self.best):
            self.best, self.loss_at_best = validation, self.loss

    def _accuracy(self, prefix: str) -> float | None:
        return next((self.latest[prefix + name] for name in ACCURACIES if prefix + name in self.latest), None)

    @property
    def loss(self) -> float:
        """Mean training loss of the last SMOOTHED epochs."""
        last = self.epochs[-SMOOTHED:]
        return sum(epoch.loss for epoch in last) / len(last)

    @property
    def validation_loss(self) -> float | None:
        """Mean validation loss of the last SMOOTHED epochs; None when one of them has none."""
        return _validation(self.epochs[-SMOOTHED:])

    @property
    def validation_done(self) -> bool:
        """Whether validation gained nothing in the last SMOOTHED epochs over the SMOOTHED before them."""
        before, now = _validation(self.epochs[-2 * SMOOTHED : -SMOOTHED]), self.validation_loss
        return before is not None and now is not None and now >= before - IMPROVED * abs(before)


def _validation(epochs: list[Epoch]) -> float | None:
    losses = [epoch.validation_loss for epoch in epochs if epoch.validation_loss is not None]
    return sum(losses) / SMOOTHED if len(losses) == SMOOTHED else None

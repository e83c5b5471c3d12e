"""Whether a training that has not learned yet may be about to.

Recurrent networks on long sequences, deep networks and small learning rates may sit at the loss of knowing nothing for
hundreds of steps and then learn well. What tells them from dead ones is that their gradient grows meanwhile, or that
the learning rate still does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from paramedic_service.rules.loss_history import WINDOW
from paramedic_service.rules.telemetry import GRADIENT_NORM, LEARNING_RATE, Doubles, Integers, Rows

ONSET = 40
"""Windows over which learning is expected to set in, from the start or the latest rise of the learning rate (ours)."""

GROWING = 1.25
"""Gradient norm over that of the first windows that counts as growing (ours)."""

COMPARED = 3
"""Windows a side in that comparison (ours)."""


@dataclass(slots=True)
class Onset:
    """What the first windows of losses say of the beginning of learning.

    Attributes:
        windows: Completed windows of WINDOW losses.
        filled: Losses in the window that is being filled.
        total: Sum of the logarithms of the norm over all tensors in it.
        count: Norms in it.
        norms: Mean logarithm of each completed window that has one.
        highest_rate: Highest learning rate so far; None before one.
        rose: Window in which it was last exceeded; 0 when it never was.
    """

    windows: int = 0
    filled: int = 0
    total: float = 0.0
    count: int = 0
    norms: list[float] = field(default_factory=list)
    highest_rate: float | None = None
    rose: int = 0

    @property
    def over(self) -> bool:
        """Whether there is nothing more to learn from it."""
        return self.windows >= ONSET + self.rose

    @property
    def growing(self) -> bool:
        """Whether the gradient grew since the beginning."""
        if len(self.norms) <= COMPARED:
            return False
        first, last = self.norms[:COMPARED], self.norms[-COMPARED:]
        return sum(last) / len(last) - sum(first) / len(first) > math.log(GROWING)


class OnsetReader:
    """Adds the rows of one batch to an onset, up to one loss after another.

    Args:
        onset: To add to.
        batch: Rows to add.
    """

    def __init__(self, onset: Onset, batch: Rows) -> None:
        self._onset = onset
        block, rate = batch.blocks.get(GRADIENT_NORM), batch.scalars.get(LEARNING_RATE)
        norms = np.empty(0) if block is None else np.square(block.values, dtype=np.float64).sum(axis=1)
        with np.errstate(divide="ignore"):
            logs: Doubles = 0.5 * np.log(norms)
        self._norms = _Series(logs, None if block is None else block.rows)
        self._rates = _Series(np.empty(0) if rate is None else rate.values, None if rate is None else rate.rows)

    def advance(self, row: int, losses: int) -> None:
        """Adds everything up to and including a row of the batch, with so many losses in it, until it is over."""
        onset = self._onset
        if onset.over:  # within this batch: in the next one nobody would read on
            return
        for value in self._norms.until(row):
            if math.isfinite(value):
                onset.total += value
                onset.count += 1
        for value in self._rates.until(row):
            if onset.highest_rate is not None and value > onset.highest_rate:
                onset.rose = onset.windows + 1
            onset.highest_rate = value if onset.highest_rate is None else max(value, onset.highest_rate)
        onset.filled += losses
        if onset.filled == WINDOW:
            if onset.count and len(onset.norms) < ONSET:
                onset.norms = [*onset.norms, onset.total / onset.count]
            onset.windows += 1
            onset.filled, onset.total, onset.count = 0, 0.0, 0


class _Series:
    """Values of some rows, taken from the front."""

    def __init__(self, values: Doubles, rows: Integers | None) -> None:
        self._values: list[float] = values.tolist()
        self._rows: Sequence[int] = range(len(self._values)) if rows is None else rows.tolist()
        self._place = 0

    def until(self, row: int) -> list[float]:
        start = self._place
        while self._place < len(self._rows) and self._rows[self._place] <= row:
            self._place += 1
        return self._values[start : self._place]

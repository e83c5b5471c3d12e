"""From what a program hands back to the rows that rules read."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from paramedic_service.reproduction.worker.probing import Probed
from paramedic_service.rules.telemetry import (
    GRADIENT_NORM,
    GRADIENT_ZERO_SHARE,
    LEARNING_RATE,
    LOSS,
    UPDATE_NORM,
    WEIGHT_NORM,
    Block,
    Column,
    Doubles,
    Floats,
    Path,
    Rows,
)


class RowReader:
    """Reads the rows of one training, in order.

    Args:
        metrics: Names, in the order of the columns.
        rates: Learning rate of each step, float32 [steps].
        epoch: Steps an epoch.
    """

    def __init__(self, metrics: Sequence[str], rates: Floats, epoch: int) -> None:
        self._metrics = metrics
        self._rates = rates
        self._epoch = epoch
        # Since the epoch began: Keras reports metrics as their mean over the epoch so far.
        self._sums = np.zeros(len(metrics))

    def read(self, table: Floats, done: int) -> Rows:
        """Reads what `Program.train` returned.

        Args:
            table: float32 [rows, columns], within one epoch.
            done: Steps before them.
        """
        steps = np.arange(done + 1, done + len(table) + 1)
        values = table.astype(np.float64)
        first = 1 + len(self._metrics)
        scalars = {LOSS: Column(values[:, 0]), LEARNING_RATE: Column(self._rates[steps - 1].astype(np.float64))}
        means = self._means(values[:, 1:first], done)
        scalars |= {name: Column(means[:, place]) for place, name in enumerate(self._metrics)}
        if values.shape[1] == first:  # nothing is trained
            return Rows(steps, steps.astype(np.float64), scalars)
        gradient, weight, update, zeros = np.split(values[:, first:], 4, axis=1)
        with np.errstate(all="ignore"):  # a training that breaks is what is looked for
            norms = {
                name: Block(np.sqrt(2 * halves).astype(np.float32))
                for name, halves in ((GRADIENT_NORM, gradient), (WEIGHT_NORM, weight), (UPDATE_NORM, update))
            }
        zero_shares = Block(zeros.astype(np.float32))
        return Rows(steps, steps.astype(np.float64), scalars, norms | {GRADIENT_ZERO_SHARE: zero_shares})

    def _means(self, values: Doubles, done: int) -> Doubles:
        before = done % self._epoch
        if before == 0:
            self._sums = np.zeros(len(self._metrics))
        sums = self._sums + values.cumsum(axis=0)
        self._sums = sums[-1]
        means: Doubles = sums / np.arange(before + 1, before + len(values) + 1)[:, None]
        return means


def with_probed(rows: Rows, probed: Probed) -> Rows:
    """Adds what was probed after the last of the rows."""
    last = np.array([len(rows.steps) - 1])
    scalars = {name: Column(np.array([value]), last) for name, value in probed.scalars.items()}
    layers = {name: Block(_row(values), last) for name, values in probed.layers.items()}
    paths = {name: Path(np.array(steps, np.int64), _row(norms), last) for name, (steps, norms) in probed.paths.items()}
    return Rows(rows.steps, rows.times, {**rows.scalars, **scalars}, rows.blocks, layers, paths)


def validation_row(step: int, names: Sequence[str], values: Floats) -> Rows:
    """What validation measured after a step: the loss and the metrics."""
    at = np.array([step])
    columns = [Column(np.array([value], np.float64)) for value in values]
    return Rows(at, at.astype(np.float64), {f"val_{name}": each for name, each in zip(names, columns, strict=True)})


def _row(values: Any) -> Floats:
    return np.asarray(values, np.float32)[None]

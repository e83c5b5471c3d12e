"""What is kept of a training's signals for people to look at."""

import numpy as np

from paramedic.v1.reproduction_pb2 import Curve
from paramedic_service.rules.description import Description
from paramedic_service.rules.telemetry import GRADIENT_NORM, LEARNING_RATE, LOSS, Rows
from paramedic_service.thinning import Span, Steps, Values, thin

MOST_POINTS = 200
"""Of a curve; extremes survive."""

MOST_TENSORS = 6
"""Whose gradients are kept one by one, spread over the depth of the network."""

_Series = tuple[Steps, Values]


class Curves:
    """Collects signals while a training goes on."""

    def __init__(self) -> None:
        self._scalars: dict[str, list[_Series]] = {}
        self._gradients: list[_Series] = []

    def take(self, rows: Rows) -> None:
        """Takes in consecutive rows."""
        for name, column in rows.scalars.items():
            steps = rows.steps if column.rows is None else rows.steps[column.rows]
            self._scalars.setdefault(name, []).append((steps, column.values))
        block = rows.blocks.get(GRADIENT_NORM)
        if block is not None:
            steps = rows.steps if block.rows is None else rows.steps[block.rows]
            self._gradients.append((steps, block.values.astype(np.float64)))

    def losses(self) -> Values:
        """Every loss so far, float64 [steps]."""
        return np.concatenate([values for _, values in self._scalars.get(LOSS, [])] or [np.empty(0)])

    def kept(self, description: Description) -> list[Curve]:
        """The curves, thinned.

        Args:
            description: With the table of the tensors that the columns of the gradient norms belong to.

        Returns:
            Of every scalar but a learning rate that stays the same; of the gradient's norm over all tensors; and of
            its norms in a few kernels.
        """
        joined = {name: _joined(parts) for name, parts in self._scalars.items()}
        curves = [
            _curve(name, series)
            for name, series in joined.items()
            if name != LEARNING_RATE or len(np.unique(series[1])) > 1
        ]
        if not self._gradients:
            return curves
        steps, norms = _joined(self._gradients)
        with np.errstate(all="ignore"):  # what breaks is what is to be seen
            curves.append(_curve(GRADIENT_NORM, (steps, np.sqrt(np.square(norms).sum(axis=1)))))
        curves += [
            _curve(GRADIENT_NORM, (steps, norms[:, column]), description.tensors[column].name)
            for column in _told(description, norms.shape[1])
        ]
        return curves


def _told(description: Description, columns: int) -> list[int]:
    """Columns of kernels, the first and the last among them."""
    tensors = description.tensors if len(description.tensors) == columns else ()
    kernels = [column for column, tensor in enumerate(tensors) if tensor.is_kernel]
    if len(kernels) <= MOST_TENSORS:
        return kernels
    return [kernels[place * (len(kernels) - 1) // (MOST_TENSORS - 1)] for place in range(MOST_TENSORS)]


def _joined(parts: list[_Series]) -> _Series:
    return np.concatenate([steps for steps, _ in parts]), np.concatenate([values for _, values in parts])


def _curve(signal: str, series: _Series, tensor: str = "") -> Curve:
    steps, values = series
    if len(steps) > MOST_POINTS:
        span = Span.over(int(steps[0]), int(steps[-1]), MOST_POINTS)
        steps, values = thin(steps, values, span.start, span.width)
    return Curve(signal=signal, tensor=tensor, steps=steps.tolist(), values=values.tolist())

"""A past run, as far as its log tells."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from paramedic.buffer import MAX_SIGNALS, MAX_STEP
from paramedic.encoding import Block, Columns, Scalar
from paramedic.names import signal_name_problem, table_problem
from paramedic.tags import TOTAL, gradient_norm, signal
from paramedic.v1.description_pb2 import RunDescription, Tensor
from paramedic.v1.telemetry_pb2 import TENSOR_SIGNAL_GRADIENT_NORM, TENSOR_SIGNAL_WEIGHT_NORM

GRADIENT = int(TENSOR_SIGNAL_GRADIENT_NORM)
WEIGHT = int(TENSOR_SIGNAL_WEIGHT_NORM)


class PastRunError(ValueError):
    """There is no past run to be read; the message says where, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Series:
    """One quantity over the steps.

    Attributes:
        steps: int64 [n], strictly increasing.
        times: float64 [n], seconds since the Unix epoch; NaN where nobody wrote it down.
        values: float64 [n].
    """

    steps: npt.NDArray[np.int64]
    times: npt.NDArray[np.float64]
    values: npt.NDArray[np.float64]

    @classmethod
    def of(cls, points: Mapping[int, tuple[float, float]]) -> "Series":
        """Of times and values by step; steps that a run cannot have are left out."""
        steps = sorted(step for step in points if 0 <= step <= MAX_STEP)
        times, values = np.array([points[step] for step in steps], np.float64).reshape(-1, 2).T
        return cls(np.array(steps, np.int64), times, values)


@dataclass(slots=True)
class PastRun:
    """What a log tells of one run.

    Attributes:
        name: For people.
        scalars: By the logger's tag.
        norms: L2 norms by number of the signal in `TensorSignal`, then by tensor.
        elements: Elements by tensor, where they are known.
        by_epochs: Whether a step is an epoch, validation included.
    """

    name: str
    scalars: dict[str, Series] = field(default_factory=dict)
    norms: dict[int, dict[str, Series]] = field(default_factory=dict)
    elements: dict[str, int] = field(default_factory=dict)
    by_epochs: bool = False

    def described(self) -> RunDescription:
        """What is known of the training: its tensors, in the order in which the log names them."""
        tensors = next(iter(self._norms().values()), {})
        return RunDescription(tensors=[Tensor(name=name, element_count=self.elements.get(name, 0)) for name in tensors])

    def columns(self, now: float) -> Columns:
        """The rows of the run: one a step that anything was logged at.

        Args:
            now: Time of what has none, seconds since the Unix epoch.

        Raises:
            PastRunError: There are none.
        """
        norms, scalars = self._norms(), self._signals()
        everything = [*scalars.values(), *(each for tensors in norms.values() for each in tensors.values())]
        if not everything:
            raise PastRunError(f"{self.name}: no step of it has a number; was it a log of scalars?")
        steps = np.unique(np.concatenate([each.steps for each in everything]))
        times = np.full(len(steps), np.nan)
        for each in everything:
            rows = np.searchsorted(steps, each.steps)
            times[rows] = np.fmax(times[rows], each.times)
        return Columns(
            steps,
            np.where(np.isfinite(times), times, now),
            {name: Scalar(each.values, _rows(each.steps, steps)) for name, each in scalars.items()},
            {number: block for number, tensors in norms.items() if (block := _block(tensors, steps)) is not None},
        )

    def _signals(self) -> dict[str, Series]:
        """Scalars by signal; where two tags mean the same signal, the first is it and the other keeps its tag."""
        signals: dict[str, Series] = {}
        for tag, series in self.scalars.items():
            if gradient_norm(tag) is None:
                name = signal(tag)
                name = tag if name in signals else name
                if len(series.steps) and signal_name_problem(name) is None and len(signals) < MAX_SIGNALS:
                    signals[name] = series
        return signals

    def _norms(self) -> dict[int, dict[str, Series]]:
        """Norms by signal and tensor, those that were logged as scalars among them; one table for all signals."""
        logged = {name: series for tag, series in self.scalars.items() if (name := gradient_norm(tag)) is not None}
        total = logged.pop(TOTAL, None)
        norms = dict(self.norms)
        if logged and GRADIENT not in norms:
            norms[GRADIENT] = logged
        elif total is not None and not norms:
            norms[GRADIENT] = {TOTAL: total}
        table = set(next(iter(norms.values()), {}))
        if table_problem(list(table)) is not None:
            return {}
        return {number: tensors for number, tensors in norms.items() if set(tensors) == table}


def _rows(some: npt.NDArray[np.int64], steps: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32] | None:
    return None if len(some) == len(steps) else np.searchsorted(steps, some).astype(np.uint32)


def _block(tensors: Mapping[str, Series], steps: npt.NDArray[np.int64]) -> Block | None:
    """The rows in which every tensor has a norm; None when there are none."""
    common = steps
    for series in tensors.values():
        common = np.intersect1d(common, series.steps, assume_unique=True)
    if not len(common):
        return None
    columns = [series.values[np.searchsorted(series.steps, common)] for series in tensors.values()]
    return Block(np.column_stack(columns).astype(np.float32), _rows(common, steps))

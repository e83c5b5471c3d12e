"""Reads a run's signals back from its log."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from paramedic.v1.diagnosis_pb2 import Series
from paramedic_service.ingest.entries import Batch, Description
from paramedic_service.ingest.frontier import Frontier
from paramedic_service.ingest.refusal import MAX_COUNT, InvalidRequestError
from paramedic_service.ingest.validation import parse, validate
from paramedic_service.rules.telemetry import Rows
from paramedic_service.store.records import LogRecord
from paramedic_service.thinning import Span, Steps, Thinner, Values


@dataclass(frozen=True, slots=True)
class Selection:
    """What is asked for.

    Attributes:
        scalars: Names of scalar signals; None for all.
        signals: Names of per-tensor signals.
        tensors: Names of tensors; None for all.
        first_step: Inclusive; None from the start.
        last_step: Inclusive.
        max_points: Points a series.
    """

    scalars: frozenset[str] | None
    signals: frozenset[str]
    tensors: frozenset[str] | None
    first_step: int | None
    last_step: int
    max_points: int


def read_series(log: Iterable[LogRecord], selection: Selection) -> list[Series]:
    """Reads series from a log, thinned.

    Args:
        log: Entries of one run, from the first that matters; those without steps must not be missing.
        selection: What is asked for.

    Returns:
        One series for every scalar signal and every pair of per-tensor signal and tensor that has points.
    """
    reader = _Reader(selection)
    for rows, tensors in _rows(log):
        reader.add(rows, tensors)
    return reader.series()


def _rows(log: Iterable[LogRecord]) -> Iterator[tuple[Rows, Sequence[str]]]:
    """Every batch with the tensor table in force."""
    frontier = Frontier()
    tensors: Sequence[str] = ()
    for record in log:
        try:
            request = parse(record.body)
            entry = validate(request, frontier, max_tensors=MAX_COUNT, by_service=record.sequence is None)
        except InvalidRequestError:
            continue  # left out of the fold too
        frontier.advance(request.sequence, entry)
        if isinstance(entry, Description) and entry.description.tensors:
            tensors = [tensor.name for tensor in entry.description.tensors]
        elif isinstance(entry, Batch):
            yield entry.rows, tensors


class _Reader:
    """Collects the series of one request."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._span: Span | None = None
        # By signal and tensors, so that a new tensor table begins new ones. Scalars belong to no tensor.
        self._thinners: dict[tuple[str, tuple[str, ...]], Thinner] = {}

    def add(self, rows: Rows, tensors: Sequence[str]) -> None:
        wanted = self._selection
        first = int(rows.steps[0]) if wanted.first_step is None else wanted.first_step
        begin = int(np.searchsorted(rows.steps, first, side="left"))
        end = int(np.searchsorted(rows.steps, wanted.last_step, side="right"))
        if begin == end:
            return
        if self._span is None:
            # The log has no earlier step to show, so that buckets need not start earlier.
            self._span = Span.over(int(rows.steps[begin]), wanted.last_step, wanted.max_points)
        for name, column in rows.scalars.items():
            if wanted.scalars is None or name in wanted.scalars:
                self._add(name, ("",), rows, column.rows, column.values[:, np.newaxis], begin, end)
        chosen = [index for index, name in enumerate(tensors) if wanted.tensors is None or name in wanted.tensors]
        names = tuple(tensors[index] for index in chosen)
        for name, block in rows.blocks.items():
            if chosen and name in wanted.signals:
                values = block.values if len(chosen) == len(tensors) else block.values[:, chosen]
                self._add(name, names, rows, block.rows, values, begin, end)

    def _add(
        self,
        signal: str,
        tensors: tuple[str, ...],
        rows: Rows,
        indices: Steps | None,
        values: Values,
        begin: int,
        end: int,
    ) -> None:
        assert self._span is not None
        if indices is None:
            steps, values = rows.steps[begin:end], values[begin:end]
        else:
            inside = (indices >= begin) & (indices < end)
            steps, values = rows.steps[indices[inside]], values[inside]
        if len(steps) == 0:
            return
        key = signal, tensors
        if key not in self._thinners:
            self._thinners[key] = Thinner(len(tensors), self._span, self._selection.max_points)
        self._thinners[key].add(steps, values)

    def series(self) -> list[Series]:
        return [
            Series(
                signal=signal, tensor=tensor, steps=steps.tolist(), values=values.tolist(), total_points=thinner.total
            )
            for (signal, tensors), thinner in self._thinners.items()
            for tensor, (steps, values) in zip(tensors, thinner.result(), strict=True)
        ]

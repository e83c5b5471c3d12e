"""The fold: a run's state is what this makes of its log, whether live, after a restart or in a replay."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from paramedic.v1.description_pb2 import RunDescription
from paramedic.v1.telemetry_pb2 import RunEvent
from paramedic_service.ingest import description
from paramedic_service.ingest.entries import Batch, Description, Entry, Event, Finish
from paramedic_service.ingest.event_validation import SERVICE_DETAILS
from paramedic_service.ingest.live import LiveRun
from paramedic_service.rules.finding import Finding
from paramedic_service.rules.telemetry import Block, Column, Integers, Path, Rows
from paramedic_service.store.records import RunState

SignalT = TypeVar("SignalT", Column, Block, Path)


def fold(live: LiveRun, entry: Entry) -> list[Finding]:
    """Takes one entry into the state of its run.

    Returns:
        The findings that changed, in order.
    """
    live.version += 1
    match entry:
        case Batch(rows):
            return _observe(live, rows)
        case Description(described):
            return _describe(live, described)
        case Event(event):
            return _happen(live, event)
        case Finish(state, time):
            live.state = state
            live.last_report_at = time
            return live.diagnosis.finish()


def merge(batches: Sequence[Batch]) -> Batch:
    """Joins consecutive batches of one run, over one tensor table and mergeable, into one.

    Folding the result gives what folding them one by one gives, because rules do not see how rows were cut, and costs
    less.
    """
    if len(batches) == 1:
        return batches[0]
    parts = [batch.rows for batch in batches]
    starts = [0, *itertools.accumulate(len(part.steps) for part in parts)]
    return Batch(
        Rows(
            np.concatenate([part.steps for part in parts]),
            np.concatenate([part.times for part in parts]),
            _join([part.scalars for part in parts], starts),
            _join([part.blocks for part in parts], starts),
            _join([part.layers for part in parts], starts),
            _join([part.paths for part in parts], starts),
        )
    )


def mergeable(batches: Sequence[Batch], after: Batch) -> bool:
    """Whether a batch can be joined to those before it: a path through time must be told at the same time steps."""
    return all(
        np.array_equal(path.time_steps, before.time_steps)
        for layer, path in after.rows.paths.items()
        for before in (batch.rows.paths.get(layer) for batch in batches)
        if before
    )


def _join(parts: Sequence[Mapping[str, SignalT]], starts: Sequence[int]) -> dict[str, SignalT]:
    """Joins each signal over consecutive batches.

    Args:
        parts: The signals of each batch, by name.
        starts: First row of each batch in the joined one, and the end of the last.
    """
    joined: dict[str, SignalT] = {}
    for name in dict.fromkeys(name for part in parts for name in part):
        present = [part.get(name) for part in parts]
        first = next(signal for signal in present if signal)
        values = np.concatenate([signal.values for signal in present if signal])
        joined[name] = replace(first, values=values, rows=_rows(present, starts))
    return joined


def _rows(parts: Sequence[Column | Block | Path | None], starts: Sequence[int]) -> Integers | None:
    """Which of the joined rows have a value; None when all have.

    Args:
        parts: One signal in each of the joined batches; None where it is missing.
        starts: First row of each batch in the joined one, and the end of the last.
    """
    if all(part and part.rows is None for part in parts):
        return None
    return np.concatenate(
        [
            np.arange(start, stop) if part.rows is None else part.rows + start
            for part, start, stop in zip(parts, starts[:-1], starts[1:], strict=True)
            if part
        ]
    )


def _observe(live: LiveRun, rows: Rows) -> list[Finding]:
    live.rows += len(rows.steps)
    live.last_step = int(rows.steps[-1])
    for name, column in rows.scalars.items():
        live.latest_scalars[name] = float(column.values[-1])
    for name, block in rows.blocks.items():
        live.latest_norms[name] = block.values[-1].copy()  # a view would keep the whole block
    live.path_layers.update(rows.paths)
    _heard(live, float(rows.times[-1]))
    return live.diagnosis.observe(rows)


def _heard(live: LiveRun, time: float) -> None:
    live.last_report_at = time
    live.silent = False
    live.state = RunState.RUNNING  # a run that reports again after its end goes on


def _describe(live: LiveRun, new: RunDescription) -> list[Finding]:
    known = live.description
    for field, value in new.ListFields():
        # Fields replace each other whole; MergeFrom alone would join their insides.
        known.ClearField(field.name)  # type: ignore[arg-type]  # it is one of the message's own
        if field.name == "tensors":
            live.tensor_names = tuple(tensor.name for tensor in value)
            live.latest_norms = {}
    known.MergeFrom(new)
    return live.diagnosis.describe(description.read(known, live.key.attempt))


def _happen(live: LiveRun, event: RunEvent) -> list[Finding]:
    detail = event.WhichOneof("detail")
    if detail in SERVICE_DETAILS:
        return _note(live, event, detail)
    _heard(live, event.time)
    match detail:
        case "training_began":
            live.diagnosis.training_began(event.time)
        case "epoch_ended":
            return live.diagnosis.epoch_ended()
        case "error":
            return live.diagnosis.fail(event.error.kind, event.error.message, event.error.traceback)
    return []


def _note(live: LiveRun, event: RunEvent, detail: str) -> list[Finding]:
    """Takes in what the service wrote; nothing was heard of the run itself."""
    diagnosis = live.diagnosis
    match detail:
        case "silence" if not live.silent:
            live.silent = True
            return diagnosis.silence(event.silence.seconds, event.silence.limit)
        case "pace":
            pace = event.pace
            return diagnosis.pace(pace.rank, pace.seconds, pace.median, pace.ranks, event.step)
        case "difference":
            found = event.difference
            return diagnosis.replicas(found.tensor, found.difference, found.differing, found.ranks, event.step)
        case "lost":
            lost = event.lost
            if lost.rank != live.key.rank:
                return diagnosis.peer_lost(lost.rank, event.step if event.HasField("step") else None)
            return diagnosis.lost(lost.rank, lost.seconds, lost.reporting, lost.failed)
        case "returned":
            return diagnosis.returned()
        case "attempt_began":
            began = event.attempt_began
            return diagnosis.resumed(began.attempt, began.previous, began.last_step, event.step)
        case "attempt_replaced":
            live.state = RunState.FAILED
            return diagnosis.finish()
    return []

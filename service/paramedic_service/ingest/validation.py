"""Requests are checked here, once, so that everything behind can trust them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import numpy.typing as npt

from paramedic.v1.description_pb2 import RunDescription
from paramedic.v1.run_pb2 import RUN_STATE_FAILED, RUN_STATE_FINISHED, RUN_STATE_UNSPECIFIED, RunIdentity
from paramedic.v1.telemetry_pb2 import (
    TENSOR_SIGNAL_GRADIENT_NORM,
    TENSOR_SIGNAL_UPDATE_NORM,
    TENSOR_SIGNAL_WEIGHT_NORM,
    FinishRun,
    RunEvent,
    StepBatch,
    StreamTelemetryRequest,
)
from paramedic_service.ingest.entries import Batch, Description, Entry, Event, Finish
from paramedic_service.ingest.live import LiveRun
from paramedic_service.rules.telemetry import GRADIENT_NORM, UPDATE_NORM, WEIGHT_NORM, Block, Column, Rows
from paramedic_service.store.records import RunKey, RunState

TENSOR_SIGNALS = {
    TENSOR_SIGNAL_GRADIENT_NORM: GRADIENT_NORM,
    TENSOR_SIGNAL_WEIGHT_NORM: WEIGHT_NORM,
    TENSOR_SIGNAL_UPDATE_NORM: UPDATE_NORM,
}

MAX_IDENTITY_CHARACTERS = 128
MAX_SIGNAL_CHARACTERS = 256
MAX_NAME_CHARACTERS = 512
MAX_ERROR_CHARACTERS = {"kind": 256, "message": 16_384, "traceback": 65_536}
MAX_SCALAR_SIGNALS = 1024  # of one run: each is kept in memory and judged
MAX_COUNT = 2**53  # beyond it a double, and so every plot, no longer tells neighbours apart
MAX_TIME = 1e11  # seconds since the Unix epoch: the year 5138
MAX_SEQUENCE = 2**63 - 1  # what databases can keep

_CONTROL_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Problem(Enum):
    """Why a request is refused, in the few words that metrics tell apart."""

    UNREADABLE = "unreadable"
    MISSING = "missing"
    LENGTH = "length"
    ORDER = "order"
    RANGE = "range"
    NAME = "name"
    DUPLICATE = "duplicate"
    UNKNOWN = "unknown"
    LIMIT = "limit"
    FORBIDDEN = "forbidden"


class InvalidRequestError(Exception):
    """A request is refused.

    Attributes:
        field: Path of the offending field: "batch.tensors[0].values".
        reason: What is wrong and what is expected.
        problem: The same for metrics.
    """

    def __init__(self, field: str, reason: str, problem: Problem) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
        self.problem = problem


@dataclass(slots=True)
class Frontier:
    """Where the accepted part of a run's log ends; the next entry is checked against it.

    It runs ahead of `LiveRun`, which tells where the durable and judged part ends.

    Attributes:
        sequence: Highest sequence accepted; 0 before the first.
        step: Highest step accepted; None before the first.
        tensors: Entries of the tensor table; None before the first table.
        scalars: Names of the scalar signals seen.
    """

    sequence: int = 0
    step: int | None = None
    tensors: int | None = None
    scalars: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, live: LiveRun) -> "Frontier":
        """The frontier of a run whose accepted entries are all folded."""
        return cls(live.last_sequence, live.last_step, len(live.tensor_names) or None, set(live.latest_scalars))

    def advance(self, sequence: int, entry: Entry) -> None:
        """Moves behind an entry that was accepted."""
        self.sequence = max(self.sequence, sequence)
        if isinstance(entry, Batch):
            self.step = int(entry.rows.steps[-1])
            self.scalars.update(entry.rows.scalars)
        elif isinstance(entry, Description) and entry.description.tensors:
            self.tensors = len(entry.description.tensors)


def parse(body: bytes) -> StreamTelemetryRequest:
    """Reads the bytes of a request.

    Raises:
        InvalidRequestError: They are none.
    """
    try:
        return StreamTelemetryRequest.FromString(body)
    except Exception as error:  # DecodeError, and whatever a protobuf runtime makes of hostile bytes
        raise InvalidRequestError(
            "request", f"not a readable StreamTelemetryRequest: {error}", Problem.UNREADABLE
        ) from error


def peek_sequence(body: bytes) -> int:
    """The sequence of a request that cannot be parsed, as far as its first bytes tell; 0 otherwise."""
    if body[:1] != b"\x08":  # tag of field 1, a varint; clients write fields in order
        return 0
    sequence = 0
    for index, byte in enumerate(body[1:11]):
        sequence |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return sequence if sequence <= MAX_SEQUENCE else 0
    return 0


def validate_identity(run: RunIdentity, field: str) -> RunKey:
    """Reads which run is meant.

    Args:
        run: As received.
        field: Path of the message, for errors.

    Raises:
        InvalidRequestError: The identity is incomplete or absurd.
    """
    _check_name(run.project, f"{field}.project", MAX_IDENTITY_CHARACTERS)
    _check_name(run.id, f"{field}.id", MAX_IDENTITY_CHARACTERS)
    for name in ("attempt", "rank"):
        value = getattr(run, name)
        if value >= 2**31:
            raise InvalidRequestError(f"{field}.{name}", f"got {value}, expected less than 2^31", Problem.RANGE)
    return RunKey(run.project, run.id, run.attempt, run.rank)


def validate_run_name(name: str) -> None:
    """Checks a run's name for people, which may be empty.

    Raises:
        InvalidRequestError: It is absurd.
    """
    if name:
        _check_name(name, "register.name", MAX_SIGNAL_CHARACTERS)


def validate(
    request: StreamTelemetryRequest, frontier: Frontier, *, max_tensors: int, by_service: bool = False
) -> Entry:
    """Turns a request into an entry that the fold can trust.

    Args:
        request: As parsed.
        frontier: Where the run's accepted log ends; left as it is.
        max_tensors: Largest tensor table taken.
        by_service: Whether the service itself wrote the request, which then has no sequence.

    Raises:
        InvalidRequestError: The request is refused.
    """
    if not by_service and not 0 < request.sequence <= MAX_SEQUENCE:
        raise InvalidRequestError("sequence", f"got {request.sequence}, expected 1 to 2^63 - 1", Problem.RANGE)
    match request.WhichOneof("body"):
        case "batch":
            return Batch(_rows(request.batch, frontier))
        case "description":
            _check_description(request.description, max_tensors)
            return Description(request.description)
        case "event":
            _check_event(request.event, by_service)
            return Event(request.event)
        case "finish":
            return _finish(request.finish)
        case "register":
            raise InvalidRequestError("register", "this stream is registered already", Problem.FORBIDDEN)
        case _:
            raise InvalidRequestError("body", "got nothing that this service knows, expected an entry", Problem.MISSING)


def _rows(batch: StepBatch, frontier: Frontier) -> Rows:
    steps = np.array(batch.steps, dtype=np.int64)
    count = len(steps)
    if count == 0:
        raise InvalidRequestError("batch.steps", "got no rows, expected at least one", Problem.LENGTH)
    if len(batch.times) != count:
        raise InvalidRequestError(
            "batch.times", f"got {len(batch.times)}, expected one a row = {count}", Problem.LENGTH
        )
    _check_steps(steps, frontier.step)
    times = np.array(batch.times, dtype=np.float64)
    sane = (times >= 0) & (times <= MAX_TIME)  # false for NaN
    if not sane.all():
        index = int(np.argmin(sane))
        raise InvalidRequestError(
            f"batch.times[{index}]", f"got {times[index]}, expected seconds since the Unix epoch", Problem.RANGE
        )
    return Rows(steps, times, _scalars(batch, count, frontier), _blocks(batch, count, frontier))


def _check_steps(steps: npt.NDArray[np.int64], last: int | None) -> None:
    lowest = 0 if last is None else last
    if steps[0] < lowest:
        if steps[0] < 0:
            raise InvalidRequestError("batch.steps[0]", f"got {steps[0]}, expected 0 to 2^53", Problem.RANGE)
        raise InvalidRequestError("batch.steps[0]", f"got {steps[0]} after {last}; steps never decrease", Problem.ORDER)
    if len(steps) > 1:
        forward = steps[1:] >= steps[:-1]
        if not forward.all():
            index = int(np.argmin(forward)) + 1
            raise InvalidRequestError(
                f"batch.steps[{index}]",
                f"got {steps[index]} after {steps[index - 1]}; steps never decrease",
                Problem.ORDER,
            )
    if steps[-1] > MAX_COUNT:
        index = int(np.argmax(steps > MAX_COUNT))
        raise InvalidRequestError(f"batch.steps[{index}]", f"got {steps[index]}, expected 0 to 2^53", Problem.RANGE)


def _scalars(batch: StepBatch, count: int, frontier: Frontier) -> dict[str, Column]:
    if len(batch.scalars) > MAX_SCALAR_SIGNALS:
        raise InvalidRequestError(
            "batch.scalars", f"got {len(batch.scalars)}, expected at most {MAX_SCALAR_SIGNALS}", Problem.LIMIT
        )
    columns: dict[str, Column] = {}
    known = len(frontier.scalars)
    for index, column in enumerate(batch.scalars):
        path = f"batch.scalars[{index}]"
        name = column.name
        if name not in frontier.scalars:
            _check_name(name, f"{path}.name", MAX_SIGNAL_CHARACTERS)
            known += 1
            if known > MAX_SCALAR_SIGNALS:
                raise InvalidRequestError(
                    f"{path}.name",
                    f"{name!r} is new, and the run has {MAX_SCALAR_SIGNALS} scalar signals already",
                    Problem.LIMIT,
                )
        if name in columns:
            raise InvalidRequestError(f"{path}.name", f"{name!r} came already in this batch", Problem.DUPLICATE)
        rows, expected = _row_indices(column.rows, count, path)
        if len(column.values) != expected:
            raise InvalidRequestError(
                f"{path}.values", f"got {len(column.values)}, expected one a row = {expected}", Problem.LENGTH
            )
        columns[name] = Column(np.array(column.values, dtype=np.float64), rows)
    return columns


def _blocks(batch: StepBatch, count: int, frontier: Frontier) -> dict[str, Block]:
    blocks: dict[str, Block] = {}
    if len(batch.tensors) > 0 and frontier.tensors is None:
        raise InvalidRequestError(
            "batch.tensors", "the run has no tensor table yet; send a description first", Problem.MISSING
        )
    for index, block in enumerate(batch.tensors):
        path = f"batch.tensors[{index}]"
        signal = TENSOR_SIGNALS.get(block.signal)
        if signal is None:
            raise InvalidRequestError(
                f"{path}.signal", f"got {block.signal}, which is no known signal", Problem.UNKNOWN
            )
        if signal in blocks:
            raise InvalidRequestError(f"{path}.signal", f"{signal} came already in this batch", Problem.DUPLICATE)
        rows, expected = _row_indices(block.rows, count, path)
        tensors = frontier.tensors or 0
        if len(block.values) != expected * tensors:
            raise InvalidRequestError(
                f"{path}.values",
                f"got {len(block.values)}, expected {expected} rows x {tensors} tensors = {expected * tensors}",
                Problem.LENGTH,
            )
        blocks[signal] = Block(np.array(block.values, dtype=np.float32).reshape(expected, tensors), rows)
    return blocks


def _row_indices(indices: Sequence[int], count: int, path: str) -> tuple[npt.NDArray[np.int64] | None, int]:
    """Reads which rows have a value: their indices, or None for all, and how many they are."""
    if not indices:
        return None, count
    if len(indices) > count:
        raise InvalidRequestError(f"{path}.rows", f"got {len(indices)}, expected at most {count}", Problem.LENGTH)
    rows = np.array(indices, dtype=np.int64)
    if rows[-1] >= count or (len(rows) > 1 and not (rows[1:] > rows[:-1]).all()):
        raise InvalidRequestError(f"{path}.rows", f"expected strictly increasing indices below {count}", Problem.ORDER)
    return rows, len(rows)


def _check_description(description: RunDescription, max_tensors: int) -> None:
    if len(description.tensors) > max_tensors:
        raise InvalidRequestError(
            "description.tensors",
            f"got {len(description.tensors)}, and this service takes {max_tensors} at most",
            Problem.LIMIT,
        )
    names: set[str] = set()
    for index, tensor in enumerate(description.tensors):
        path = f"description.tensors[{index}]"
        _check_name(tensor.name, f"{path}.name", MAX_NAME_CHARACTERS)
        if tensor.name in names:
            raise InvalidRequestError(f"{path}.name", f"{tensor.name!r} came already in this table", Problem.DUPLICATE)
        names.add(tensor.name)
        if tensor.layer:
            _check_name(tensor.layer, f"{path}.layer", MAX_NAME_CHARACTERS)
        if tensor.element_count > MAX_COUNT:
            raise InvalidRequestError(
                f"{path}.element_count", f"got {tensor.element_count}, expected at most 2^53", Problem.RANGE
            )
        if any(size < 0 for size in tensor.shape):
            raise InvalidRequestError(
                f"{path}.shape", f"got {list(tensor.shape)}, expected sizes from 0", Problem.RANGE
            )


def _check_event(event: RunEvent, by_service: bool) -> None:
    _check_time(event.time, "event.time")
    if event.HasField("step") and not 0 <= event.step <= MAX_COUNT:
        raise InvalidRequestError("event.step", f"got {event.step}, expected 0 to 2^53", Problem.RANGE)
    match event.WhichOneof("detail"):
        case None:
            raise InvalidRequestError("event.detail", "got nothing that this service knows", Problem.MISSING)
        case "silence" if not by_service:
            raise InvalidRequestError("event.silence", "only the service itself reports silence", Problem.FORBIDDEN)
        case "error":
            for name, limit in MAX_ERROR_CHARACTERS.items():
                length = len(getattr(event.error, name))
                if length > limit:
                    raise InvalidRequestError(
                        f"event.error.{name}", f"got {length} characters, expected at most {limit}", Problem.LIMIT
                    )
        case "dropped":
            _check_name(event.dropped.reason, "event.dropped.reason", MAX_SIGNAL_CHARACTERS)
            if event.dropped.rows > MAX_COUNT:
                raise InvalidRequestError(
                    "event.dropped.rows", f"got {event.dropped.rows}, expected at most 2^53", Problem.RANGE
                )


def _finish(finish: FinishRun) -> Finish:
    _check_time(finish.time, "finish.time")
    if finish.state in (RUN_STATE_UNSPECIFIED, RUN_STATE_FINISHED):
        return Finish(RunState.FINISHED, finish.time)
    if finish.state == RUN_STATE_FAILED:
        return Finish(RunState.FAILED, finish.time)
    raise InvalidRequestError("finish.state", f"got {finish.state}, expected FINISHED or FAILED", Problem.UNKNOWN)


def _check_time(time: float, path: str) -> None:
    if not 0 <= time <= MAX_TIME:  # NaN is not
        raise InvalidRequestError(path, f"got {time}, expected seconds since the Unix epoch", Problem.RANGE)


def _check_name(name: str, path: str, limit: int) -> None:
    if not name:
        raise InvalidRequestError(path, f"got nothing, expected 1 to {limit} characters", Problem.NAME)
    if len(name) > limit:
        raise InvalidRequestError(path, f"got {len(name)} characters, expected at most {limit}", Problem.NAME)
    if _CONTROL_CHARACTERS.search(name):
        raise InvalidRequestError(path, f"got {name!r}, expected no control characters", Problem.NAME)

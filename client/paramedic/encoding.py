"""Telemetry to wire bytes, straight from numpy memory.

A packed field of floats or doubles is, on the wire, a tag, a length, and the array's little-endian bytes. Building the
message object from an array costs a Python number per value; writing those three parts costs one copy. Everything small
is left to the protobuf library: serialized messages concatenate, so the two mix freely.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from paramedic.v1.description_pb2 import RunDescription
from paramedic.v1.telemetry_pb2 import (
    FinishRun,
    LayerBlock,
    RegisterRun,
    RunEvent,
    ScalarColumn,
    StepBatch,
    StreamTelemetryRequest,
    TensorBlock,
    TimeBlock,
)

Floats: TypeAlias = npt.NDArray[np.float32]
Doubles: TypeAlias = npt.NDArray[np.float64]
Integers: TypeAlias = npt.NDArray[np.int64]
Indices: TypeAlias = npt.NDArray[np.uint32]
Message: TypeAlias = RunDescription | RunEvent | FinishRun

MAX_REQUEST_BYTES = 1 << 20
MAX_SEQUENCE = 2**63 - 1

# Tags: (field number << 3) | wire type, where 0 is a varint and 2 a length and bytes.
_SEQUENCE = b"\x08"  # StreamTelemetryRequest.sequence
_BATCH = b"\x22"  # StreamTelemetryRequest.batch
_TIMES = b"\x12"  # StepBatch.times
_SCALARS = b"\x1a"  # StepBatch.scalars
_TENSORS = b"\x22"  # StepBatch.tensors
_LAYERS = b"\x2a"  # StepBatch.layers
_PATHS = b"\x32"  # StepBatch.paths
_VALUES = b"\x12"  # ScalarColumn.values, TensorBlock.values and LayerBlock.values
_PATH_VALUES = b"\x1a"  # TimeBlock.values

# Upper bounds of what is not numbers, bytes: tags and lengths, and the worst varint of a step or a row index.
_OVERHEAD = 64
_STEP_BYTES = 10
_ROW_INDEX_BYTES = 5


class Scalar(NamedTuple):
    """One scalar signal: values float64 [m]; rows uint32 [m], strictly increasing, or None when every row has one."""

    values: Doubles
    rows: Indices | None = None


class Block(NamedTuple):
    """One signal of every tensor or probed layer: values float32 [m, columns]; rows uint32 [m], or None: every row."""

    values: Floats
    rows: Indices | None = None


class Path(NamedTuple):
    """The gradient's path through one recurrent layer: time steps uint32 [t]; values float32 [m, t]; rows likewise."""

    time_steps: Indices
    values: Floats
    rows: Indices | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """Rows of a run, by column.

    Attributes:
        steps: int64 [n], not decreasing.
        times: float64 [n], seconds since the Unix epoch.
        scalars: By signal name.
        blocks: By number of the signal in `TensorSignal`.
        layers: By number of the signal in `LayerSignal`.
        paths: By recurrent layer.
    """

    steps: Integers
    times: Doubles
    scalars: Mapping[str, Scalar] = field(default_factory=dict)
    blocks: Mapping[int, Block] = field(default_factory=dict)
    layers: Mapping[int, Block] = field(default_factory=dict)
    paths: Mapping[str, Path] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Memory of all arrays, bytes."""
        size = self.steps.nbytes + self.times.nbytes
        columns: list[Scalar | Block | Path] = [
            *self.scalars.values(),
            *self.blocks.values(),
            *self.layers.values(),
            *self.paths.values(),
        ]
        for column in columns:
            size += column.values.nbytes + (0 if column.rows is None else column.rows.nbytes)
        return size


def encode_registration(register: RegisterRun) -> bytes:
    """Returns the request that opens a stream."""
    return StreamTelemetryRequest(register=register).SerializeToString()


def encode_message(message: Message) -> bytes:
    """Returns the request that carries a description, an event or the end of a run, without its sequence."""
    if isinstance(message, RunDescription):
        return StreamTelemetryRequest(description=message).SerializeToString()
    if isinstance(message, RunEvent):
        return StreamTelemetryRequest(event=message).SerializeToString()
    return StreamTelemetryRequest(finish=message).SerializeToString()


def encode_batch(columns: Columns) -> bytes:
    """Returns the request that carries rows, without its sequence."""
    parts: list[bytes | memoryview] = [StepBatch(steps=columns.steps.tolist()).SerializeToString()]
    parts += _packed(_TIMES, columns.times, "<f8")
    for name, scalar in columns.scalars.items():
        small = ScalarColumn(name=name, rows=_row_list(scalar.rows)).SerializeToString()
        _embed(parts, _SCALARS, [small, *_packed(_VALUES, scalar.values, "<f8")])
    for signal, block in columns.blocks.items():
        small = TensorBlock(signal=signal, rows=_row_list(block.rows)).SerializeToString()  # type: ignore[arg-type]
        _embed(parts, _TENSORS, [small, *_packed(_VALUES, block.values, "<f4")])
    for signal, block in columns.layers.items():
        small = LayerBlock(signal=signal, rows=_row_list(block.rows)).SerializeToString()  # type: ignore[arg-type]
        _embed(parts, _LAYERS, [small, *_packed(_VALUES, block.values, "<f4")])
    for layer, path in columns.paths.items():
        small = TimeBlock(
            layer=layer, time_steps=path.time_steps.tolist(), rows=_row_list(path.rows)
        ).SerializeToString()
        _embed(parts, _PATHS, [small, *_packed(_PATH_VALUES, path.values, "<f4")])
    request: list[bytes | memoryview] = []
    _embed(request, _BATCH, parts)
    return b"".join(request)


def with_sequence(body: bytes, sequence: int) -> bytes:
    """Puts the sequence in front of a request that has none."""
    return _SEQUENCE + varint(sequence) + body


def split_sequence(request: bytes) -> tuple[int, bytes]:
    """Takes a request apart into its sequence and the rest; a registration has sequence 0.

    Raises:
        ValueError: The sequence is cut off or too long.
    """
    if request[:1] != _SEQUENCE:
        return 0, request
    sequence = 0
    for index, byte in enumerate(request[1:11]):
        sequence |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return sequence, request[index + 2 :]
    raise ValueError("a request begins with a sequence that never ends")


def varint(number: int) -> bytes:
    """Encodes a number that is not negative."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def size_bound(columns: Columns) -> int:
    """Returns an upper bound of the encoded size, bytes."""
    size = _OVERHEAD + len(columns.steps) * (_STEP_BYTES + 8)
    for name, scalar in columns.scalars.items():
        size += _OVERHEAD + 4 * len(name) + _column_bound(scalar)
    for block in [*columns.blocks.values(), *columns.layers.values()]:
        size += _OVERHEAD + _column_bound(block)
    for layer, path in columns.paths.items():
        size += _OVERHEAD + 4 * len(layer) + len(path.time_steps) * _ROW_INDEX_BYTES + _column_bound(path)
    return size


def split(columns: Columns, limit: int = MAX_REQUEST_BYTES) -> Iterator[Columns]:
    """Yields the same rows in pieces whose encoding fits the limit: by rows, and where one row is too large, by column.

    What no piece can hold is yielded as it is; the caller finds it by `size_bound` and gives it up.
    """
    if size_bound(columns) <= limit:
        yield columns
    elif len(columns.steps) > 1:
        middle = len(columns.steps) // 2
        yield from split(select(columns, 0, middle), limit)
        yield from split(select(columns, middle, len(columns.steps)), limit)
    else:
        pieces = _halves(columns)
        if len(pieces) < 2:
            yield columns
            return
        for piece in pieces:
            yield from split(piece, limit)


def _halves(columns: Columns) -> list[Columns]:
    """Cuts the signals of rows in two, the scalars from the others first; a single signal stays whole."""
    kinds = ("scalars", "blocks", "layers", "paths")
    signals = [(kind, name, column) for kind in kinds for name, column in getattr(columns, kind).items()]
    scalars = len(columns.scalars)
    middle = scalars if scalars < len(signals) else len(signals) // 2
    middle = middle or len(signals) // 2
    halves = [half for half in (signals[:middle], signals[middle:]) if half]
    parts = [{kind: {name: column for of, name, column in half if of == kind} for kind in kinds} for half in halves]
    return [Columns(columns.steps, columns.times, **part) for part in parts]


def select(columns: Columns, start: int, stop: int) -> Columns:
    """Returns the rows from start up to stop, as views."""
    scalars = {name: Scalar(*_select(*scalar, start, stop)) for name, scalar in columns.scalars.items()}
    blocks = {signal: Block(*_select(*block, start, stop)) for signal, block in columns.blocks.items()}
    layers = {signal: Block(*_select(*block, start, stop)) for signal, block in columns.layers.items()}
    paths = {
        layer: Path(path.time_steps, *_select(path.values, path.rows, start, stop))
        for layer, path in columns.paths.items()
    }
    return Columns(
        columns.steps[start:stop],
        columns.times[start:stop],
        {name: scalar for name, scalar in scalars.items() if len(scalar.values)},
        {signal: block for signal, block in blocks.items() if len(block.values)},
        {signal: block for signal, block in layers.items() if len(block.values)},
        {layer: path for layer, path in paths.items() if len(path.values)},
    )


def _select(values: npt.NDArray[Any], rows: Indices | None, start: int, stop: int) -> tuple[Any, Indices | None]:
    if rows is None:
        return values[start:stop], None
    first, last = np.searchsorted(rows, (start, stop))
    chosen = rows[first:last] - np.uint32(start)
    # No index means every row: said so when it is so, and a column without any row is left out by the caller.
    return values[first:last], None if len(chosen) == stop - start else chosen


def _column_bound(column: Scalar | Block | Path) -> int:
    rows = 0 if column.rows is None else len(column.rows) * _ROW_INDEX_BYTES
    return column.values.nbytes + rows


def _row_list(rows: Indices | None) -> list[int]:
    return [] if rows is None else rows.tolist()


def _packed(tag: bytes, values: npt.NDArray[np.floating], dtype: str) -> list[bytes | memoryview]:
    memory = np.ascontiguousarray(values, dtype=dtype).reshape(-1)
    if not memory.size:
        return []
    return [tag, varint(memory.nbytes), memory.data.cast("B")]


def _embed(into: list[bytes | memoryview], tag: bytes, parts: list[bytes | memoryview]) -> None:
    into.append(tag)
    into.append(varint(sum(len(part) for part in parts)))
    into.extend(parts)

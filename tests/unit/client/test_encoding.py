"""Bytes that are written by hand say what the protobuf library reads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic.encoding import (
    MAX_REQUEST_BYTES,
    Block,
    Columns,
    Scalar,
    encode_batch,
    select,
    size_bound,
    split,
    split_sequence,
    varint,
    with_sequence,
)
from paramedic.v1.telemetry_pb2 import (
    TENSOR_SIGNAL_GRADIENT_NORM,
    TENSOR_SIGNAL_UPDATE_NORM,
    ScalarColumn,
    StepBatch,
    StreamTelemetryRequest,
    TensorBlock,
)

DOUBLE_BITS = st.integers(0, 2**64 - 1)
FLOAT_BITS = st.integers(0, 2**32 - 1)


@st.composite
def sparse_rows(draw: st.DrawFn, count: int) -> np.ndarray | None:
    if draw(st.booleans()):
        return None
    chosen = draw(st.sets(st.integers(0, count - 1), min_size=1, max_size=count))
    return np.array(sorted(chosen), np.uint32)


@st.composite
def columns(draw: st.DrawFn, max_rows: int = 12) -> Columns:
    """Any rows, with every bit pattern a float can have."""
    count = draw(st.integers(1, max_rows))
    steps = np.sort(np.array(draw(st.lists(st.integers(0, 2**53), min_size=count, max_size=count)), np.int64))
    times = np.array(draw(st.lists(DOUBLE_BITS, min_size=count, max_size=count)), np.uint64).view(np.float64)
    scalars = {}
    for name in draw(st.sets(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), max_size=4)):
        rows = draw(sparse_rows(count))
        size = count if rows is None else len(rows)
        bits = draw(st.lists(DOUBLE_BITS, min_size=size, max_size=size))
        scalars[name] = Scalar(np.array(bits, np.uint64).view(np.float64), rows)
    blocks = {}
    width = draw(st.integers(1, 5))
    for signal in draw(st.sets(st.sampled_from([1, 2, 3]))):
        rows = draw(sparse_rows(count))
        size = count if rows is None else len(rows)
        bits = draw(st.lists(FLOAT_BITS, min_size=size * width, max_size=size * width))
        blocks[signal] = Block(np.array(bits, np.uint32).view(np.float32).reshape(size, width), rows)
    return Columns(steps, times, scalars, blocks)


def same_bits(first: object, second: object, dtype: str) -> bool:
    return np.array(first, dtype).tobytes() == np.array(second, dtype).tobytes()


def assert_says(batch: StepBatch, expected: Columns) -> None:
    assert list(batch.steps) == expected.steps.tolist()
    assert same_bits(batch.times, expected.times, "<f8")
    assert [column.name for column in batch.scalars] == list(expected.scalars)
    for column in batch.scalars:
        values, rows = expected.scalars[column.name]
        assert same_bits(column.values, values, "<f8")
        assert list(column.rows) == ([] if rows is None else rows.tolist())
    assert [block.signal for block in batch.tensors] == list(expected.blocks)
    for block in batch.tensors:
        values, rows = expected.blocks[block.signal]
        quiet = values.reshape(-1).astype(np.float64)  # what a Python float makes of it: signalling NaNs become quiet
        assert same_bits(block.values, quiet, "<f8")
        assert list(block.rows) == ([] if rows is None else rows.tolist())


@given(columns(), st.integers(1, 2**63 - 1))
def test_a_batch_is_read_as_it_was_written(written: Columns, sequence: int) -> None:
    request = StreamTelemetryRequest.FromString(with_sequence(encode_batch(written), sequence))
    assert request.sequence == sequence
    assert_says(request.batch, written)


@given(columns())
def test_a_batch_has_the_very_bytes_of_its_floats(written: Columns) -> None:
    body = encode_batch(written)
    for values, _ in written.blocks.values():
        assert values.astype("<f4").tobytes() in body
    for values, _ in written.scalars.values():
        assert values.astype("<f8").tobytes() in body


def test_a_batch_equals_what_the_library_would_have_built() -> None:
    written = Columns(
        np.array([3, 300], np.int64),
        np.array([1.5, 2.5]),
        {"loss": Scalar(np.array([0.25, 0.5])), "val_loss": Scalar(np.array([0.75]), np.array([1], np.uint32))},
        {
            TENSOR_SIGNAL_GRADIENT_NORM: Block(np.array([[1, 2], [3, 4]], np.float32)),
            TENSOR_SIGNAL_UPDATE_NORM: Block(np.array([[5, 6]], np.float32), np.array([0], np.uint32)),
        },
    )
    built = StepBatch(
        steps=[3, 300],
        times=[1.5, 2.5],
        scalars=[ScalarColumn(name="loss", values=[0.25, 0.5]), ScalarColumn(name="val_loss", values=[0.75], rows=[1])],
        tensors=[
            TensorBlock(signal=TENSOR_SIGNAL_GRADIENT_NORM, values=[1, 2, 3, 4]),
            TensorBlock(signal=TENSOR_SIGNAL_UPDATE_NORM, values=[5, 6], rows=[0]),
        ],
    )
    assert StreamTelemetryRequest.FromString(encode_batch(written)).batch == built


@pytest.mark.parametrize("layout", ["transposed", "strided", "big-endian", "double"])
def test_any_memory_layout_is_written_row_by_row(layout: str) -> None:
    plain = np.arange(12, dtype=np.float32).reshape(3, 4)
    values = {
        "transposed": np.asfortranarray(plain),
        "strided": np.repeat(plain, 2, axis=1)[:, ::2],
        "big-endian": plain.astype(">f4"),
        "double": plain.astype(np.float64),
    }[layout]
    body = encode_batch(Columns(np.arange(3), np.zeros(3), {}, {1: Block(values)}))
    assert list(StreamTelemetryRequest.FromString(body).batch.tensors[0].values) == list(range(12))


@given(columns())
def test_the_size_is_never_underestimated(written: Columns) -> None:
    assert len(encode_batch(written)) <= size_bound(written)


@settings(max_examples=50)
@given(columns(max_rows=40), st.integers(300, 2000))
def test_pieces_fit_the_limit_and_say_the_same_together(written: Columns, limit: int) -> None:
    pieces = list(split(written, limit))
    for piece in pieces:
        several = len(piece.steps) > 1 or len(piece.scalars) + len(piece.blocks) > 1
        assert size_bound(piece) <= limit or not several
    assert_same_cells(pieces, written)


def assert_same_cells(pieces: list[Columns], written: Columns) -> None:
    # A row that was cut by signals comes several times.
    assert {step for piece in pieces for step in piece.steps.tolist()} == set(written.steps.tolist())
    for name, (values, _) in written.scalars.items():
        parts = [piece.scalars[name].values for piece in pieces if name in piece.scalars]
        assert same_bits(np.concatenate(parts), values, "<f8")
    for signal, (values, _) in written.blocks.items():
        blocks = [piece.blocks[signal].values.reshape(-1) for piece in pieces if signal in piece.blocks]
        assert np.concatenate(blocks).tobytes() == values.tobytes()


@given(columns(max_rows=20), st.data())
def test_a_selection_keeps_each_value_at_its_row(written: Columns, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(written.steps) - 1))
    stop = data.draw(st.integers(start + 1, len(written.steps)))
    chosen = select(written, start, stop)
    for name, (values, rows) in written.scalars.items():
        indices = np.arange(len(written.steps)) if rows is None else rows
        expected = {int(row) - start: value for row, value in zip(indices, values, strict=True) if start <= row < stop}
        got = chosen.scalars.get(name, Scalar(np.empty(0), np.empty(0, np.uint32)))
        got_rows = range(len(got.values)) if got.rows is None else got.rows.tolist()
        assert list(got_rows) == list(expected)
        assert same_bits(got.values, list(expected.values()), "<f8")


def test_one_row_too_wide_is_cut_by_block() -> None:
    width = MAX_REQUEST_BYTES // 4 - 1000
    block = Block(np.zeros((1, width), np.float32))
    row = Columns(np.array([1]), np.array([2.0]), {"loss": Scalar(np.array([3.0]))}, {1: block, 2: block, 3: block})
    pieces = list(split(row))
    assert [(list(piece.scalars), list(piece.blocks)) for piece in pieces] == [
        (["loss"], []),
        ([], [1]),
        ([], [2]),
        ([], [3]),
    ]


@given(st.integers(0, 2**64 - 1))
def test_a_sequence_is_taken_apart_as_it_was_put_together(sequence: int) -> None:
    assert split_sequence(with_sequence(b"\x12\x00", sequence)) == (sequence, b"\x12\x00")
    assert StreamTelemetryRequest.FromString(b"\x08" + varint(sequence)).sequence == sequence


def test_a_registration_has_sequence_zero() -> None:
    assert split_sequence(b"\x12\x00") == (0, b"\x12\x00")


@pytest.mark.parametrize("request_bytes", [b"\x08", b"\x08\x80", b"\x08" + b"\xff" * 20])
def test_a_sequence_that_never_ends_is_an_error(request_bytes: bytes) -> None:
    with pytest.raises(ValueError, match="never ends"):
        split_sequence(request_bytes)

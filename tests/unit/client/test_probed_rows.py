"""Signals of probed layers and paths through time, from `log_rows` to the wire."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import paramedic
from paramedic.encoding import Block, Columns, Scalar, encode_batch, select, size_bound, split
from paramedic.encoding import Path as TimePath
from paramedic.v1.description_pb2 import RunDescription
from paramedic.v1.telemetry_pb2 import LAYER_SIGNAL_DEAD_SHARE, StepBatch, StreamTelemetryRequest
from support.spooled import Told


def columns(rows: int = 4) -> Columns:
    last = np.array([rows - 1], np.uint32)
    return Columns(
        np.arange(rows),
        np.arange(rows, dtype=np.float64),
        {"loss": Scalar(np.ones(rows))},
        {},
        {3: Block(np.array([[0.5, np.nan]], np.float32), last)},
        {"lstm/forward": TimePath(np.array([0, 7], np.uint32), np.array([[1e-9, 1]], np.float32), last)},
    )


def batch(columns: Columns) -> StepBatch:
    return StreamTelemetryRequest.FromString(encode_batch(columns)).batch


def test_what_is_encoded_is_what_protobuf_reads() -> None:
    read = batch(columns())
    (layer,), (path,) = read.layers, read.paths
    assert (layer.signal, list(layer.rows)) == (LAYER_SIGNAL_DEAD_SHARE, [3])
    np.testing.assert_array_equal(layer.values, np.array([0.5, np.nan], np.float32))
    assert (path.layer, list(path.time_steps), list(path.rows)) == ("lstm/forward", [0, 7], [3])
    np.testing.assert_array_equal(path.values, np.array([1e-9, 1], np.float32))


def test_rows_without_them_have_none_after_a_cut() -> None:
    first, second = select(columns(), 0, 2), select(columns(), 2, 4)
    assert (first.layers, first.paths) == ({}, {})
    assert list(batch(second).layers[0].rows) == [1]
    assert list(batch(second).paths[0].rows) == [1]


def test_a_row_that_is_too_wide_is_cut_without_losing_any() -> None:
    pieces = list(split(columns(1), 1))
    assert [(set(piece.scalars), set(piece.layers), set(piece.paths)) for piece in pieces] == [
        ({"loss"}, set(), set()),
        (set(), {3}, set()),
        (set(), set(), {"lstm/forward"}),
    ]


def test_the_bound_holds() -> None:
    assert len(encode_batch(columns())) <= size_bound(columns())


@pytest.fixture
def run(tmp_path: Path) -> Any:
    run = paramedic.init("project", id="run", mode="offline", spool_dir=tmp_path)
    run.describe(RunDescription(probed_layers=["dense", "output"]))
    yield run
    run.finish(timeout=0)


def told(run: Any, tmp_path: Path) -> Told:
    run.finish(timeout=30)
    (directory,) = tmp_path.glob("*/*")
    return Told(directory)


def test_rows_carry_them(run: Any, tmp_path: Path) -> None:
    layers = {"dead_share": ([[0.0, 1.0]], [1])}
    paths = {"lstm": ([0, 1, 5], [[1.0, 2.0, 3.0]], [1])}
    run.log_rows([1, 2], [1.0, 2.0], {"loss": ([1.0, 2.0], None)}, {}, layers, paths)
    (read,) = told(run, tmp_path).batches
    assert list(read.layers[0].values) == [0, 1]
    assert list(read.paths[0].time_steps) == [0, 1, 5]
    assert run.dropped == {}


@pytest.mark.parametrize(
    ("layers", "paths", "reason"),
    [
        ({"dead_share": ([[0.0]], [0])}, {}, "wrong_length"),
        ({"shape": ([[0.0, 1.0]], [0])}, {}, "invalid_value"),
        ({}, {"lstm": ([1, 2], [[1.0, 2.0]], None)}, "invalid_value"),
        ({}, {"lstm": ([0, 2, 1], [[1.0, 2.0, 3.0]], None)}, "invalid_value"),
        ({}, {"lstm": ([0, 1], [[1.0]], None)}, "invalid_value"),
        ({}, {"lstm": (range(65), [range(65)], None)}, "invalid_value"),
        ({}, {"": ([0], [[1.0]], None)}, "invalid_value"),
    ],
)
def test_what_is_inconsistent_is_counted_and_the_rest_goes(
    run: Any, tmp_path: Path, layers: Any, paths: Any, reason: str
) -> None:
    run.log_rows([1], [1.0], {"loss": ([1.0], None)}, {}, layers, paths)
    read = told(run, tmp_path)
    assert read.scalar("loss") == {1: 1.0}
    assert [len(read.batches[0].layers), len(read.batches[0].paths)] == [0, 0]
    assert list(run.dropped) == [reason]

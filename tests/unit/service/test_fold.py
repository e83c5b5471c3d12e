"""A run's state is the fold of its log."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramedic.v1.telemetry_pb2 import StreamTelemetryRequest
from paramedic_service.ingest import snapshot
from paramedic_service.ingest.entries import Batch
from paramedic_service.ingest.fold import fold, merge, mergeable
from paramedic_service.ingest.frontier import Frontier
from paramedic_service.ingest.live import LiveRun
from paramedic_service.ingest.refusal import InvalidRequestError
from paramedic_service.ingest.restore import Replayer
from paramedic_service.ingest.validation import validate
from paramedic_service.rules.telemetry import Block, Column, Path, Rows
from paramedic_service.store.records import RunKey, RunRecord, RunState
from support.service import batch, description, finish

KEY = RunKey("project", "run")
RECORD = RunRecord(1, KEY, "run", RunState.RUNNING, 5.0, None, None, 0, 0, 0, 0, 5.0)


@pytest.fixture
def live():
    return LiveRun(KEY, 1, "run", 5.0)


@pytest.fixture
def replayer(live):
    return Replayer(live)


def feed(replayer, *requests, **arguments):
    return [finding for request in requests for finding in replayer.feed(request.SerializeToString(), **arguments)]


def event(sequence, detail, time=1.8e9):
    return StreamTelemetryRequest(sequence=sequence, event={"time": time, detail: {}})


def test_a_batch_moves_the_run_to_its_last_row(replayer, live):
    feed(replayer, description(1), batch(2, [3, 4], loss=[2.0, 1.0], norms=[5.0, 6.0]))
    assert (live.rows, live.last_step, live.last_sequence) == (2, 4, 2)
    assert live.latest_scalars == {"loss": 1.0}
    assert live.latest_norms["gradient_norm"].tolist() == [5.0, 6.0]
    assert live.last_report_at == pytest.approx(1.7e9 + 0.4)


def test_the_version_grows_with_every_change(replayer, live):
    versions = []
    for request in (description(1), batch(2, [0]), event(3, "training_began"), finish(4)):
        feed(replayer, request)
        versions.append(live.version)
    assert versions == sorted(set(versions))


def test_fields_of_a_description_replace_each_other_whole_and_others_stay(replayer, live):
    one, two = description(1), description(2, ())
    one.description.model.name = "net"
    one.description.model.layers.add(name="a")
    one.description.losses.add(name="mse")
    two.description.model.name = "other"
    feed(replayer, one, two)
    assert live.description.model.name == "other"
    assert not live.description.model.layers
    assert live.description.losses[0].name == "mse"
    assert live.tensor_names == ("dense/kernel", "dense/bias")


def test_a_new_tensor_table_forgets_the_norms_of_the_old_one(replayer, live):
    feed(replayer, description(1), batch(2, [0], norms=[1.0, 1.0]), description(3, ["other"]))
    assert live.tensor_names == ("other",)
    assert live.latest_norms == {}


def test_a_run_that_reports_after_its_end_goes_on(replayer, live):
    feed(replayer, batch(1, [0]), finish(2, "RUN_STATE_FAILED"))
    assert live.state is RunState.FAILED
    feed(replayer, batch(3, [1]))
    assert live.state is RunState.RUNNING


def test_silence_is_no_sign_of_life_and_counts_once(replayer, live):
    feed(replayer, batch(1, range(100)))
    silence = StreamTelemetryRequest(event={"time": 1.9e9, "silence": {"seconds": 500, "limit": 60}})
    assert [finding.rule for finding in feed(replayer, silence, silence, by_service=True)] == ["stalled_run"]
    assert live.silent
    assert live.last_report_at < 1.8e9
    feed(replayer, event(2, "epoch_ended"))
    assert not live.silent


def test_a_replay_refuses_what_the_service_refuses_and_goes_on(replayer, live):
    feed(replayer, batch(1, [5]))
    with pytest.raises(InvalidRequestError):
        feed(replayer, batch(2, [4]))
    feed(replayer, batch(3, [6]))
    assert live.rows == 2


SEQUENCE = [
    description(1),
    batch(2, range(10), norms=[1.0, 2.0]),
    batch(3, range(10, 30), loss=math.nan, norms=[math.inf, 2.0]),
    event(4, "epoch_ended"),
    batch(5, range(30, 90), norms=[1.0, 2.0]),
    finish(6),
]


@pytest.mark.parametrize("cut", range(1, len(SEQUENCE)))
def test_a_run_restored_from_its_snapshot_goes_on_like_one_that_never_stopped(live, cut):
    replayer = Replayer(live)
    feed(replayer, *SEQUENCE[:cut])
    restored = snapshot.restore(RECORD, snapshot.take(live))
    expected = feed(replayer, *SEQUENCE[cut:])
    again = feed(Replayer(restored), *SEQUENCE[cut:])
    assert repr(again) == repr(expected), "as text, because NaN is evidence and equals nothing"
    assert snapshot.take(restored) == snapshot.take(live)


@pytest.mark.parametrize("body", [b"", b"\xc1", snapshot.pack({"version": -1}), snapshot.pack([1, 2])])
def test_a_snapshot_that_cannot_be_read_is_told_from_a_defect(body):
    with pytest.raises(ValueError, match="snapshot"):
        snapshot.restore(RECORD, body)


def test_a_snapshot_with_parts_missing_is_told_from_a_defect(live):
    tree = snapshot.unpack(snapshot.take(live))
    del tree["rows"]
    with pytest.raises(ValueError, match="damaged"):
        snapshot.restore(RECORD, snapshot.pack(tree))


TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(TREES)
def test_trees_survive_packing(tree):
    assert snapshot.unpack(snapshot.pack(tree)) == tree


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.int64).reshape(2, 3),
        np.array([[1.5, math.nan]], np.float32).T,
        np.array(3.0),
        np.array([], np.float64),
        np.array([True, False]),
        np.arange(3, dtype=">i4"),
    ],
    ids=str,
)
def test_arrays_survive_packing_and_can_be_written_to(array):
    unpacked = snapshot.unpack(snapshot.pack({"array": array}))["array"]
    assert unpacked.shape == array.shape
    assert unpacked.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
    np.testing.assert_array_equal(unpacked, array)
    unpacked[...] = 0


@st.composite
def rows(draw):
    count = draw(st.integers(1, 6))

    def indices():
        chosen = draw(st.none() | st.sets(st.integers(0, count - 1), min_size=1))
        return None if chosen is None else np.array(sorted(chosen), np.int64)

    scalars, blocks = {}, {}
    for name in draw(st.sets(st.sampled_from(["loss", "accuracy"]))):
        where = indices()
        scalars[name] = Column(np.arange(count if where is None else len(where), dtype=np.float64), where)
    for name in draw(st.sets(st.sampled_from(["gradient_norm", "weight_norm"]))):
        where = indices()
        blocks[name] = Block(np.ones((count if where is None else len(where), 2), np.float32), where)
    layers, paths = {}, {}
    if draw(st.booleans()):
        where = indices()
        layers["dead_share"] = Block(np.ones((count if where is None else len(where), 3), np.float32), where)
    if draw(st.booleans()):
        where = indices()
        paths["lstm"] = Path(np.array([0, 4]), np.ones((count if where is None else len(where), 2), np.float32), where)
    return Batch(Rows(np.arange(count), np.arange(count, dtype=np.float64), scalars, blocks, layers, paths))


def cells(entry: Batch, offset: int = 0):
    """Every value with its signal and row."""
    return [
        (name, int(row) + offset, np.array(value).tolist())
        for signals in (entry.rows.scalars, entry.rows.blocks, entry.rows.layers, entry.rows.paths)
        for name, signal in signals.items()
        for row, value in zip(
            range(entry.row_count) if signal.rows is None else signal.rows, signal.values, strict=True
        )
    ]


@given(st.lists(rows(), min_size=1, max_size=5))
def test_joined_batches_hold_the_rows_of_their_parts(parts):
    joined = merge(parts)
    offsets = np.cumsum([0, *(part.row_count for part in parts)])
    expected = [cell for part, offset in zip(parts, offsets, strict=False) for cell in cells(part, int(offset))]
    assert joined.row_count == offsets[-1]
    assert sorted(cells(joined), key=repr) == sorted(expected, key=repr)
    assert joined.rows.steps.tolist() == [step for part in parts for step in part.rows.steps.tolist()]


def along(*time_steps):
    steps = np.array(time_steps)
    paths = {"lstm": Path(steps, np.ones((1, len(steps)), np.float32))} if time_steps else {}
    return Batch(Rows(np.array([0]), np.array([0.0]), paths=paths))


def test_paths_that_are_told_at_other_time_steps_are_not_joined():
    assert mergeable([along(0, 4), along()], along(0, 4))
    assert not mergeable([along(0, 4), along()], along(0, 5))
    assert not mergeable([along(0, 4)], along(0, 2, 4))


def test_a_restored_run_knows_its_layers_and_paths(replayer, live):
    described = description(1)
    described.description.probed_layers.extend(["dense", "lstm"])
    request = batch(2, [0])
    request.batch.paths.add(layer="lstm", time_steps=[0], values=[1.0])
    feed(replayer, described, request)
    expected = Frontier(2, 0, 2, 2, {"loss"}, {"lstm"})
    assert Frontier.of(live) == Frontier.of(snapshot.restore(RECORD, snapshot.take(live))) == expected


def test_an_error_event_becomes_a_finding(replayer):
    error = {"kind": "IndexError", "message": "Target 5 is out of bounds."}
    request = StreamTelemetryRequest(sequence=1, event={"time": 1.8e9, "error": error})
    assert [finding.rule for finding in feed(replayer, request)] == ["training_error"]


def test_rules_know_how_often_a_run_was_restarted():
    for attempt, expected in ((0, []), (2, ["restarted_earlier"])):
        replayer = Replayer(LiveRun(RunKey("project", "run", attempt), 1, "run", 5.0))
        assert [finding.rule for finding in feed(replayer, description(1), batch(2, [0]))] == expected


def test_rules_know_when_a_training_began(replayer):
    found = feed(replayer, event(1, "training_began", 1.7e9 - 5000), batch(2, [0, 1]))
    assert [finding.rule for finding in found] == ["slow_first_step"]


def test_a_replayed_batch_does_not_keep_the_whole_batch_alive(live):
    frontier = Frontier(tensors=2)
    fold(live, validate(description(1), frontier, max_tensors=5))
    fold(live, validate(batch(2, range(1000), norms=[1.0, 2.0]), frontier, max_tensors=5))
    assert live.latest_norms["gradient_norm"].base is None

"""What the service refuses, and how it says so."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic.v1.run_pb2 import RunIdentity
from paramedic.v1.telemetry_pb2 import StreamTelemetryRequest
from paramedic_service.ingest.batch_validation import MAX_SCALAR_SIGNALS
from paramedic_service.ingest.entries import Batch, Description, Finish
from paramedic_service.ingest.frontier import Frontier
from paramedic_service.ingest.identity_validation import validate_identity
from paramedic_service.ingest.refusal import InvalidRequestError
from paramedic_service.ingest.validation import parse, peek_sequence, validate
from paramedic_service.store.records import RunKey, RunState
from support.service import batch, description, finish

TWO_TENSORS = Frontier(sequence=1, tensors=2)


def check(request: StreamTelemetryRequest, frontier: Frontier = TWO_TENSORS, **arguments):
    return validate(request, frontier, **{"max_tensors": 10, **arguments})


def refusal(request: StreamTelemetryRequest, frontier: Frontier = TWO_TENSORS, **arguments) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        check(request, frontier, **arguments)
    return caught.value


def changed(request: StreamTelemetryRequest, change) -> StreamTelemetryRequest:
    change(request)
    return request


def test_a_good_batch_becomes_columns_of_numbers():
    request = batch(2, [5, 5, 6], loss=[1.0, math.nan, math.inf], norms=[1.0, 2.0])
    request.batch.scalars.add(name="accuracy", values=[0.5], rows=[2])
    entry = check(request)
    assert isinstance(entry, Batch)
    assert entry.rows.steps.tolist() == [5, 5, 6]
    np.testing.assert_array_equal(entry.rows.scalars["loss"].values, [1.0, math.nan, math.inf])
    assert entry.rows.scalars["loss"].rows is None
    assert entry.rows.scalars["accuracy"].rows.tolist() == [2]
    np.testing.assert_array_equal(entry.rows.blocks["gradient_norm"].values, np.array([[1, 2]] * 3, np.float32))


BAD_BATCHES = {
    "no rows": (lambda b: b.ClearField("steps"), "batch.steps"),
    "times of another length": (lambda b: b.times.pop(), "batch.times"),
    "a time that is no number": (lambda b: b.times.__setitem__(1, math.nan), "batch.times[1]"),
    "an infinite time": (lambda b: b.times.__setitem__(0, math.inf), "batch.times[0]"),
    "a time before the epoch": (lambda b: b.times.__setitem__(0, -1.0), "batch.times[0]"),
    "a negative step": (lambda b: b.steps.__setitem__(0, -1), "batch.steps[0]"),
    "a step beyond doubles": (lambda b: b.steps.__setitem__(1, 2**53 + 1), "batch.steps[1]"),
    "steps that decrease": (lambda b: b.steps.__setitem__(0, 12), "batch.steps[1]"),
    "a nameless signal": (lambda b: setattr(b.scalars[0], "name", ""), "batch.scalars[0].name"),
    "an endless name": (lambda b: setattr(b.scalars[0], "name", "x" * 257), "batch.scalars[0].name"),
    "a name with a line break": (lambda b: setattr(b.scalars[0], "name", "a\nb"), "batch.scalars[0].name"),
    "a signal twice": (lambda b: b.scalars.add(name="loss", values=[1, 2]), "batch.scalars[1].name"),
    "too few scalar values": (lambda b: b.scalars[0].values.pop(), "batch.scalars[0].values"),
    "more row indices than rows": (lambda b: b.scalars[0].rows.extend([0, 1, 2]), "batch.scalars[0].rows"),
    "a row index out of range": (lambda b: b.scalars[0].rows.extend([0, 2]), "batch.scalars[0].rows"),
    "row indices that repeat": (lambda b: b.scalars[0].rows.extend([1, 1]), "batch.scalars[0].rows"),
    "fewer values than row indices": (lambda b: b.tensors[0].rows.extend([1]), "batch.tensors[0].values"),
    "no tensor signal": (lambda b: b.tensors[0].ClearField("signal"), "batch.tensors[0].signal"),
    "an unknown tensor signal": (lambda b: setattr(b.tensors[0], "signal", 77), "batch.tensors[0].signal"),
    "a tensor signal twice": (
        lambda b: b.tensors.add(signal="TENSOR_SIGNAL_GRADIENT_NORM", values=[1] * 4),
        "batch.tensors[1].signal",
    ),
    "too few tensor values": (lambda b: b.tensors[0].values.pop(), "batch.tensors[0].values"),
    "absurdly many signals": (
        lambda b: [b.scalars.add(name=f"s{i}", values=[1, 2]) for i in range(MAX_SCALAR_SIGNALS)],
        "batch.scalars",
    ),
}


@pytest.mark.parametrize(("change", "field"), BAD_BATCHES.values(), ids=BAD_BATCHES)
def test_a_bad_batch_is_refused_by_naming_its_field(change, field):
    request = batch(2, [10, 11], norms=[1.0, 2.0])
    change(request.batch)
    assert refusal(request).field == field


def test_a_refusal_says_what_came_and_what_was_expected():
    request = batch(2, [10, 11], norms=[1.0] * 6)
    error = refusal(request, Frontier(sequence=1, tensors=7))
    assert error.field == "batch.tensors[0].values"
    assert error.reason == "got 12, expected 2 rows x 7 tensors = 14"


def test_steps_may_repeat_but_not_decrease_from_batch_to_batch():
    frontier = Frontier()
    frontier.advance(1, check(batch(1, [1, 7]), frontier))
    check(batch(2, [7, 8]), frontier)
    error = refusal(batch(2, [6]), frontier)
    assert (error.field, error.reason) == ("batch.steps[0]", "got 6 after 7; steps never decrease")


def test_tensor_values_before_a_tensor_table_are_refused():
    assert refusal(batch(1, [1], norms=[1.0]), Frontier()).field == "batch.tensors"


BAD_LAYERS = {
    "no layer signal": (lambda b: b.layers[0].ClearField("signal"), "batch.layers[0].signal"),
    "an unknown layer signal": (lambda b: setattr(b.layers[0], "signal", 77), "batch.layers[0].signal"),
    "a layer signal twice": (
        lambda b: b.layers.add(signal="LAYER_SIGNAL_DEAD_SHARE", values=[0] * 3, rows=[1]),
        "batch.layers[1].signal",
    ),
    "too few layer values": (lambda b: b.layers[0].values.pop(), "batch.layers[0].values"),
    "layer rows out of range": (lambda b: b.layers[0].rows.append(2), "batch.layers[0].rows"),
    "a nameless path": (lambda b: setattr(b.paths[0], "layer", ""), "batch.paths[0].layer"),
    "an endless path name": (lambda b: setattr(b.paths[0], "layer", "x" * 513), "batch.paths[0].layer"),
    "a path twice": (lambda b: b.paths.add().CopyFrom(b.paths[0]), "batch.paths[1].layer"),
    "a path without time steps": (lambda b: b.paths[0].ClearField("time_steps"), "batch.paths[0].time_steps"),
    "a path that is too long": (lambda b: b.paths[0].time_steps.extend(range(5, 68)), "batch.paths[0].time_steps"),
    "a path that begins late": (lambda b: b.paths[0].time_steps.pop(0), "batch.paths[0].time_steps"),
    "a path that turns back": (lambda b: b.paths[0].time_steps.append(4), "batch.paths[0].time_steps"),
    "too few path values": (lambda b: b.paths[0].values.pop(), "batch.paths[0].values"),
    "path rows that repeat": (lambda b: b.paths[0].rows.append(1), "batch.paths[0].rows"),
    "more recurrent layers than the service takes": (
        lambda b: [b.paths.add(layer=f"lstm_{i}", time_steps=[0], values=[1, 1]) for i in range(10)],
        "batch.paths[10].layer",
    ),
}


def probed(sequence: int = 2, steps=(11, 11)) -> StreamTelemetryRequest:
    """A batch whose second row tells of three probed layers and of one path through time."""
    request = batch(sequence, steps)
    request.batch.layers.add(signal="LAYER_SIGNAL_DEAD_SHARE", values=[0, math.nan, 0.5], rows=[1])
    request.batch.paths.add(layer="lstm", time_steps=[0, 3, 4], values=[1e-9, 1e-3, math.inf], rows=[1])
    return request


@pytest.mark.parametrize(("change", "field"), BAD_LAYERS.values(), ids=BAD_LAYERS)
def test_bad_layers_and_paths_are_refused_by_naming_their_field(change, field):
    request = probed()
    change(request.batch)
    assert refusal(request, Frontier(sequence=1, layers=3)).field == field


def test_layers_and_paths_are_read_as_they_came():
    rows = check(probed(), Frontier(sequence=1, layers=3)).rows
    dead, path = rows.layers["dead_share"], rows.paths["lstm"]
    np.testing.assert_array_equal(dead.values, np.float32([[0, math.nan, 0.5]]))
    np.testing.assert_array_equal(path.values, np.float32([[1e-9, 1e-3, math.inf]]))
    assert dead.rows.tolist() == path.rows.tolist() == [1]
    assert path.time_steps.tolist() == [0, 3, 4]


def test_layer_values_before_a_table_of_probed_layers_are_refused():
    assert refusal(probed(), Frontier(sequence=1)).field == "batch.layers"


def test_the_recurrent_layers_of_a_run_are_counted_over_all_its_batches():
    frontier = Frontier(sequence=1, layers=3)
    for index in range(9):
        request = probed(2 + index)
        request.batch.paths[0].layer = f"lstm_{index}"
        frontier.advance(2 + index, check(request, frontier))
    frontier.advance(11, check(probed(11), frontier))
    check(probed(12), frontier)
    request = probed(12)
    request.batch.paths[0].layer = "another"
    error = refusal(request, frontier)
    assert (error.field, error.reason) == (
        "batch.paths[0].layer",
        "'another' is new, and the run has 10 recurrent layers already",
    )


def test_a_new_table_of_probed_layers_is_what_later_blocks_are_measured_by():
    frontier = Frontier(sequence=1, layers=2)
    request = description(2, ())
    request.description.probed_layers.extend("abc")
    frontier.advance(2, check(request, frontier))
    frontier.advance(3, check(description(3), frontier))
    check(probed(4), frontier)


def test_a_run_has_a_bounded_number_of_scalar_signals():
    frontier = Frontier(scalars={f"s{i}" for i in range(MAX_SCALAR_SIGNALS)})
    error = refusal(batch(2, [1]), frontier)
    assert error.field == "batch.scalars[0].name"
    assert "1024" in error.reason


BAD_DESCRIPTIONS = {
    "more tensors than the service takes": (
        lambda d: [d.tensors.add(name=str(index)) for index in range(9)],
        "description.tensors",
    ),
    "a nameless tensor": (lambda d: setattr(d.tensors[1], "name", ""), "description.tensors[1].name"),
    "an endless tensor name": (lambda d: setattr(d.tensors[0], "name", "x" * 513), "description.tensors[0].name"),
    "a tensor twice": (lambda d: d.tensors.add(name="dense/bias"), "description.tensors[2].name"),
    "a layer with a control character": (
        lambda d: setattr(d.tensors[0], "layer", "\x00"),
        "description.tensors[0].layer",
    ),
    "an absurd element count": (
        lambda d: setattr(d.tensors[0], "element_count", 2**60),
        "description.tensors[0].element_count",
    ),
    "more probed layers than the service takes": (
        lambda d: d.probed_layers.extend(str(index) for index in range(11)),
        "description.probed_layers",
    ),
    "a nameless probed layer": (lambda d: d.probed_layers.extend(["a", ""]), "description.probed_layers[1]"),
    "an endless probed layer": (lambda d: d.probed_layers.append("x" * 513), "description.probed_layers[0]"),
    "a probed layer twice": (lambda d: d.probed_layers.extend(["a", "b", "a"]), "description.probed_layers[2]"),
    "a negative size": (lambda d: d.tensors[0].shape.append(-3), "description.tensors[0].shape"),
}


@pytest.mark.parametrize(("change", "field"), BAD_DESCRIPTIONS.values(), ids=BAD_DESCRIPTIONS)
def test_a_bad_description_is_refused_by_naming_its_field(change, field):
    request = description(1)
    change(request.description)
    assert refusal(request).field == field


def test_a_good_description_is_taken():
    assert isinstance(check(description(1)), Description)


BAD_EVENTS = {
    "no detail": (lambda e: e.ClearField("detail"), "event.detail"),
    "silence": (lambda e: setattr(e.silence, "seconds", 5), "event.silence"),
    "a time that is no number": (lambda e: setattr(e, "time", math.nan), "event.time"),
    "a negative step": (lambda e: setattr(e, "step", -5), "event.step"),
    "an endless message": (lambda e: setattr(e.error, "message", "x" * 16_385), "event.error.message"),
    "an endless traceback": (lambda e: setattr(e.error, "traceback", "x" * 65_537), "event.error.traceback"),
    "an endless kind": (lambda e: setattr(e.error, "kind", "x" * 257), "event.error.kind"),
    "a drop without a reason": (lambda e: setattr(e.dropped, "rows", 5), "event.dropped.reason"),
}


@pytest.mark.parametrize(("change", "field"), BAD_EVENTS.values(), ids=BAD_EVENTS)
def test_a_bad_event_is_refused_by_naming_its_field(change, field):
    request = StreamTelemetryRequest(sequence=1)
    request.event.time = 1.7e9
    request.event.training_began.SetInParent()
    change(request.event)
    assert refusal(request).field == field


def test_the_service_itself_may_report_silence():
    request = StreamTelemetryRequest()
    request.event.silence.seconds = 5
    check(request, by_service=True)


def test_a_finish_without_a_state_means_finished():
    assert check(StreamTelemetryRequest(sequence=1, finish={})) == Finish(RunState.FINISHED, 0.0)
    assert check(finish(1, "RUN_STATE_FAILED", 5.0)) == Finish(RunState.FAILED, 5.0)
    assert refusal(finish(1, "RUN_STATE_RUNNING")).field == "finish.state"
    assert refusal(finish(1, time=math.inf)).field == "finish.time"


@pytest.mark.parametrize("sequence", [0, 2**63, 2**64 - 1])
def test_sequences_are_what_databases_can_keep(sequence):
    assert refusal(batch(sequence, [1])).field == "sequence"


def test_an_empty_request_and_a_second_registration_are_refused():
    assert refusal(StreamTelemetryRequest(sequence=1)).field == "body"
    assert refusal(StreamTelemetryRequest(sequence=1, register={})).field == "register"


@pytest.mark.parametrize(
    ("identity", "field"),
    [
        (RunIdentity(id="r"), "register.run.project"),
        (RunIdentity(project="p"), "register.run.id"),
        (RunIdentity(project="p" * 129, id="r"), "register.run.project"),
        (RunIdentity(project="p", id="r\x7f"), "register.run.id"),
        (RunIdentity(project="p", id="r", attempt=2**31), "register.run.attempt"),
        (RunIdentity(project="p", id="r", rank=2**32 - 1), "register.run.rank"),
    ],
)
def test_an_identity_that_cannot_be_is_refused(identity, field):
    with pytest.raises(InvalidRequestError) as caught:
        validate_identity(identity, "register.run")
    assert caught.value.field == field


def test_an_identity_is_read_whole():
    assert validate_identity(RunIdentity(project="p" * 128, id="ü", attempt=2, rank=3), "run") == RunKey(
        "p" * 128, "ü", 2, 3
    )


@given(st.integers(1, 2**63 - 1), st.binary(max_size=20))
def test_the_sequence_of_an_unreadable_request_is_told_when_it_comes_first(sequence, rest):
    assert peek_sequence(StreamTelemetryRequest(sequence=sequence).SerializeToString() + rest) == sequence


@given(st.binary(max_size=30))
def test_looking_for_a_sequence_never_fails(body):
    assert 0 <= peek_sequence(body) < 2**63


GOOD_BODIES = [
    probed().SerializeToString(),
    batch(2, range(10, 20), norms=[1.0, 2.0]).SerializeToString(),
    description(2).SerializeToString(),
    finish(2).SerializeToString(),
]


@settings(max_examples=500)
@given(st.data())
def test_mutated_bytes_are_taken_or_refused_but_never_crash(data):
    body = bytearray(data.draw(st.sampled_from(GOOD_BODIES)))
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(body) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert"])):
            case "flip":
                body[position] ^= data.draw(st.integers(1, 255))
            case "cut":
                del body[position : position + data.draw(st.integers(1, len(body)))]
                body = body or bytearray(1)
            case "insert":
                body[position:position] = data.draw(st.binary(min_size=1, max_size=8))
    frontier = Frontier(sequence=1, step=3, tensors=2, layers=3)
    refused = None
    try:
        frontier.advance(2, check(parse(bytes(body)), frontier))
    except InvalidRequestError as error:
        refused = error
    if refused is not None:
        assert refused.field
        assert refused.reason
        assert frontier == Frontier(sequence=1, step=3, tensors=2, layers=3), "a refused entry moves nothing"

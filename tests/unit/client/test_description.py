"""Descriptions add up, and large ones are sent in parts."""

from paramedic.condense import condense
from paramedic.description import merge, split_description
from paramedic.encoding import encode_message, split_sequence, with_sequence
from paramedic.v1.description_pb2 import ModelConfig, OptimizerConfig, RunDescription, Tensor, TrainingConfig
from paramedic.v1.telemetry_pb2 import StepBatch, StreamTelemetryRequest


def test_what_is_set_replaces_and_what_is_omitted_stays() -> None:
    known = RunDescription(
        tensors=[Tensor(name="a"), Tensor(name="b")],
        model=ModelConfig(name="old", trainable_parameters=3),
        optimizer=OptimizerConfig(name="adam"),
    )
    merge(known, RunDescription(tensors=[Tensor(name="c")], model=ModelConfig(name="new")))
    assert known == RunDescription(
        tensors=[Tensor(name="c")], model=ModelConfig(name="new"), optimizer=OptimizerConfig(name="adam")
    )


def test_a_description_that_fits_is_sent_whole() -> None:
    description = RunDescription(model=ModelConfig(name="m"), training=TrainingConfig(batch_size=3))
    assert list(split_description(description, 1000)) == [description]


def test_a_large_description_is_sent_field_by_field() -> None:
    description = RunDescription(
        tensors=[Tensor(name=f"tensor_{number}") for number in range(50)],
        model=ModelConfig(name="m", framework_json="x" * 600),
    )
    parts = list(split_description(description, 1000))
    assert len(parts) == 2
    whole = RunDescription()
    for part in parts:
        assert part.ByteSize() <= 1000
        merge(whole, part)
    assert whole == description


def test_a_model_too_large_for_a_request_loses_only_the_frameworks_own_words() -> None:
    description = RunDescription(model=ModelConfig(name="m", trainable_parameters=7, framework_json="x" * 5000))
    [part] = split_description(description, 1000)
    assert part.model == ModelConfig(name="m", trainable_parameters=7)


def test_given_up_requests_leave_one_description_in_the_place_of_the_last() -> None:
    payloads = [
        with_sequence(encode_message(RunDescription(tensors=[Tensor(name="a")])), 3),
        with_sequence(StreamTelemetryRequest(batch=StepBatch(steps=[1, 2])).SerializeToString(), 4),
        with_sequence(encode_message(RunDescription(model=ModelConfig(name="m"))), 5),
        with_sequence(StreamTelemetryRequest(batch=StepBatch(steps=[3])).SerializeToString(), 6),
    ]
    remainder, rows = condense(payloads)
    assert rows == 3
    assert remainder is not None
    assert split_sequence(remainder)[0] == 6
    description = StreamTelemetryRequest.FromString(remainder).description
    assert description == RunDescription(tensors=[Tensor(name="a")], model=ModelConfig(name="m"))


def test_given_up_rows_without_a_description_leave_nothing() -> None:
    assert condense([with_sequence(b"", 1)]) == (None, 0)

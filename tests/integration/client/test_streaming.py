"""A run and a service that is well."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import paramedic
from paramedic.v1.description_pb2 import ModelConfig, RunDescription, Tensor
from paramedic.v1.finding_pb2 import FINDING_CHANGE_OPENED, SEVERITY_CRITICAL, SEVERITY_WARNING, Finding, Remedy
from paramedic.v1.run_pb2 import RUN_STATE_FAILED, RUN_STATE_FINISHED
from paramedic.v1.telemetry_pb2 import EpochEnded, ReproductionEnded, TrainingBegan
from paramedic.v1.verdict_pb2 import ReproductionLink, ReproductionVerdict
from support.telemetry_service import TelemetryService
from support.waiting import wait_until

BeginRun = Callable[..., paramedic.Run]


def test_every_row_arrives_in_order_and_the_run_finishes(service: TelemetryService, begin: BeginRun) -> None:
    run = begin()
    for step in range(5000):
        run.log(step, loss=1.0 / (step + 1), gradient_norms=np.full(10, step, np.float32), learning_rate=0.001)
    run.finish()
    stored = service.run()
    assert stored.steps == list(range(5000))
    batches = [entry.batch for entry in stored.entries if entry.HasField("batch")]
    assert {column.name for column in batches[0].scalars} == {"loss", "learning_rate"}
    losses = [value for batch in batches for value in batch.scalars[0].values]
    assert losses == [1.0 / (step + 1) for step in range(5000)]
    assert stored.entries[-1].finish.state == RUN_STATE_FINISHED
    assert run.dropped == {}


def test_sequences_begin_at_one_and_grow(service: TelemetryService, begin: BeginRun) -> None:
    run = begin()
    for step in range(3000):
        run.log(step, loss=0.0)
    run.finish()
    assert [entry.sequence for entry in service.run().entries] == list(range(1, len(service.run().entries) + 1))


def test_nothing_is_left_on_disk_when_everything_was_delivered(begin: BeginRun, spool_dir: Path) -> None:
    run = begin()
    run.log(0, loss=1.0)
    run.finish()
    assert not list(spool_dir.rglob("*.spool"))


def test_a_row_is_sent_without_waiting_for_a_full_batch(service: TelemetryService, begin: BeginRun) -> None:
    run = begin()
    run.log(0, loss=1.0)
    service.wait_for_steps(1)


def test_nan_and_infinities_arrive_as_they_left(service: TelemetryService, begin: BeginRun) -> None:
    payload = np.array([0x7FC12345, 0x7F800000, 0xFF800000, 0x80000000], np.uint32).view(np.float32)
    run = begin()
    run.log(0, loss=math.nan, gradient_norms=payload, accuracy=-math.inf)
    run.finish()
    batch = next(entry.batch for entry in service.run().entries if entry.batch.steps)
    assert math.isnan(batch.scalars[0].values[0])
    assert batch.scalars[1].values[0] == -math.inf
    assert np.array(batch.tensors[0].values, np.float32)[1:].tobytes() == payload[1:].tobytes()
    assert math.isnan(batch.tensors[0].values[0])


def test_descriptions_and_events_keep_their_place_among_the_rows(service: TelemetryService, begin: BeginRun) -> None:
    run = begin(config={"units": 64})
    run.describe(RunDescription(tensors=[Tensor(name="a"), Tensor(name="b")]), model=ModelConfig(name="m"))
    run.event(TrainingBegan())
    run.log(0, gradient_norms={"b": 2.0, "a": 1.0})
    run.event(EpochEnded(epoch=0))
    run.describe(RunDescription(tensors=[Tensor(name="c")]))
    run.log(1, gradient_norms=[3.0])
    run.finish()
    entries = service.run().entries
    kinds = [entry.WhichOneof("body") for entry in entries]
    assert kinds == ["description", "description", "event", "batch", "event", "description", "batch", "finish"]
    assert entries[0].description.config["units"] == 64
    assert entries[1].description.model.name == "m"
    assert not entries[2].event.HasField("step")
    assert list(entries[3].batch.tensors[0].values) == [1.0, 2.0]
    assert entries[4].event.step == 0
    assert list(entries[6].batch.tensors[0].values) == [3.0]


def test_the_first_mapping_of_norms_becomes_the_tensor_table(service: TelemetryService, begin: BeginRun) -> None:
    run = begin()
    run.log(0, gradient_norms={"kernel": 1.0, "bias": 2.0})
    run.finish()
    tables = [entry.description.tensors for entry in service.run().entries if entry.description.tensors]
    assert [tensor.name for tensor in tables[0]] == ["kernel", "bias"]


def test_what_reproductions_said_reaches_the_user_once(
    service: TelemetryService, begin: BeginRun, caplog: pytest.LogCaptureFixture
) -> None:
    link = ReproductionLink(reproduction="abc", verdict=ReproductionVerdict(summary="Clipping\nhelps."))
    service.reproductions.append(ReproductionEnded(incident="exploding_gradient", reproduction=link))
    run = begin()
    for step in range(3):
        run.log(step, loss=1.0)
        service.wait_for_steps(step + 1)
    wait_until(lambda: run.reproductions != [])
    run.finish()
    assert run.reproductions == service.reproductions
    told = [record.getMessage() for record in caplog.records if "reproduction" in record.getMessage()]
    assert len(told) == 1
    assert "reproduction abc of exploding_gradient ended: Clipping helps." in told[0]


def test_findings_reach_the_user(service: TelemetryService, begin: BeginRun, caplog: pytest.LogCaptureFixture) -> None:
    service.findings += [
        Finding(rule="plateau", severity=SEVERITY_WARNING, change=FINDING_CHANGE_OPENED, summary="first"),
        Finding(
            rule="exploding_gradient",
            severity=SEVERITY_CRITICAL,
            change=FINDING_CHANGE_OPENED,
            summary="Gradients exploded.",
            remedies=[Remedy(text="Clip them.")],
        ),
        Finding(rule="plateau", severity=SEVERITY_WARNING, change=FINDING_CHANGE_OPENED, summary="second"),
    ]
    run = begin(stop_on="critical")
    run.log(0, loss=1.0)
    wait_until(lambda: run.should_stop and len(run.findings) == 2)
    run.finish()
    assert {finding.rule: finding.summary for finding in run.findings} == {
        "plateau": "second",
        "exploding_gradient": "Gradients exploded.",
    }
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert ("CRITICAL", "run project/test: exploding_gradient (critical): Gradients exploded. Try: Clip them.") in lines


def test_a_mild_finding_does_not_stop_the_training(service: TelemetryService, begin: BeginRun) -> None:
    service.findings.append(Finding(rule="plateau", severity=SEVERITY_WARNING, change=FINDING_CHANGE_OPENED))
    run = begin(stop_on="critical")
    run.log(0, loss=1.0)
    run.finish()
    assert run.findings
    assert not run.should_stop


def test_an_exception_in_the_block_is_reported_and_fails_the_run(service: TelemetryService, begin: BeginRun) -> None:
    def train() -> None:
        with begin() as run:
            run.log(7, loss=1.0)
            raise ZeroDivisionError("the batch is empty")

    with pytest.raises(ZeroDivisionError):
        train()
    entries = service.run().entries
    assert entries[-2].event.error.kind == "ZeroDivisionError"
    assert entries[-2].event.step == 7
    assert entries[-2].event.error.message == "the batch is empty"
    assert "in train" in entries[-2].event.error.traceback
    assert entries[-1].finish.state == RUN_STATE_FAILED


def test_an_exception_that_was_reported_on_its_way_out_is_not_reported_again(
    service: TelemetryService, begin: BeginRun
) -> None:
    def train() -> None:
        with begin() as run:
            try:
                raise ZeroDivisionError("the batch is empty")
            except ZeroDivisionError as error:
                run.error(error)
                raise

    with pytest.raises(ZeroDivisionError):
        train()
    assert [entry.event.error.kind for entry in service.run().entries if entry.event.HasField("error")] == [
        "ZeroDivisionError"
    ]


def test_beginning_the_same_run_again_finishes_the_earlier_one(service: TelemetryService, begin: BeginRun) -> None:
    first = begin()
    first.log(0, loss=1.0)
    second = begin()
    assert service.run().finished
    first.log(1, loss=1.0)
    second.log(1, loss=1.0)
    second.finish()
    assert service.run().steps == [0, 1]
    assert first.dropped == {"after_finish": 1}


def test_the_token_travels_with_every_stream(service: TelemetryService, begin: BeginRun) -> None:
    begin(token="secret").finish()
    assert service.metadata[0]["authorization"] == "Bearer secret"


def test_an_id_that_an_earlier_process_used_loses_nothing(service: TelemetryService, begin: BeginRun) -> None:
    service.run().last = 40
    run = begin()
    for step in range(100):
        run.log(step, loss=1.0)
    run.finish()
    assert service.run().steps == list(range(100))
    assert service.run().entries[0].sequence == 41

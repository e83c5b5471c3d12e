"""The stream of a run: registration, resume point, acknowledgements, findings."""

import asyncio
import math

import grpc
import pytest

from paramedic.v1.diagnosis_pb2 import GetRunRequest, GetTelemetryRequest
from paramedic.v1.run_pb2 import RUN_STATE_FAILED, RUN_STATE_FINISHED
from paramedic.v1.telemetry_pb2 import StreamTelemetryRequest
from support.service import Reporter, batch, description, diagnosis, finish, identity, registration


async def stored_steps(channel, run="run"):
    response = await diagnosis(channel).GetTelemetry(
        GetTelemetryRequest(run=identity(run), scalars=["loss"], max_points=10_000)
    )
    return [step for series in response.series for step in series.steps]


async def test_a_new_run_starts_from_nothing(channel):
    registered = await Reporter(channel).register()
    assert registered.last_durable_sequence == 0
    assert registered.max_request_bytes >= 2**20


async def test_entries_are_acknowledged_once_they_can_be_read_back(channel):
    reporter = Reporter(channel)
    await reporter.register()
    await reporter.send(description(1), batch(2, [0, 1], norms=[1.0, 2.0]), batch(5, [2]))
    await reporter.until_acknowledged(5)
    assert await stored_steps(channel) == [0, 1, 2]


async def test_a_stream_that_sends_nothing_more_ends_well_after_its_last_answer(channel):
    reporter = Reporter(channel)
    await reporter.register()
    await reporter.send(*(batch(sequence, [sequence]) for sequence in range(1, 101)))
    await reporter.close()
    assert reporter.acknowledged == 100
    assert await reporter.call.code() is grpc.StatusCode.OK


async def test_repeated_entries_are_acknowledged_and_stored_once(channel):
    reporter = Reporter(channel)
    await reporter.register()
    for sequences in ([1, 2, 2, 1, 3], [3, 2, 4]):
        await reporter.send(*(batch(sequence, [sequence]) for sequence in sequences))
    await reporter.close()
    assert reporter.acknowledged == 4
    assert not reporter.rejections
    assert await stored_steps(channel) == [1, 2, 3, 4]


async def test_a_client_that_comes_back_is_told_where_to_go_on(channel):
    first = Reporter(channel)
    await first.register()
    await first.send(batch(1, [0]), batch(7, [1]))
    await first.until_acknowledged(7)
    first.call.cancel()
    second = Reporter(channel)
    assert (await second.register()).last_durable_sequence == 7


async def test_a_client_that_vanishes_loses_nothing_that_was_taken_in(channel):
    first = Reporter(channel)
    await first.register()
    await first.send(*(batch(sequence, [sequence]) for sequence in range(1, 51)))
    first.call.cancel()
    second = Reporter(channel)
    resume = (await second.register()).last_durable_sequence
    await second.send(*(batch(sequence, [sequence]) for sequence in range(resume + 1, 61)))
    await second.close()
    assert await stored_steps(channel) == list(range(1, 61))


async def test_a_finding_comes_on_the_stream_of_its_run_before_its_entry_is_acknowledged(channel):
    healthy, sick = Reporter(channel), Reporter(channel)
    await healthy.register("healthy")
    await sick.register("sick")
    await healthy.send(batch(1, range(10), loss=0.5))
    await sick.send(batch(1, range(10), loss=[0.5] * 4 + [math.nan] * 6))
    await asyncio.gather(healthy.until_acknowledged(1), sick.until_acknowledged(1))
    assert not healthy.findings
    assert {finding.rule for finding in sick.findings} == {"nonfinite_loss"}
    assert sick.findings[0].opened_step == 4
    assert sick.findings[0].run == identity("sick")


async def test_a_client_that_comes_back_is_told_what_is_open(channel):
    first = Reporter(channel)
    await first.register()
    await first.send(batch(1, [3], loss=math.nan))
    await first.until_acknowledged(1)
    first.call.cancel()
    second = Reporter(channel)
    await second.register()
    await second.until(lambda: len(second.findings) > 0)
    assert second.findings[0].rule == "nonfinite_loss"


@pytest.mark.parametrize(
    ("state", "expected"), [("RUN_STATE_FINISHED", RUN_STATE_FINISHED), ("RUN_STATE_FAILED", RUN_STATE_FAILED)]
)
async def test_a_run_ends_as_its_client_says(channel, state, expected):
    reporter = Reporter(channel)
    await reporter.register()
    await reporter.send(batch(1, [0]), finish(2, state))
    await reporter.close()
    response = await diagnosis(channel).GetRun(GetRunRequest(run=identity()))
    assert response.run.state == expected


async def test_attempts_and_ranks_are_runs_of_their_own(channel):
    for attempt, rank in [(0, 0), (1, 0), (0, 1)]:
        reporter = Reporter(channel)
        assert (await reporter.register(attempt=attempt, rank=rank)).last_durable_sequence == 0
        await reporter.send(batch(1, [0]))
        await reporter.until_acknowledged(1)


async def test_an_entry_before_the_registration_ends_the_stream_without_being_taken_for_settled(channel):
    reporter = Reporter(channel)
    await reporter.send(batch(1, [0]))
    error = await reporter.status()
    assert error.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "registration" in error.details()
    assert not reporter.rejections


async def test_garbage_before_the_registration_is_refused_and_the_stream_goes_on(channel):
    reporter = Reporter(channel)
    await reporter.send(b"\xff\xff\xff")
    await reporter.until_rejected()
    await reporter.register()


async def test_an_impossible_identity_is_refused_by_naming_its_field(channel):
    reporter = Reporter(channel)
    await reporter.send(registration(run=""))
    assert (await reporter.until_rejected()).field == "register.run.id"
    await reporter.send(registration(name="line\nbreak"))
    assert (await reporter.until_rejected(2)).field == "register.name"
    await reporter.register()


async def test_many_streams_are_served_side_by_side(channel):
    async def report(run):
        reporter = Reporter(channel)
        await reporter.register(run)
        await reporter.send(*(batch(sequence, [sequence]) for sequence in range(1, 21)))
        await reporter.close()
        return reporter.acknowledged

    runs = [f"run-{number}" for number in range(50)]
    assert await asyncio.gather(*map(report, runs)) == [20] * 50
    assert await stored_steps(channel, "run-31") == list(range(1, 21))


async def test_what_the_client_dropped_is_counted_by_reason(service, channel):
    reporter = Reporter(channel)
    await reporter.register()
    for sequence, reason in [(1, "spool_full"), (2, "made up")]:
        request = StreamTelemetryRequest(sequence=sequence)
        request.event.time = 1.7e9
        request.event.dropped.reason = reason
        request.event.dropped.rows = 5
        await reporter.send(request)
    await reporter.until_acknowledged(2)
    for reason in ("spool_full", "other"):
        value = service.instruments.registry.get_sample_value("paramedic_client_dropped_rows_total", {"reason": reason})
        assert value == 5

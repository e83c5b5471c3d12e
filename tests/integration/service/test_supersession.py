"""One stream a run: a newer one takes over."""

import asyncio

import grpc

from paramedic.v1.diagnosis_pb2 import GetTelemetryRequest
from support.service import Reporter, batch, diagnosis, identity


async def test_a_newer_stream_of_a_run_ends_the_older_and_goes_on_behind_it(channel):
    older, newer = Reporter(channel), Reporter(channel)
    await older.register()
    await older.send(batch(1, [0]), batch(2, [1]))
    await older.until_acknowledged(2)
    assert (await newer.register()).last_durable_sequence == 2
    error = await older.status()
    assert error.code() is grpc.StatusCode.ABORTED
    assert "newer stream" in error.details()
    await newer.send(batch(3, [2]))
    await newer.until_acknowledged(3)


async def test_streams_that_take_over_from_each_other_store_every_entry_once(channel):
    reporters = [Reporter(channel) for _ in range(10)]
    last = 0
    for reporter in reporters:
        resume = (await reporter.register()).last_durable_sequence
        assert resume >= last
        # Not waited for: what is under way when the next stream comes is the case at hand.
        await reporter.send(*(batch(sequence, [sequence]) for sequence in range(resume + 1, resume + 31)))
        last = resume
    await reporters[-1].close()
    steps = (await diagnosis(channel).GetTelemetry(GetTelemetryRequest(run=identity()))).series[0].steps
    assert list(steps) == list(range(1, reporters[-1].acknowledged + 1))


async def test_of_streams_that_register_at_once_one_is_left(channel):
    reporters = [Reporter(channel) for _ in range(8)]
    outcomes = await asyncio.gather(*(reporter.register() for reporter in reporters), return_exceptions=True)
    survivors = []
    for reporter, outcome in zip(reporters, outcomes, strict=True):
        if isinstance(outcome, grpc.aio.AioRpcError):
            assert outcome.code() is grpc.StatusCode.ABORTED
        else:
            survivors.append(reporter)
    ended = await asyncio.gather(
        *(asyncio.wait_for(reporter.call.read(), 1) for reporter in survivors), return_exceptions=True
    )
    assert sum(isinstance(outcome, TimeoutError) for outcome in ended) == 1

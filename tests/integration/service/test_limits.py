"""What the service does not take, it says."""

import grpc
import pytest

from support.service import (
    Reporter,
    batch,
    channel_to,
    description,
    finish,
    serving,
    settings_in,
)
from support.waiting import eventually


async def test_streams_beyond_the_limit_are_turned_away_until_one_ends(tmp_path):
    async with serving(settings_in(tmp_path, max_streams=1)) as service, channel_to(service.grpc_port) as channel:
        first = Reporter(channel)
        await first.register("first")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await Reporter(channel).register("second")
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "PARAMEDIC_MAX_STREAMS" in caught.value.details()
        await first.close()
        await Reporter(channel).register("second")


async def test_a_run_beyond_the_limit_takes_the_place_of_one_that_nobody_reports(tmp_path):
    async with serving(settings_in(tmp_path, max_runs=2)) as service, channel_to(service.grpc_port) as channel:
        ended, quiet = Reporter(channel), Reporter(channel)
        await quiet.register("quiet")
        await ended.register("ended")
        await ended.send(batch(1, [0]), finish(2))
        await ended.close()
        third = Reporter(channel)
        await third.register("third")
        assert {key.id for key in service.ingest.runs} == {"quiet", "third"}
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await Reporter(channel).register("fourth")
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "PARAMEDIC_MAX_RUNS" in caught.value.details()
        await third.close()
        await eventually(lambda: all(run.session is None for run in service.ingest._runs if run.live.key.id == "third"))
        again = Reporter(channel)
        assert (await again.register("ended")).last_durable_sequence == 2


async def test_a_tensor_table_beyond_the_limit_is_refused(tmp_path):
    async with serving(settings_in(tmp_path, max_tensors=3)) as service, channel_to(service.grpc_port) as channel:
        reporter = Reporter(channel)
        await reporter.register()
        await reporter.send(description(1, "abcd"), description(2, "abc"))
        rejected = await reporter.until_rejected()
        assert rejected.field == "description.tensors"
        assert "3" in rejected.reason
        await reporter.until_acknowledged(2)


async def test_a_request_beyond_the_limit_ends_the_stream_and_nothing_else(tmp_path):
    settings = settings_in(tmp_path, max_request_bytes=2**20)
    async with serving(settings) as service, channel_to(service.grpc_port) as channel:
        reporter = Reporter(channel)
        assert (await reporter.register()).max_request_bytes == 2**20
        await reporter.send(batch(1, [0]))
        await reporter.until_acknowledged(1)
        await reporter.call.write(b"\x00" * (2**20 + 1))
        assert (await reporter.status()).code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert (await Reporter(channel).register()).last_durable_sequence == 1

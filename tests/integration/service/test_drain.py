"""SIGTERM: nothing more is taken in, nothing taken in is lost, and the service says so."""

import asyncio
import signal

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from paramedic.v1.diagnosis_pb2 import WatchFindingsRequest
from paramedic_service.store.opening import open_store
from support.service import (
    DEADLINE,
    FragileStore,
    Reporter,
    batch,
    channel_to,
    diagnosis,
    service_process,
    serving,
    settings_in,
)
from support.waiting import eventually


async def test_a_terminated_service_exits_well_and_keeps_what_it_acknowledged(tmp_path):
    with service_process(tmp_path) as (process, port):
        async with channel_to(port) as channel:
            reporter = Reporter(channel)
            await reporter.register()
            await reporter.send(*(batch(sequence, [sequence]) for sequence in range(1, 201)))
            process.send_signal(signal.SIGTERM)
            error = await reporter.status()
            assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert await asyncio.to_thread(process.wait, DEADLINE) == 0
    async with serving(settings_in(tmp_path)) as service, channel_to(service.grpc_port) as channel:
        assert (await Reporter(channel).register()).last_durable_sequence >= reporter.acknowledged


async def test_what_was_taken_in_before_the_stop_is_stored_and_acknowledged(tmp_path):
    settings = settings_in(tmp_path)
    store = FragileStore(open_store(settings.store_url))
    async with serving(settings, store=store) as service, channel_to(service.grpc_port) as channel:
        reporter = Reporter(channel)
        await reporter.register()
        store.full = True
        await reporter.send(*(batch(sequence, [sequence]) for sequence in range(1, 51)))
        [run] = service.ingest._runs
        await eventually(lambda: run.frontier.sequence == 50)
        stopping = asyncio.create_task(service.ingest.stop(grace=DEADLINE))
        await reporter.until(lambda: reporter.throttles > 0)
        store.full = False
        error = await reporter.status()
        await stopping
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert reporter.acknowledged == 50


async def test_what_cannot_be_stored_within_the_grace_is_not_acknowledged(tmp_path):
    settings = settings_in(tmp_path, drain_grace=0)
    store = FragileStore(open_store(settings.store_url))
    async with serving(settings, store=store) as service, channel_to(service.grpc_port) as channel:
        reporter = Reporter(channel)
        await reporter.register()
        store.full = True
        await reporter.send(batch(1, [1]))
        await reporter.until(lambda: reporter.throttles > 0)
        await service.ingest.stop(grace=0)
        assert "stopping" in (await reporter.status()).details()
        assert reporter.acknowledged == 0


async def test_a_stopped_service_leaves_the_next_one_nothing_to_fold(tmp_path):
    async with serving(settings_in(tmp_path)) as service, channel_to(service.grpc_port) as channel:
        reporter = Reporter(channel)
        await reporter.register()
        await reporter.send(batch(1, [1]), batch(2, [2]))
        await reporter.until_acknowledged(2)
        [live] = service.ingest.runs.values()
    store = open_store(settings_in(tmp_path).store_url)
    position, _ = store.snapshot(live.number)
    assert list(store.read_log(live.number, after=position)) == []
    store.close()


async def test_health_follows_the_life_of_the_service(tmp_path):
    async with serving(settings_in(tmp_path)) as service, channel_to(service.grpc_port) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for name in ("", "paramedic.v1.TelemetryService", "paramedic.v1.DiagnosisService"):
            response = await stub.Check(health_pb2.HealthCheckRequest(service=name))
            assert response.status == health_pb2.HealthCheckResponse.SERVING
        watch = stub.Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        stopping = asyncio.create_task(service.stop())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        await stopping


async def test_a_watch_ends_with_the_service(tmp_path):
    async with serving(settings_in(tmp_path)) as service, channel_to(service.grpc_port) as channel:
        watch = diagnosis(channel).WatchFindings(WatchFindingsRequest())
        await watch.initial_metadata()
        stopping = asyncio.create_task(service.ingest.stop(grace=1))
        assert await watch.code() is grpc.StatusCode.UNAVAILABLE
        await stopping

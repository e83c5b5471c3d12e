"""SIGTERM: nothing more is taken in, nothing taken in is lost, and the service says so."""

import asyncio
import signal

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from paramedic.v1.diagnosis_pb2 import WatchFindingsRequest
from support.service import (
    DEADLINE,
    Reporter,
    batch,
    channel_to,
    diagnosis,
    service_process,
    serving,
    settings_in,
)


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


async def test_what_was_taken_in_before_the_stop_is_acknowledged(tmp_path):
    async with serving(settings_in(tmp_path)) as service, channel_to(service.grpc_port) as channel:
        reporter = Reporter(channel)
        await reporter.register()
        await reporter.send(*(batch(sequence, [sequence]) for sequence in range(1, 51)))
        [run] = service.ingest.runs
        await reporter.until_acknowledged(1)
        stopping = asyncio.create_task(service.ingest.stop(grace=DEADLINE))
        error = await reporter.status()
        await stopping
        assert "stopping" in error.details()
        assert reporter.acknowledged == service.ingest.runs[run].last_sequence


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

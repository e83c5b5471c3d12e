"""The server around the services."""

import httpx
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from paramedic_service.server import Server
from paramedic_service.store.opening import open_store
from paramedic_service.web.app import build
from support.service import Reporter, batch, channel_to, serving, settings_in


async def test_reflection_tells_the_services_and_their_methods(channel):
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    call = stub.ServerReflectionInfo()
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    services = {service.name for service in (await call.read()).list_services_response.service}
    assert {"paramedic.v1.TelemetryService", "paramedic.v1.DiagnosisService", "grpc.health.v1.Health"} <= services
    await call.write(reflection_pb2.ServerReflectionRequest(file_containing_symbol="paramedic.v1.TelemetryService"))
    assert (await call.read()).file_descriptor_response.file_descriptor_proto
    await call.done_writing()


async def test_grpc_and_http_are_served_together(tmp_path):
    async with serving(settings_in(tmp_path), web=build) as service, channel_to(service.grpc_port) as channel:
        reporter = Reporter(channel)
        await reporter.register()
        await reporter.send(batch(1, [0]))
        await reporter.until_acknowledged(1)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.http_port}") as http:
            assert (await http.get("/readyz")).status_code == 200
            assert "paramedic_ingest_rows_total 1.0" in (await http.get("/metrics")).text


async def test_a_port_that_is_taken_is_named_and_the_store_is_left_to_others(tmp_path):
    async with serving(settings_in(tmp_path / "first")) as first:
        settings = settings_in(tmp_path / "second").model_copy(update={"grpc_port": first.grpc_port})
        second = Server(settings)
        with pytest.raises(OSError, match="PARAMEDIC_GRPC_PORT"):
            await second.start()
        await second.stop()
        open_store(settings.store_url).close()

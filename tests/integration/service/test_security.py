"""Token and TLS."""

import subprocess

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic import SecretStr

from paramedic.v1.diagnosis_pb2 import ListRunsRequest
from support.service import Reporter, channel_to, diagnosis, serving, settings_in


@pytest.fixture
async def guarded(tmp_path):
    settings = settings_in(tmp_path, token=SecretStr("open sesame"))
    async with serving(settings) as service, channel_to(service.grpc_port) as channel:
        yield channel


@pytest.mark.parametrize("metadata", [(), (("authorization", "Bearer wrong"),), (("authorization", "open sesame"),)])
async def test_without_the_token_nothing_is_answered(guarded, metadata):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await diagnosis(guarded).ListRuns(ListRunsRequest(), metadata=metadata)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    reporter = Reporter(guarded, metadata)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await reporter.register()
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "authorization" in caught.value.details()


async def test_with_the_token_calls_are_served(guarded):
    metadata = (("authorization", "Bearer open sesame"),)
    await diagnosis(guarded).ListRuns(ListRunsRequest(), metadata=metadata)
    await Reporter(guarded, metadata).register()


async def test_probes_need_no_token(guarded):
    response = await health_pb2_grpc.HealthStub(guarded).Check(health_pb2.HealthCheckRequest())
    assert response.status == health_pb2.HealthCheckResponse.SERVING


@pytest.fixture
def certificate(tmp_path):
    """A key and a certificate for localhost, self-signed."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    files = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, *files], check=True, capture_output=True)
    return key, certificate


async def test_with_a_certificate_the_service_speaks_tls(tmp_path, certificate):
    key, certificate = certificate
    settings = settings_in(tmp_path, tls_certificate=certificate, tls_key=key)
    async with serving(settings) as service:
        credentials = grpc.ssl_channel_credentials(certificate.read_bytes())
        async with grpc.aio.secure_channel(f"localhost:{service.grpc_port}", credentials) as channel:
            await Reporter(channel).register()
        async with grpc.aio.insecure_channel(f"localhost:{service.grpc_port}") as channel:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await diagnosis(channel).ListRuns(ListRunsRequest())
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_certificate_without_its_key_is_refused(tmp_path):
    with pytest.raises(ValueError, match="PARAMEDIC_TLS_KEY"):
        settings_in(tmp_path, tls_certificate=tmp_path / "certificate.pem")

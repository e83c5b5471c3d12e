"""Runs that talk to the service by TLS."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

import paramedic
from support.telemetry_service import TelemetryService
from support.waiting import wait_until


def make_certificate(directory: Path, name: str) -> tuple[Path, Path]:
    key, certificate = directory / f"{name}.key", directory / f"{name}.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run(
        [*command.split(), "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    return key, certificate


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return make_certificate(tmp_path, "service")


@pytest.fixture
def service(certificate: tuple[Path, Path]) -> Iterator[TelemetryService]:
    key, chain = (path.read_bytes() for path in certificate)
    with TelemetryService(credentials=grpc.ssl_server_credentials([(key, chain)])) as service:
        yield service


def test_rows_and_token_travel_encrypted(
    service: TelemetryService, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    url = f"grpcs://{service.url}"
    run = paramedic.init("p", id="test", url=url, tls_ca=certificate[1], token="secret", spool_dir=tmp_path)
    run.log(0, loss=1.0)
    run.finish()
    assert service.run().steps == [0]
    assert service.metadata[0]["authorization"] == "Bearer secret"


def test_a_service_that_nobody_vouches_for_gets_nothing(
    service: TelemetryService, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    _, stranger = make_certificate(tmp_path, "stranger")
    run = paramedic.init("p", id="test", url=service.url, tls_ca=stranger, spool_dir=tmp_path / "spool")
    run.log(0, loss=1.0)
    wait_until(lambda: list((tmp_path / "spool").rglob("*.spool")))
    run.finish()
    assert service.streams == 0
    assert paramedic.sync(tmp_path / "spool", service.url, tls_ca=certificate[1]).complete
    assert service.run().steps == [0]

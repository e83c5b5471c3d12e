import socket
import subprocess

import httpx
import pytest

from support.command import paramedic, serving


def test_a_service_says_where_it_listens_and_ends_well_on_sigterm(tmp_path):
    with serving(tmp_path) as service:
        assert httpx.get(f"{service.http}/readyz").text == "ok\n"
        assert paramedic("runs", "--url", service.grpc).returncode == 0
    assert service.process.returncode == 0


def test_a_service_with_a_token_asks_for_it(tmp_path):
    with serving(tmp_path, PARAMEDIC_TOKEN="secret") as service:
        done = paramedic("runs", "--url", service.grpc)
        assert done.returncode == 2
        assert "PARAMEDIC_TOKEN" in done.stderr
        assert paramedic("runs", "--url", service.grpc, "--token", "secret").returncode == 0
        assert paramedic("runs", PARAMEDIC_URL=service.grpc, PARAMEDIC_TOKEN="secret").returncode == 0


def test_a_port_that_is_taken_is_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = paramedic("serve", "--port", "0", "--http-port", port, "--store", f"sqlite:///{tmp_path / 'p.db'}")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith(f"paramedic: HTTP cannot listen on 127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "70000"], "PARAMEDIC_GRPC_PORT"),
        (["--tls-key", "key.pem"], "PARAMEDIC_TLS_CERTIFICATE"),
        (["--store", "mysql://host/db"], "postgresql+psycopg://"),
    ],
)
def test_settings_that_cannot_be_are_one_line_that_names_them(arguments, words):
    done = paramedic("serve", *arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def test_calls_are_encrypted_when_the_service_has_a_certificate(tmp_path):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=127.0.0.1"
    make += f" -addext subjectAltName=IP:127.0.0.1 -out {certificate} -keyout {key}"
    subprocess.run(make.split(), check=True, capture_output=True)
    with serving(tmp_path, "--tls-certificate", str(certificate), "--tls-key", str(key)) as service:
        assert paramedic("runs", "--url", service.grpc, "--tls-ca", str(certificate)).returncode == 0
        assert paramedic("runs", "--url", f"grpcs://{service.grpc}", PARAMEDIC_TLS_CA=str(certificate)).returncode == 0
        for refused in (["--url", service.grpc], ["--url", service.grpc, "--tls"]):
            done = paramedic("runs", *refused)
            assert done.returncode == 2
            assert done.stderr.count("\n") == 1

"""A real Prometheus, and promtool, for tests."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

_DEADLINE = 30.0
_POLL = 0.05


def binary(name: str) -> str:
    """Returns the path of a program of Prometheus or Alertmanager; skips the test without it, but fails it in CI."""
    path = shutil.which(name)
    if path is None:
        message = f"{name} is not installed; run tests/install-servers"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return path


def check_metrics(exposition: bytes) -> str:
    """Returns what `promtool check metrics` has to say of an exposition; empty when it is content."""
    done = subprocess.run([binary("promtool"), "check", "metrics"], input=exposition, capture_output=True, check=False)
    return "" if done.returncode == 0 else (done.stdout + done.stderr).decode()


class Prometheus:
    """The HTTP interface of a server that runs."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=5)

    def ready(self) -> bool:
        try:
            return self._http.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Returns the instant vector that an expression gives now."""
        answer = self._http.get("/api/v1/query", params={"query": expression})
        answer.raise_for_status()
        return answer.json()["data"]["result"]

    def wait_for(self, expression: str) -> list[dict[str, Any]]:
        """Returns the first instant vector of an expression that is not empty."""
        deadline = time.monotonic() + _DEADLINE
        while time.monotonic() < deadline:
            if result := self.query(expression):
                return result
            time.sleep(_POLL)
        raise AssertionError(f"{expression} stayed empty for {_DEADLINE:.0f} s; targets: {self.targets()}")

    def targets(self) -> list[dict[str, Any]]:
        """Returns the scraped targets with their health and last error."""
        return self._http.get("/api/v1/targets").json()["data"]["activeTargets"]


def free_address() -> str:
    """A port on loopback that is free now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@contextmanager
def scraping(
    target: str, directory: Path, *, rules: Path | None = None, alertmanager: str | None = None
) -> Iterator[Prometheus]:
    """Runs a Prometheus that scrapes one target.

    Args:
        target: Host and port that serve /metrics.
        directory: Where it keeps its configuration, data and log.
        rules: File of rules that it evaluates.
        alertmanager: Host and port that alerts go to.
    """
    executable = binary("prometheus")
    address = free_address()
    config = directory / "prometheus.yml"
    settings: dict[str, Any] = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
        "scrape_configs": [{"job_name": "paramedic", "static_configs": [{"targets": [target]}]}],
    }
    if rules is not None:
        settings["rule_files"] = [str(rules)]
    if alertmanager is not None:
        settings["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    config.write_text(yaml.safe_dump(settings))
    with (directory / "prometheus.log").open("wb") as log:
        server = subprocess.Popen(
            [
                executable,
                f"--config.file={config}",
                f"--storage.tsdb.path={directory / 'data'}",
                f"--web.listen-address={address}",
                "--web.enable-lifecycle",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        prometheus = Prometheus(f"http://{address}")
        deadline = time.monotonic() + _DEADLINE
        while not prometheus.ready():
            if server.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"Prometheus did not start: {(directory / 'prometheus.log').read_text()}")
            time.sleep(_POLL)
        yield prometheus
    finally:
        server.terminate()
        server.wait(timeout=_DEADLINE)

"""A service that can misbehave, and runs that talk to it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import paramedic
from support.telemetry_service import TelemetryService

BeginRun = Callable[..., paramedic.Run]


@pytest.fixture
def service() -> Iterator[TelemetryService]:
    with TelemetryService() as service:
        yield service


@pytest.fixture
def spool_dir(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def begin(service: TelemetryService, spool_dir: Path) -> Iterator[BeginRun]:
    """Begins a run that talks to the service, and ends it after the test."""
    runs: list[paramedic.Run] = []

    def begin(**arguments: Any) -> paramedic.Run:
        arguments = {"id": "test", "attempt": 0, "url": service.url, "spool_dir": spool_dir} | arguments
        run = paramedic.init("project", **arguments)
        runs.append(run)
        return run

    yield begin
    for run in runs:
        run.finish(timeout=1.0)

"""The real `paramedic` command, and services that it runs."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx

from paramedic.v1 import telemetry_pb2_grpc
from paramedic.v1.run_pb2 import RunIdentity
from paramedic.v1.telemetry_pb2 import RegisterRun, StreamTelemetryRequest

EXECUTABLE = str(Path(sys.executable).with_name("paramedic"))
_DEADLINE = 30


def environment(**variables: str) -> dict[str, str]:
    """The environment without what the developer set for Paramedic, and with these variables."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PARAMEDIC_")} | variables


def paramedic(*arguments: str, deadline: float = _DEADLINE, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs the command to its end, which must come within the deadline, seconds."""
    return subprocess.run(
        [EXECUTABLE, *arguments],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=deadline,
        check=False,
    )


@dataclass(frozen=True)
class Service:
    """A service that runs.

    Attributes:
        grpc: Address of its gRPC port.
        http: URL of its HTTP port.
        process: Its process.
    """

    grpc: str
    http: str
    process: subprocess.Popen[str]

    def metrics(self) -> str:
        """What a scrape shows now."""
        return httpx.get(f"{self.http}/metrics").raise_for_status().text

    def report(self, identity: RunIdentity, entries: Iterable[StreamTelemetryRequest], name: str = "") -> None:
        """Streams a run's log, and returns when all of it is durable and judged."""
        register = StreamTelemetryRequest(register=RegisterRun(run=identity, name=name))
        with grpc.insecure_channel(self.grpc) as channel:
            stub = telemetry_pb2_grpc.TelemetryServiceStub(channel)
            for answer in stub.StreamTelemetry(iter([register, *entries]), timeout=_DEADLINE):
                assert not answer.HasField("rejected"), answer.rejected


@contextmanager
def serving(directory: Path, *arguments: str, **variables: str) -> Iterator[Service]:
    """Runs `paramedic serve` on free ports with a store of its own, and ends it with SIGTERM.

    Args:
        directory: Where its store and its log go.
        arguments: Further ones.
        variables: Of its environment.
    """
    store = f"sqlite:///{directory / 'paramedic.db'}"
    command = [EXECUTABLE, "serve", "--port", "0", "--http-port", "0", "--store", store, *arguments]
    with (directory / "service.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment(**variables), stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        told = dict(line.split(maxsplit=1) for line in (process.stdout.readline() for _ in range(3)) if line.strip())
        if process.poll() is not None or len(told) < 3:
            raise AssertionError(f"the service did not start: {(directory / 'service.log').read_text()}")
        yield Service(told["gRPC"].strip(), told["HTTP"].strip(), process)
    finally:
        process.terminate()
        process.communicate(timeout=_DEADLINE)

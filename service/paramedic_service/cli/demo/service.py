"""The demo's own service: on free ports, with a store that goes away with it."""

import contextlib
import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paramedic_service.cli.demo.processes import Process, running
from paramedic_service.cli.output import fail

# `paramedic serve`, wherever the script of that name lies.
_SERVE = ("-c", "from paramedic_service.cli import main; main()", "serve")
_HOST = "127.0.0.1"
_START_LIMIT = 60.0


@dataclass(frozen=True, slots=True)
class OwnService:
    """A service that the demo started.

    Attributes:
        process: It.
        address: Where its gRPC listens.
        http_port: Where its HTTP listens.
    """

    process: Process
    address: str
    http_port: int

    @property
    def pages(self) -> str:
        """Where a browser finds it."""
        return f"http://{_HOST}:{self.http_port}"

    def scrape(self) -> str:
        """Returns what Prometheus would get.

        Raises:
            OSError: It cannot be reached.
        """
        connection = http.client.HTTPConnection(_HOST, self.http_port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()


@contextlib.contextmanager
def own_service(directory: Path) -> Iterator[OwnService]:
    """Serves for as long as the block lasts; ends the command when that fails."""
    environment = {
        "PARAMEDIC_GRPC_PORT": "0",
        "PARAMEDIC_HTTP_PORT": "0",
        "PARAMEDIC_STORE_URL": f"sqlite:///{directory / 'paramedic.db'}",
    }
    with running("service", _SERVE, environment, directory) as process:
        ports = _ports(process)
        try:
            yield OwnService(process, f"{_HOST}:{ports['grpc_port']}", ports["http_port"])
        finally:
            if process.exit_status is not None:
                process.show_log_tail()


def _ports(process: Process) -> dict[str, Any]:
    """Waits for the service to say where it listens."""
    deadline = time.monotonic() + _START_LIMIT
    while (ports := _announced(process)) is None:
        if process.exit_status is not None:
            process.show_log_tail()
            fail(f"the service ended with status {process.exit_status} before it served", 2)
        if time.monotonic() > deadline:
            process.show_log_tail()
            fail(f"the service did not start within {_START_LIMIT:.0f} s", 2)
        time.sleep(0.05)
    return ports


def _announced(process: Process) -> dict[str, Any] | None:
    """Returns the log's line on the ports, once it is there."""
    for line in process.log_tail():
        with contextlib.suppress(ValueError):  # it also says things to people
            event = json.loads(line)
            if isinstance(event, dict) and event.get("event") == "serving":
                return event
    return None

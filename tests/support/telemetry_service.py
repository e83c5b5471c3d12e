"""A telemetry service in this process: real gRPC, a log in memory that survives its restarts, and faults on demand."""

import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Self

import grpc

from paramedic.v1.finding_pb2 import Finding
from paramedic.v1.run_pb2 import RunIdentity
from paramedic.v1.telemetry_pb2 import (
    Acknowledged,
    Registered,
    Rejected,
    ReproductionEnded,
    StreamTelemetryRequest,
    StreamTelemetryResponse,
    Throttle,
)
from support.waiting import wait_until


@dataclass
class Faults:
    """What the service does wrong; each may be switched at any time.

    Attributes:
        mute: Takes the registration and never answers it.
        close_at_once: Ends every stream before it says anything.
        close_after_registration: Ends every stream right after it was registered.
        never_acknowledge: Takes entries and answers none.
        garbage: Answers the registration with these bytes.
        claimed_sequence: Says that everything up to this sequence is durable.
        acknowledge_ahead: Acknowledges this far beyond what came.
        cut: Chance that a stream is cut at one of the places of an entry where that hurts most.
        reject: Says why an entry is refused; None: it is not.
        pause: Asks to hold back for so many seconds before it answers a registration.
        status: Ends every stream with this status.
    """

    mute: bool = False
    close_at_once: bool = False
    close_after_registration: bool = False
    never_acknowledge: bool = False
    garbage: bytes | None = None
    claimed_sequence: int | None = None
    acknowledge_ahead: int = 0
    cut: float = 0.0
    reject: Callable[[StreamTelemetryRequest], str | None] = lambda _: None
    pause: float | None = None
    status: grpc.StatusCode | None = None


@dataclass
class StoredRun:
    """The log of one run.

    Attributes:
        entries: In the order they were stored.
        last: Highest sequence.
    """

    entries: list[StreamTelemetryRequest] = field(default_factory=list)
    last: int = 0

    @property
    def steps(self) -> list[int]:
        """Of every row, in order."""
        return [step for entry in self.entries for step in entry.batch.steps]

    @property
    def finished(self) -> bool:
        """Whether the last entry came."""
        return any(entry.HasField("finish") for entry in self.entries)

    @property
    def drops(self) -> dict[str, int]:
        """Rows reported as lost, by reason."""
        rows: dict[str, int] = defaultdict(int)
        for entry in self.entries:
            if entry.event.HasField("dropped"):
                rows[entry.event.dropped.reason] += entry.event.dropped.rows
        return dict(rows)


class TelemetryService:
    """Start it, stop it, and start it again: it comes back on its port with its log."""

    def __init__(self, seed: int = 0, credentials: grpc.ServerCredentials | None = None) -> None:
        """Prepares.

        Args:
            seed: Of the moments at which connections are cut.
            credentials: For TLS; None: plain.
        """
        self._credentials = credentials
        self.faults = Faults()
        self.runs: dict[str, StoredRun] = defaultdict(StoredRun)
        self.streams = 0
        self.requests = 0
        self.registered = 0
        self.metadata: list[dict[str, str]] = []
        self.findings: list[Finding] = []  # sent with the next acknowledgement
        self.reproductions: list[ReproductionEnded] = []  # told again and again, as the service may
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._server: grpc.Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where it listens, or did."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> Self:
        """Listens; on the port of last time, if there was one."""
        server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.so_reuseport", 0)])
        method = grpc.stream_stream_rpc_method_handler(self._stream)
        handlers = {"StreamTelemetry": method}
        server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("paramedic.v1.TelemetryService", handlers),)
        )
        if self._credentials is None:
            self._port = server.add_insecure_port(self.url)
        else:
            self._port = server.add_secure_port(self.url, self._credentials)
        server.start()
        self._server = server
        return self

    def stop(self) -> None:
        """Cuts every connection."""
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run(self, identity: str = "test") -> StoredRun:
        """The log of the run of an id."""
        return self.runs[identity]

    def wait_for_steps(self, count: int, identity: str = "test") -> None:
        """Waits until so many rows are stored."""
        wait_until(lambda: len(self.run(identity).steps) >= count)

    def _stream(self, requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        faults = self.faults
        self.streams += 1
        over = threading.Event()
        if not context.add_callback(over.set):
            return
        self.metadata.append({str(key): str(value) for key, value in context.invocation_metadata()})
        if faults.status is not None:
            context.abort(faults.status, "as the test wants it")
        if faults.close_at_once:
            return
        register = StreamTelemetryRequest.FromString(next(requests)).register
        if faults.mute:
            over.wait()
            return
        if faults.garbage is not None:
            yield faults.garbage
            over.wait()
            return
        run = self._run(register.run)
        last = run.last if faults.claimed_sequence is None else faults.claimed_sequence
        if faults.pause is not None:
            yield _response(throttle=Throttle(pause=faults.pause, reason="as the test wants it"))
        yield _response(registered=Registered(last_durable_sequence=last, max_request_bytes=4 << 20))
        self.registered += 1
        if faults.close_after_registration:
            return
        for request in requests:
            yield from self._entry(run, request, context)

    def _entry(self, run: StoredRun, body: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        faults = self.faults
        self.requests += 1
        entry = StreamTelemetryRequest.FromString(body)
        assert len(body) <= 1 << 20
        self._maybe_cut(context)
        if faults.never_acknowledge:
            return
        reason = faults.reject(entry)
        if reason is not None:
            rows = len(entry.batch.steps)
            yield _response(rejected=Rejected(sequence=entry.sequence, field="batch", reason=reason, rows=rows))
            return
        with self._lock:
            if entry.sequence > run.last:
                run.last = entry.sequence
                run.entries.append(entry)
        self._maybe_cut(context)
        while self.findings:
            yield _response(finding=self.findings.pop(0))
        for ended in self.reproductions:
            yield _response(reproduction=ended)
        yield _response(acknowledged=Acknowledged(sequence=entry.sequence + faults.acknowledge_ahead))
        self._maybe_cut(context)

    def _maybe_cut(self, context: grpc.ServicerContext) -> None:
        if self.faults.cut and self._random.random() < self.faults.cut:
            context.abort(grpc.StatusCode.UNAVAILABLE, "cut")

    def _run(self, identity: RunIdentity) -> StoredRun:
        with self._lock:
            return self.runs[identity.id]


def _response(**message: object) -> bytes:
    return StreamTelemetryResponse(**message).SerializeToString()  # type: ignore[arg-type]

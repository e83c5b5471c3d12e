"""A real service on loopback, and a client that says exactly what a test wants said."""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc

from paramedic.v1.diagnosis_pb2_grpc import DiagnosisServiceStub
from paramedic.v1.finding_pb2 import Finding
from paramedic.v1.run_pb2 import RunIdentity
from paramedic.v1.telemetry_pb2 import (
    Registered,
    Rejected,
    ReproductionEnded,
    StreamTelemetryRequest,
    StreamTelemetryResponse,
)
from paramedic.v1.telemetry_pb2_grpc import TelemetryServiceStub
from paramedic_service.server import Server
from paramedic_service.settings import Settings
from paramedic_service.store.interface import Store, StoreError
from paramedic_service.store.records import Checkpoint, LogRecord

DEADLINE = 30.0  # seconds; only a hanging test ever waits so long


def settings_in(directory: Path, **changes: Any) -> Settings:
    """Settings of a service that keeps its data in a directory and takes free ports."""
    return Settings(grpc_port=0, http_port=0, store_url=f"sqlite:///{directory / 'paramedic.db'}", **changes)


@contextlib.asynccontextmanager
async def serving(settings: Settings, **arguments: Any) -> AsyncIterator[Server]:
    """A service within this process."""
    server = Server(settings, **arguments)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


@contextlib.asynccontextmanager
async def channel_to(port: int) -> AsyncIterator[grpc.aio.Channel]:
    """A channel without a channel's usual memory of failed attempts."""
    options = [("grpc.max_reconnect_backoff_ms", 100), ("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        await asyncio.wait_for(channel.channel_ready(), DEADLINE)
        yield channel


@contextlib.contextmanager
def service_process(directory: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A service in a process of its own, which a test may kill; gives the process and the gRPC port."""
    process = subprocess.Popen([sys.executable, __file__, str(directory)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()


class FragileStore:
    """A real store in front of which the disk can fill up."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.full = False
        self.breaks_after_writing = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def append(self, records: Sequence[LogRecord]) -> list[int]:
        self._write()
        positions = self._store.append(records)
        if self.breaks_after_writing:
            self.breaks_after_writing = False
            raise StoreError("the connection was lost before the answer came")
        return positions

    def checkpoint(self, checkpoints: Sequence[Checkpoint], now: float) -> None:
        self._write()
        self._store.checkpoint(checkpoints, now)

    def _write(self) -> None:
        if self.full:
            raise StoreError("the disk is full")


class Reporter:
    """One telemetry stream, driven by hand.

    Attributes:
        registered: The answer to the registration.
        acknowledged: Highest sequence acknowledged.
        rejections: Everything refused, in order.
        findings: Every change of a finding, in order.
        throttles: How often it was asked to hold back.
        reproductions: Those of the run that ended, in order.
    """

    def __init__(self, channel: grpc.aio.Channel, metadata: Sequence[tuple[str, str]] = ()) -> None:
        self.call = channel.stream_stream(
            "/paramedic.v1.TelemetryService/StreamTelemetry",
            response_deserializer=StreamTelemetryResponse.FromString,
        )(metadata=tuple(metadata))
        self.registered = Registered()
        self.acknowledged = 0
        self.rejections: list[Rejected] = []
        self.findings: list[Finding] = []
        self.throttles = 0
        self.reproductions: list[ReproductionEnded] = []

    async def register(self, run: str = "run", project: str = "project", **fields: Any) -> Registered:
        """Opens the stream of a run."""
        await self.send(registration(run, project, **fields))
        await self.until(lambda: self.registered.max_request_bytes > 0)
        return self.registered

    async def send(self, *requests: StreamTelemetryRequest | bytes) -> None:
        """Sends requests, readable or not."""
        for request in requests:
            body = request if isinstance(request, bytes) else request.SerializeToString()
            await asyncio.wait_for(self.call.write(body), DEADLINE)

    async def until(self, satisfied: Callable[[], bool]) -> None:
        """Reads answers until they satisfy.

        Raises:
            grpc.aio.AioRpcError: The stream ended with a status that is not OK.
            EOFError: The stream ended.
        """
        while not satisfied():
            await self.read()

    async def until_acknowledged(self, sequence: int) -> None:
        """Reads answers until a sequence is acknowledged."""
        await self.until(lambda: self.acknowledged >= sequence)

    async def until_rejected(self, count: int = 1) -> Rejected:
        """Reads answers until so many entries were refused; the last refusal."""
        await self.until(lambda: len(self.rejections) >= count)
        return self.rejections[-1]

    async def read(self) -> None:
        """Reads one answer."""
        response = await asyncio.wait_for(self.call.read(), DEADLINE)
        if response is grpc.aio.EOF:
            raise EOFError
        match response.WhichOneof("message"):
            case "registered":
                self.registered = response.registered
            case "acknowledged":
                assert response.acknowledged.sequence >= self.acknowledged, "acknowledgements never go back"
                self.acknowledged = response.acknowledged.sequence
            case "rejected":
                self.rejections.append(response.rejected)
            case "finding":
                self.findings.append(response.finding)
            case "throttle":
                self.throttles += 1
            case "reproduction":
                self.reproductions.append(response.reproduction)

    async def status(self) -> grpc.aio.AioRpcError:
        """Reads until the stream fails; how it failed."""
        try:
            while True:
                await self.read()
        except grpc.aio.AioRpcError as error:
            return error

    async def close(self) -> None:
        """Says that nothing more comes, and reads what is left."""
        await self.call.done_writing()
        with contextlib.suppress(EOFError):
            while True:
                await self.read()


def identity(run: str = "run", project: str = "project", attempt: int = 0, rank: int = 0) -> RunIdentity:
    return RunIdentity(project=project, id=run, attempt=attempt, rank=rank)


def registration(run: str = "run", project: str = "project", name: str = "", **fields: Any) -> StreamTelemetryRequest:
    request = StreamTelemetryRequest()
    request.register.run.CopyFrom(identity(run, project, **fields))
    request.register.name = name
    return request


def description(sequence: int, tensors: Iterable[str] = ("dense/kernel", "dense/bias")) -> StreamTelemetryRequest:
    request = StreamTelemetryRequest(sequence=sequence)
    for name in tensors:
        request.description.tensors.add(name=name, element_count=16, layer=name.partition("/")[0])
    return request


def batch(
    sequence: int, steps: Iterable[int], *, loss: float | Sequence[float] = 1.0, norms: Sequence[float] = ()
) -> StreamTelemetryRequest:
    """A batch of steps, ten a second.

    Args:
        sequence: Of the entry.
        steps: One a row.
        loss: One for all rows, or one a row.
        norms: Gradient norms of one row, used for all; none leaves them out.
    """
    request = StreamTelemetryRequest(sequence=sequence)
    request.batch.steps.extend(steps)
    count = len(request.batch.steps)
    request.batch.times.extend(1.7e9 + 0.1 * step for step in request.batch.steps)
    request.batch.scalars.add(name="loss", values=[loss] * count if isinstance(loss, float) else loss)
    if norms:
        request.batch.tensors.add(signal="TENSOR_SIGNAL_GRADIENT_NORM", values=list(norms) * count)
    return request


def finish(sequence: int, state: str = "RUN_STATE_FINISHED", time: float = 1.7e9) -> StreamTelemetryRequest:
    request = StreamTelemetryRequest(sequence=sequence)
    request.finish.state = request.finish.DESCRIPTOR.fields_by_name["state"].enum_type.values_by_name[state].number
    request.finish.time = time
    return request


def diagnosis(channel: grpc.aio.Channel) -> DiagnosisServiceStub:
    return DiagnosisServiceStub(channel)


def telemetry(channel: grpc.aio.Channel) -> TelemetryServiceStub:
    return TelemetryServiceStub(channel)


if __name__ == "__main__":
    import logging

    from paramedic_service.logging import configure_logging
    from paramedic_service.server import serve

    configure_logging(logging.WARNING)
    asyncio.run(serve(settings_in(Path(sys.argv[1])), started=lambda server: print(server.grpc_port, flush=True)))

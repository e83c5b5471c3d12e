"""Ingest through everything, beside a bare gRPC echo of the same messages.

Both servers run in a process of their own and are driven by the same client, turn and turn about, so that what else
the machine does falls on both.
"""

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np

from paramedic.v1.telemetry_pb2 import StreamTelemetryRequest, StreamTelemetryResponse

STEPS, TENSORS = 64, 100
MESSAGES, ROUNDS = 1000, 12  # short rounds in turns meet the same machine
PART, TURNS = 800, 5  # messages and repetitions where processor times are compared
METHOD = "/paramedic.v1.TelemetryService/StreamTelemetry"

Done = Callable[[bytes], int]
"""Tells from a response how many messages are answered so far."""


def measure() -> dict[str, float]:
    """Measures ingest.

    Returns:
        ingest_ratio: Batches a second through everything, over those of the echo; median over alternating rounds.
        ingest_batches_per_second, echo_batches_per_second: Medians of both sides.
        ingest_late_over_early: Processor time of a batch after half a million steps of its run, over its time at first.
        ingest_crowd_over_alone: Processor time of a batch with 1000 other runs in memory, over its time alone.
    """
    bodies = _bodies(MESSAGES)
    with _process("echo") as echo, _service() as service:
        rounds = asyncio.run(_alternate(echo.port, service.port, bodies))
    late = asyncio.run(_late_over_early())
    crowd = asyncio.run(_crowd_over_alone())
    echoed, taken = (statistics.median(side) for side in zip(*rounds, strict=True))
    return {
        "ingest_ratio": statistics.median(taken / echoed for echoed, taken in rounds),
        "ingest_batches_per_second": taken,
        "echo_batches_per_second": echoed,
        "ingest_late_over_early": late,
        "ingest_crowd_over_alone": crowd,
    }


async def _alternate(echo: int, service: int, bodies: list[bytes]) -> list[tuple[float, float]]:
    async with _channel(echo) as echo_channel, _channel(service) as service_channel:
        await _echo_round(echo_channel, bodies[:200])
        await _service_round(service_channel, "warm", bodies[:200])
        return [
            (await _echo_round(echo_channel, bodies), await _service_round(service_channel, f"run-{turn}", bodies))
            for turn in range(ROUNDS)
        ]


async def _late_over_early() -> float:
    """A long run and fresh ones take turns on one service, so that all that differs is their length."""
    with _service() as service:
        async with _channel(service.port) as channel:
            length = 8000
            await _service_round(channel, "long", _bodies(length))
            late, early = [], []
            for turn in range(TURNS):
                more = _bodies(PART, first=length + turn * PART)
                late.append(await _cost(service, _service_round(channel, "long", more, describe=False)))
                early.append(await _cost(service, _service_round(channel, f"fresh-{turn}", _bodies(PART))))
    return min(late) / min(early)


async def _crowd_over_alone() -> float:
    """A service with 1000 runs and one without take turns."""
    bodies = _bodies(PART)
    with _service() as quiet, _service() as busy:
        async with _channel(quiet.port) as quiet_channel, _channel(busy.port) as busy_channel:
            for number in range(1000):
                await _service_round(busy_channel, f"crowd-{number}", bodies[:1])
            alone, crowded = [], []
            for turn in range(TURNS):
                alone.append(await _cost(quiet, _service_round(quiet_channel, f"run-{turn}", bodies)))
                crowded.append(await _cost(busy, _service_round(busy_channel, f"run-{turn}", bodies)))
    return min(crowded) / min(alone)


async def _cost(service: "Process", round_: Coroutine[Any, Any, float]) -> float:
    """Processor time of a round in the service, seconds: wall time would tell more of the machine's other work."""
    before = service.processor_seconds()
    await round_
    return service.processor_seconds() - before


async def _echo_round(channel: grpc.aio.Channel, bodies: list[bytes]) -> float:
    answered = 0

    def done(_: bytes) -> int:
        nonlocal answered
        answered += 1
        return answered

    return await _drive(channel, [], bodies, len(bodies), done)


async def _service_round(channel: grpc.aio.Channel, run: str, bodies: list[bytes], *, describe: bool = True) -> float:
    opening = [_registration(run), _description()] if describe else [_registration(run)]
    last = StreamTelemetryRequest.FromString(bodies[-1]).sequence

    def done(body: bytes) -> int:
        response = StreamTelemetryResponse.FromString(body)
        assert not response.HasField("rejected"), response
        return response.acknowledged.sequence

    return await _drive(channel, opening, bodies, last, done)


async def _drive(channel: grpc.aio.Channel, opening: list[bytes], bodies: list[bytes], until: int, done: Done) -> float:
    """Sends all messages on one stream and waits for their answers; messages a second."""
    stream = channel.stream_stream(METHOD)()
    for body in opening:
        await stream.write(body)
    if opening:
        await stream.read()
    start = time.perf_counter()
    sending = asyncio.create_task(_send(stream, bodies))
    while done(await stream.read()) < until:
        pass
    elapsed = time.perf_counter() - start
    await sending
    await stream.done_writing()
    return len(bodies) / elapsed


async def _send(stream: grpc.aio.StreamStreamCall, bodies: list[bytes]) -> None:
    for body in bodies:
        await stream.write(body)


def _registration(run: str) -> bytes:
    request = StreamTelemetryRequest()
    request.register.run.project = "benchmark"
    request.register.run.id = run
    return request.SerializeToString()


def _description() -> bytes:
    request = StreamTelemetryRequest(sequence=1)
    for index in range(TENSORS):
        request.description.tensors.add(
            name=f"layer_{index}/kernel", element_count=4096, layer=f"layer_{index}", role="TENSOR_ROLE_KERNEL"
        )
    return request.SerializeToString()


def _bodies(count: int, first: int = 0) -> list[bytes]:
    """Batches of a healthy run; the description has sequence 1."""
    generator = np.random.default_rng(first)
    bodies = []
    for index in range(first, first + count):
        request = StreamTelemetryRequest(sequence=index + 2)
        steps = np.arange(index * STEPS, (index + 1) * STEPS)
        request.batch.steps.extend(steps.tolist())
        request.batch.times.extend((1.7e9 + 0.01 * steps).tolist())
        loss = 2.0 * (1 + steps / 1000) ** -0.4 * np.exp(0.05 * generator.standard_normal(STEPS))
        request.batch.scalars.add(name="loss", values=loss.tolist())
        norms = np.exp(0.2 * generator.standard_normal(STEPS * TENSORS))
        request.batch.tensors.add(signal="TENSOR_SIGNAL_GRADIENT_NORM", values=norms.tolist())
        bodies.append(request.SerializeToString())
    return bodies


@contextlib.asynccontextmanager
async def _channel(port: int) -> AsyncIterator[grpc.aio.Channel]:
    options = [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        await channel.channel_ready()
        yield channel


@dataclass(frozen=True)
class Process:
    """A server in a process of its own."""

    port: int
    pid: int

    def processor_seconds(self) -> float:
        """Processor time it has used, seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def _service() -> Iterator[Process]:
    with tempfile.TemporaryDirectory() as directory, _process("service", directory) as process:
        yield process


@contextlib.contextmanager
def _process(*arguments: str) -> Iterator[Process]:
    process = subprocess.Popen([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield Process(int(process.stdout.readline()), process.pid)
    finally:
        process.terminate()
        process.wait()


async def _run_echo() -> None:
    async def echo(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext) -> None:
        async for request in requests:
            await context.write(request)

    server = grpc.aio.server(options=[("grpc.max_receive_message_length", -1)])
    service, method = METHOD.strip("/").split("/")
    handler = grpc.stream_stream_rpc_method_handler(echo)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


async def _run_service(directory: str) -> None:
    import logging

    from paramedic_service.logging import configure_logging
    from paramedic_service.server import serve
    from paramedic_service.settings import Settings
    from paramedic_service.web.app import build

    configure_logging(logging.WARNING)
    settings = Settings(grpc_port=0, http_port=0, store_url=f"sqlite:///{Path(directory) / 'benchmark.db'}")
    await serve(settings, web=build, started=lambda server: print(server.grpc_port, flush=True))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["echo"]:
            asyncio.run(_run_echo())
        case ["service", directory]:
            asyncio.run(_run_service(directory))
        case _:
            print(json.dumps(measure()))

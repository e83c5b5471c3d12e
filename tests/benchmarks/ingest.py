"""Ingest through everything, beside a bare gRPC echo of the same messages.

Both servers run in a process of their own and are driven by the same client, turn and turn about, so that what else
the machine does falls on both.
"""

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import grpc
import numpy as np

from paramedic.v1.telemetry_pb2 import StreamTelemetryRequest, StreamTelemetryResponse

STEPS, TENSORS = 64, 100
MESSAGES = 1500  # a round
ROUNDS = 5
METHOD = "/paramedic.v1.TelemetryService/StreamTelemetry"

Done = Callable[[bytes], int]
"""Tells from a response how many messages are answered so far."""


def measure() -> dict[str, float]:
    """Measures ingest.

    Returns:
        ingest_ratio: Batches a second through everything, over those of the echo; medians of alternating rounds.
        ingest_batches_per_second, echo_batches_per_second: The same, absolute.
        ingest_late_over_early: Cost of a batch in the last tenth of a long run, over the first tenth's.
        ingest_crowd_over_alone: Cost of a batch with 1000 other runs in memory, over its cost alone.
    """
    bodies = _bodies(MESSAGES)
    with _echo_server() as echo, _service() as service:
        rounds = asyncio.run(_alternate(echo, service, bodies))
    late = asyncio.run(_late_over_early())
    crowd = asyncio.run(_crowd_over_alone(bodies))
    echoed, taken = (statistics.median(side) for side in zip(*rounds, strict=True))
    return {
        "ingest_ratio": taken / echoed,
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
    """A run of 20 parts; the first and last two are compared."""
    with _service() as service:
        async with _channel(service) as channel:
            await _service_round(channel, "warm", _bodies(200))
            parts = 20
            rates = [
                await _service_round(channel, "long", _bodies(300, first=part * 300), describe=part == 0)
                for part in range(parts)
            ]
    tenth = parts // 10
    return statistics.mean(rates[:tenth]) / statistics.mean(rates[-tenth:])


async def _crowd_over_alone(bodies: list[bytes]) -> float:
    with _service() as service:
        async with _channel(service) as channel:
            await _service_round(channel, "warm", bodies[:200])
            alone = [await _service_round(channel, f"alone-{turn}", bodies[:600]) for turn in range(3)]
            for number in range(1000):
                await _service_round(channel, f"crowd-{number}", bodies[:1])
            crowded = [await _service_round(channel, f"crowded-{turn}", bodies[:600]) for turn in range(3)]
    return statistics.median(alone) / statistics.median(crowded)


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


@contextlib.contextmanager
def _echo_server() -> Iterator[int]:
    with _process("echo") as port:
        yield port


@contextlib.contextmanager
def _service() -> Iterator[int]:
    with tempfile.TemporaryDirectory() as directory, _process("service", directory) as port:
        yield port


@contextlib.contextmanager
def _process(*arguments: str) -> Iterator[int]:
    process = subprocess.Popen([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
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

"""A service whose reproductions end as a test wants them, and a run that they can be of."""

import contextlib
import math
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc

from paramedic.v1.telemetry_pb2 import StreamTelemetryRequest
from paramedic_service.reproduction.executors.devices import CPU
from paramedic_service.reproduction.executors.local import LocalExecutor
from paramedic_service.server import Server
from paramedic_service.settings import Settings
from support import decisive_worker
from support.service import Reporter, batch, serving
from support.service import description as tensors

COMMAND = (sys.executable, str(Path(decisive_worker.__file__)))
EXPLODING = [2.0**n for n in range(60)]


@contextlib.asynccontextmanager
async def reproducing(settings: Settings, **arguments: Any) -> AsyncIterator[Server]:
    """A service whose reproductions end as a test wants them."""
    executor = LocalExecutor(lambda: (CPU,), framework_memory=2**30, idle_seconds=600.0, most_jobs=100, command=COMMAND)
    async with serving(settings, executor=executor, **arguments) as server:
        yield server


def described(sequence: int) -> StreamTelemetryRequest:
    """A small recurrent network with an absurd learning rate, its data and a tensor table."""
    request = tensors(sequence)
    known = request.description
    known.optimizer.name, known.optimizer.learning_rate = "sgd", 10.0
    known.model.layers.add(
        name="rnn", kind="SimpleRNN", activation="tanh", units=4, input_shape=(-1, 10, 2), output_shape=(-1, 4)
    )
    known.model.layers.add(
        name="dense", kind="Dense", activation="linear", units=1, input_shape=(-1, 4), output_shape=(-1, 1)
    )
    known.losses.add(name="mean_squared_error")
    known.training.batch_size = 16
    known.data.samples = 100
    known.data.inputs.add(shape=(-1, 10, 2), dtype="float32", examined=100, mean=0.0, deviation=1.0)
    known.data.targets.add(
        shape=(-1, 1), dtype="float32", examined=100, mean=0.0, deviation=1.0, encoding="LABEL_ENCODING_CONTINUOUS"
    )
    return request


async def ruined(channel: grpc.aio.Channel, run: str = "run", project: str = "project") -> Reporter:
    """A run whose loss diverges and becomes NaN; its stream stays open."""
    reporter = Reporter(channel)
    await reporter.register(run, project)
    await reporter.send(described(1), batch(2, range(60), loss=EXPLODING, norms=[1.0, 1.0]))
    await reporter.send(batch(3, range(60, 64), loss=math.nan, norms=[math.nan] * 2))
    await reporter.until_acknowledged(3)
    return reporter

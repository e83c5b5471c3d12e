"""Small runs as the service receives them."""

import math
from collections.abc import Sequence

from paramedic.v1.description_pb2 import Environment, ModelConfig, RunDescription
from paramedic.v1.run_pb2 import RUN_STATE_FINISHED, RunIdentity
from paramedic.v1.telemetry_pb2 import FinishRun, ScalarColumn, StepBatch, StreamTelemetryRequest

HEALTHY = RunIdentity(project="digits", id="healthy")
RUINED = RunIdentity(project="digits", id="ruined", attempt=1)


def described() -> StreamTelemetryRequest:
    """What the training says of itself."""
    return StreamTelemetryRequest(
        sequence=1,
        description=RunDescription(
            environment=Environment(framework="keras", framework_version="3.15.1"), model=ModelConfig(name="classifier")
        ),
    )


def losses(sequence: int, first_step: int, values: Sequence[float]) -> StreamTelemetryRequest:
    """A batch of rows with nothing but a loss, a second apart."""
    steps = range(first_step, first_step + len(values))
    return StreamTelemetryRequest(
        sequence=sequence,
        batch=StepBatch(
            steps=steps,
            times=[1_700_000_000.0 + step for step in steps],
            scalars=[ScalarColumn(name="loss", values=values)],
        ),
    )


def finished(sequence: int) -> StreamTelemetryRequest:
    """The end of a run."""
    return StreamTelemetryRequest(sequence=sequence, finish=FinishRun(state=RUN_STATE_FINISHED, time=1_700_001_000.0))


def healthy() -> list[StreamTelemetryRequest]:
    """A run that went well."""
    return [described(), losses(2, 1, [1.0, 0.9, 0.8]), finished(3)]


def ruined() -> list[StreamTelemetryRequest]:
    """A run that goes on from step 11 after a restart, and whose loss became NaN at step 13; still running."""
    return [described(), losses(2, 11, [1.0, 0.9, math.nan])]

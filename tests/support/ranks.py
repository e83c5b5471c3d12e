"""What the ranks of a distributed training report, made up."""

from collections.abc import Iterable, Sequence

from paramedic.v1.telemetry_pb2 import StreamTelemetryRequest
from support.service import description


def replicated(
    sequence: int, replicas: int, tensors: Iterable[str] = ("dense/kernel", "dense/bias")
) -> StreamTelemetryRequest:
    """A description that tells of replicas."""
    request = description(sequence, tensors)
    request.description.training.replicas = replicas
    return request


def reported(
    sequence: int,
    steps: Iterable[int],
    *,
    seconds: float = 0.1,
    busy: float | None = None,
    weights: Sequence[float] = (),
    weights_every: int = 1,
    since: float = 1.7e9,
) -> StreamTelemetryRequest:
    """A batch of one rank.

    Args:
        sequence: Of the entry.
        steps: One a row.
        seconds: From one step to the next.
        busy: Of these seconds, those in which the rank did not wait for others; None: it does not tell.
        weights: Norm of each tensor; none leaves them out.
        weights_every: Steps whose number it divides have weight norms.
        since: Client clock at step 0.
    """
    request = StreamTelemetryRequest(sequence=sequence)
    batch = request.batch
    batch.steps.extend(steps)
    batch.times.extend(since + seconds * step for step in batch.steps)
    batch.scalars.add(name="loss", values=[1.0] * len(batch.steps))
    if busy is not None:
        batch.scalars.add(name="busy_seconds", values=[busy] * len(batch.steps))
    rows = [row for row, step in enumerate(batch.steps) if step % weights_every == 0]
    if weights and rows:
        batch.tensors.add(signal="TENSOR_SIGNAL_WEIGHT_NORM", values=list(weights) * len(rows), rows=rows)
    return request

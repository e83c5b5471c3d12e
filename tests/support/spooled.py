"""What a run left in its spool, in a form to compare."""

from pathlib import Path
from typing import Any

import numpy as np

from paramedic.description import merge
from paramedic.segment import read_segment
from paramedic.v1.description_pb2 import RunDescription
from paramedic.v1.telemetry_pb2 import RunEvent, StepBatch, StreamTelemetryRequest, TensorSignal

_SIGNALS = {
    "gradient_norm": TensorSignal.TENSOR_SIGNAL_GRADIENT_NORM,
    "weight_norm": TensorSignal.TENSOR_SIGNAL_WEIGHT_NORM,
    "update_norm": TensorSignal.TENSOR_SIGNAL_UPDATE_NORM,
}


class Told:
    """All that one run said."""

    def __init__(self, directory: Path) -> None:
        self.description = RunDescription()
        self.batches: list[StepBatch] = []
        self.events: list[RunEvent] = []
        self.order: list[str] = []
        self.state: int | None = None
        for path in sorted(directory.glob("*.spool")):
            for _, payload in read_segment(path):
                assert isinstance(payload, bytes)
                self._take(StreamTelemetryRequest.FromString(payload))

    def _take(self, request: StreamTelemetryRequest) -> None:
        kind = request.WhichOneof("body")
        if kind == "description":
            merge(self.description, request.description)
        elif kind == "batch":
            self.batches.append(request.batch)
        elif kind == "event":
            self.events.append(request.event)
            kind = request.event.WhichOneof("detail")
        elif kind == "finish":
            self.state = request.finish.state
        self.order.append(kind or "")

    @property
    def tensors(self) -> list[str]:
        return [tensor.name for tensor in self.description.tensors]

    @property
    def error(self) -> Any:
        (error,) = [event.error for event in self.events if event.HasField("error")]
        return error

    def scalar(self, name: str) -> dict[int, float]:
        """The values of a scalar signal by step."""
        found = {}
        for batch in self.batches:
            for column in batch.scalars:
                if column.name == name:
                    rows = column.rows or range(len(batch.steps))
                    found |= {batch.steps[row]: value for row, value in zip(rows, column.values, strict=True)}
        return found

    def steps(self) -> list[int]:
        """The steps that have norms."""
        return [
            batch.steps[row] for batch in self.batches for block in batch.tensors[:1] for row in _rows(batch, block)
        ]

    def norms(self, signal: str) -> np.ndarray:
        """One signal of all steps, [steps, tensors]."""
        blocks = [
            np.array(block.values).reshape(len(_rows(batch, block)), -1)
            for batch in self.batches
            for block in batch.tensors
            if block.signal == _SIGNALS[signal]
        ]
        return np.concatenate(blocks)


def _rows(batch: StepBatch, block: Any) -> Any:
    return block.rows or range(len(batch.steps))

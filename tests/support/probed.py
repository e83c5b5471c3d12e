"""What the probes of a Keras training said."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from paramedic.v1.telemetry_pb2 import LayerSignal, StepBatch, TensorSignal
from support.spooled import Told


def layer_signal(told: Told, name: str) -> dict[int, dict[str, float]]:
    """The values of a layer signal by step and layer."""
    number = LayerSignal.Value(f"LAYER_SIGNAL_{name.upper()}")
    layers = list(told.description.probed_layers)
    rows = _by_step(told, lambda batch: [block for block in batch.layers if block.signal == number], len(layers))
    return {step: dict(zip(layers, values.tolist(), strict=True)) for step, values in rows.items()}


def zero_shares(told: Told) -> dict[int, dict[str, float]]:
    """The share of zeros in each tensor's gradient, by step and tensor."""
    number = TensorSignal.TENSOR_SIGNAL_GRADIENT_ZERO_SHARE
    rows = _by_step(told, lambda batch: [block for block in batch.tensors if block.signal == number], len(told.tensors))
    return {step: dict(zip(told.tensors, values.tolist(), strict=True)) for step, values in rows.items()}


def paths(told: Told) -> dict[str, dict[int, np.ndarray]]:
    """The norms along each recurrent layer's path through time, by layer and step."""
    names = {(block.layer, len(block.time_steps)) for batch in told.batches for block in batch.paths}
    return {
        name: _by_step(told, lambda batch, name=name: [block for block in batch.paths if block.layer == name], length)
        for name, length in names
    }


def _by_step(told: Told, blocks_of: Any, width: int) -> dict[int, np.ndarray]:
    found: dict[int, np.ndarray] = {}
    for batch in told.batches:
        for block in blocks_of(batch):
            values = np.array(block.values, np.float32).reshape(-1, width)
            found |= {batch.steps[row]: each for row, each in zip(_rows(batch, block), values, strict=True)}
    return found


def _rows(batch: StepBatch, block: Any) -> Iterable[int]:
    return block.rows or range(len(batch.steps))

"""Checks the blocks of a batch: signals of every tensor, of every probed layer, and along time."""

from collections.abc import Mapping, Sequence

import numpy as np

from paramedic.v1.telemetry_pb2 import (
    LAYER_SIGNAL_ACTIVATION_DEVIATION,
    LAYER_SIGNAL_ACTIVATION_MEAN,
    LAYER_SIGNAL_DEAD_SHARE,
    LAYER_SIGNAL_SAMPLE_DEVIATION,
    LAYER_SIGNAL_SATURATED_SHARE,
    TENSOR_SIGNAL_GRADIENT_NORM,
    TENSOR_SIGNAL_GRADIENT_ZERO_SHARE,
    TENSOR_SIGNAL_UPDATE_NORM,
    TENSOR_SIGNAL_WEIGHT_NORM,
    LayerBlock,
    StepBatch,
    TensorBlock,
    TimeBlock,
)
from paramedic_service.ingest.frontier import Frontier
from paramedic_service.ingest.refusal import MAX_NAME_CHARACTERS, InvalidRequestError, Problem, check_name
from paramedic_service.rules import telemetry
from paramedic_service.rules.telemetry import Block, Floats, Integers, Path

TENSOR_SIGNALS: dict[int, str] = {
    TENSOR_SIGNAL_GRADIENT_NORM: telemetry.GRADIENT_NORM,
    TENSOR_SIGNAL_WEIGHT_NORM: telemetry.WEIGHT_NORM,
    TENSOR_SIGNAL_UPDATE_NORM: telemetry.UPDATE_NORM,
    TENSOR_SIGNAL_GRADIENT_ZERO_SHARE: telemetry.GRADIENT_ZERO_SHARE,
}

LAYER_SIGNALS: dict[int, str] = {
    LAYER_SIGNAL_ACTIVATION_MEAN: telemetry.ACTIVATION_MEAN,
    LAYER_SIGNAL_ACTIVATION_DEVIATION: telemetry.ACTIVATION_DEVIATION,
    LAYER_SIGNAL_DEAD_SHARE: telemetry.DEAD_SHARE,
    LAYER_SIGNAL_SATURATED_SHARE: telemetry.SATURATED_SHARE,
    LAYER_SIGNAL_SAMPLE_DEVIATION: telemetry.SAMPLE_DEVIATION,
}

MAX_TIME_STEPS = 64


def read_tensors(batch: StepBatch, count: int, frontier: Frontier) -> dict[str, Block]:
    """Reads the signals that have one value a tensor.

    Raises:
        InvalidRequestError: One of them is refused.
    """
    if batch.tensors and frontier.tensors is None:
        raise InvalidRequestError(
            "batch.tensors", "the run has no tensor table yet; send a description first", Problem.MISSING
        )
    return _blocks(batch.tensors, "batch.tensors", TENSOR_SIGNALS, count, frontier.tensors or 0, "tensors")


def read_layers(batch: StepBatch, count: int, frontier: Frontier) -> dict[str, Block]:
    """Reads the signals that have one value a probed layer.

    Raises:
        InvalidRequestError: One of them is refused.
    """
    if batch.layers and frontier.layers is None:
        raise InvalidRequestError(
            "batch.layers", "the run has no table of probed layers yet; send a description first", Problem.MISSING
        )
    return _blocks(batch.layers, "batch.layers", LAYER_SIGNALS, count, frontier.layers or 0, "probed layers")


def read_paths(batch: StepBatch, count: int, frontier: Frontier, max_layers: int) -> dict[str, Path]:
    """Reads the gradient's path through time in recurrent layers.

    Args:
        batch: As received.
        count: Its rows.
        frontier: Where the run's accepted log ends.
        max_layers: Most such layers over the run.

    Raises:
        InvalidRequestError: One of them is refused.
    """
    paths: dict[str, Path] = {}
    known = len(frontier.paths)
    for index, block in enumerate(batch.paths):
        where = f"batch.paths[{index}]"
        if block.layer not in frontier.paths:
            check_name(block.layer, f"{where}.layer", MAX_NAME_CHARACTERS)
            known += 1
            if known > max_layers:
                raise InvalidRequestError(
                    f"{where}.layer",
                    f"{block.layer!r} is new, and the run has {max_layers} recurrent layers already",
                    Problem.LIMIT,
                )
        if block.layer in paths:
            raise InvalidRequestError(
                f"{where}.layer", f"{block.layer!r} came already in this batch", Problem.DUPLICATE
            )
        time_steps = _time_steps(block, where)
        values, rows = _values(block, where, count, len(time_steps), "time steps")
        paths[block.layer] = Path(time_steps, values, rows)
    return paths


def row_indices(indices: Sequence[int], count: int, path: str) -> tuple[Integers | None, int]:
    """Reads which rows have a value: their indices, or None for all, and how many they are.

    Raises:
        InvalidRequestError: They are no rows of the batch.
    """
    if not indices:
        return None, count
    if len(indices) > count:
        raise InvalidRequestError(f"{path}.rows", f"got {len(indices)}, expected at most {count}", Problem.LENGTH)
    rows = np.array(indices, dtype=np.int64)
    if rows[-1] >= count or (len(rows) > 1 and not (rows[1:] > rows[:-1]).all()):
        raise InvalidRequestError(f"{path}.rows", f"expected strictly increasing indices below {count}", Problem.ORDER)
    return rows, len(rows)


def _blocks(
    blocks: Sequence[TensorBlock | LayerBlock],
    field: str,
    signals: Mapping[int, str],
    count: int,
    width: int,
    columns: str,
) -> dict[str, Block]:
    read: dict[str, Block] = {}
    for index, block in enumerate(blocks):
        where = f"{field}[{index}]"
        signal = signals.get(block.signal)
        if signal is None:
            raise InvalidRequestError(
                f"{where}.signal", f"got {block.signal}, which is no known signal", Problem.UNKNOWN
            )
        if signal in read:
            raise InvalidRequestError(f"{where}.signal", f"{signal} came already in this batch", Problem.DUPLICATE)
        read[signal] = Block(*_values(block, where, count, width, columns))
    return read


def _values(
    block: TensorBlock | LayerBlock | TimeBlock, where: str, count: int, width: int, columns: str
) -> tuple[Floats, Integers | None]:
    rows, expected = row_indices(block.rows, count, where)
    if len(block.values) != expected * width:
        raise InvalidRequestError(
            f"{where}.values",
            f"got {len(block.values)}, expected {expected} rows x {width} {columns} = {expected * width}",
            Problem.LENGTH,
        )
    return np.array(block.values, dtype=np.float32).reshape(expected, width), rows


def _time_steps(block: TimeBlock, where: str) -> Integers:
    if not 1 <= len(block.time_steps) <= MAX_TIME_STEPS:
        raise InvalidRequestError(
            f"{where}.time_steps", f"got {len(block.time_steps)}, expected 1 to {MAX_TIME_STEPS}", Problem.LENGTH
        )
    time_steps = np.array(block.time_steps, dtype=np.int64)
    if time_steps[0] != 0 or not (np.diff(time_steps) > 0).all():
        raise InvalidRequestError(
            f"{where}.time_steps", "expected strictly increasing time steps from 0", Problem.ORDER
        )
    return time_steps

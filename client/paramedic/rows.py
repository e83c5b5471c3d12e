"""Columns that an integration hands over, checked once, so that the service takes them as they are."""

import time
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from paramedic.buffer import MAX_STEP, RowBuffer
from paramedic.drops import Drops
from paramedic.encoding import Block, Columns, Indices, Path, Scalar
from paramedic.names import table_problem
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
)

Given: TypeAlias = Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike | None]]
GivenPaths: TypeAlias = Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike | None]]

MAX_TIME_STEPS = 64
MAX_PATHS = 64

BLOCK_SIGNALS = {
    "gradient_norm": int(TENSOR_SIGNAL_GRADIENT_NORM),
    "weight_norm": int(TENSOR_SIGNAL_WEIGHT_NORM),
    "update_norm": int(TENSOR_SIGNAL_UPDATE_NORM),
    "gradient_zero_share": int(TENSOR_SIGNAL_GRADIENT_ZERO_SHARE),
}
LAYER_SIGNALS = {
    "activation_mean": int(LAYER_SIGNAL_ACTIVATION_MEAN),
    "activation_deviation": int(LAYER_SIGNAL_ACTIVATION_DEVIATION),
    "dead_share": int(LAYER_SIGNAL_DEAD_SHARE),
    "saturated_share": int(LAYER_SIGNAL_SATURATED_SHARE),
    "sample_deviation": int(LAYER_SIGNAL_SAMPLE_DEVIATION),
}


def checked_columns(
    steps: npt.ArrayLike,
    times: npt.ArrayLike,
    scalars: Given,
    blocks: Given,
    layers: Given,
    paths: GivenPaths,
    buffer: RowBuffer,
    drops: Drops,
) -> Columns | None:
    """Copies what is consistent, and counts what is not.

    Args:
        steps: As in `Run.log_rows`, like the others.
        times: Seconds since the Unix epoch.
        scalars: By name.
        blocks: By name of the signal.
        layers: By name of the signal.
        paths: By name of the recurrent layer.
        buffer: Knows the tables and the signals.
        drops: Where losses are counted.

    Returns:
        Columns; None when there are no rows, or their steps cannot be used.
    """
    step_column = np.array(steps)
    count = step_column.size
    if not count:
        return None
    if step_column.ndim != 1 or step_column.dtype.kind not in "iu":
        drops.add("invalid_step", count, f"steps must be integers [n], got {step_column.dtype} {step_column.shape}")
        return None
    step_column = step_column.astype(np.int64)
    if (np.diff(step_column) < 0).any():
        drops.add("step_backwards", count, "steps never decrease, and these rows' do; they are left out")
        return None
    if step_column[-1] > MAX_STEP:
        drops.add("invalid_step", count, f"step {step_column[-1]} is beyond 2^53, and its rows are left out")
        return None
    chosen_scalars = {}
    for name, given in scalars.items():
        try:
            if buffer.accepts_signal(name):
                chosen_scalars[name] = Scalar(*_column(given, np.float64, 1, count))
        except Exception as error:
            drops.add("invalid_value", count, f"{name} is left out: {error}", name[:40])
    chosen_blocks = {}
    for name, given in blocks.items():
        try:
            block = Block(*_column(given, np.float32, 2, count))
            width = block.values.shape[1]
            buffer.ensure_table(width)
            if width != buffer.table_size:
                why = f"{name} is left out: it has {width} tensors, and the tensor table {buffer.table_size}"
                drops.add("wrong_length", count, why, name)
                continue
            chosen_blocks[BLOCK_SIGNALS[name]] = block
        except Exception as error:
            drops.add("invalid_value", count, f"{name} is left out: {error}", str(name)[:40])
    chosen_layers = {}
    for name, given in layers.items():
        try:
            block = Block(*_column(given, np.float32, 2, count))
            if block.values.shape[1] != buffer.probed_layers:
                why = (
                    f"{name} is left out: it has {block.values.shape[1]} layers, and {buffer.probed_layers} are probed"
                )
                drops.add("wrong_length", count, why, name)
                continue
            chosen_layers[LAYER_SIGNALS[name]] = block
        except Exception as error:
            drops.add("invalid_value", count, f"{name} is left out: {error}", str(name)[:40])
    chosen_paths = {}
    for name, path in paths.items():
        try:
            chosen_paths[name] = _path(name, *path, count)
            if len(chosen_paths) > MAX_PATHS:
                raise ValueError(f"expected at most {MAX_PATHS} recurrent layers")
        except Exception as error:
            chosen_paths.pop(name, None)
            drops.add("invalid_value", count, f"the path through {name} is left out: {error}", str(name)[:40])
    return Columns(
        step_column,
        _clock(times, count),
        {name: scalar for name, scalar in chosen_scalars.items() if len(scalar.values)},
        {signal: block for signal, block in chosen_blocks.items() if len(block.values)},
        {signal: block for signal, block in chosen_layers.items() if len(block.values)},
        {name: path for name, path in chosen_paths.items() if len(path.values)},
    )


def _path(name: str, time_steps: Any, values: Any, rows: Any, count: int) -> Path:
    problem = table_problem([name])
    if problem is not None:
        raise ValueError(problem)
    steps = np.array(time_steps)
    ordered = steps.ndim == 1 and 1 <= len(steps) <= MAX_TIME_STEPS and steps.dtype.kind in "iu" and steps[0] == 0
    if not ordered or (np.diff(steps.astype(np.int64)) <= 0).any():
        raise ValueError(f"expected at most {MAX_TIME_STEPS} strictly increasing time steps from 0")
    column, indices = _column((values, rows), np.float32, 2, count)
    if column.shape[1] != len(steps):
        raise ValueError(f"expected one value a time step = {len(steps)}, got {column.shape[1]}")
    return Path(steps.astype(np.uint32), column, indices)


def _column(
    given: tuple[Any, Any], dtype: type[np.floating], dimensions: int, count: int
) -> tuple[Any, Indices | None]:
    values, rows = given
    with np.errstate(all="ignore"):
        column = np.array(values, dtype=dtype)
    if column.ndim != dimensions:
        raise ValueError(f"expected {dimensions} dimensions, got shape {column.shape}")
    if rows is None:
        if len(column) != count:
            raise ValueError(f"expected one value a row = {count}, got {len(column)}")
        return column, None
    indices = np.array(rows)
    if indices.shape != (len(column),) or (indices.size and indices.dtype.kind not in "iu"):
        raise ValueError(f"expected {len(column)} row indices, got {indices.dtype} {indices.shape}")
    if indices.size and (indices[0] < 0 or indices[-1] >= count or (np.diff(indices.astype(np.int64)) <= 0).any()):
        raise ValueError(f"expected strictly increasing row indices below {count}")
    return column, None if len(indices) == count else indices.astype(np.uint32)


def _clock(times: npt.ArrayLike, count: int) -> npt.NDArray[np.float64]:
    """The times as given; now, where the service could not read them."""
    try:
        clock = np.array(times, dtype=np.float64)
    except (TypeError, ValueError):
        clock = np.empty(0)
    if clock.shape != (count,):
        return np.full(count, time.time())
    return np.where((clock >= 0) & (clock < 1e11), clock, time.time())

"""Sequences made to fit a model: cut, padded, windowed; samples of another shape."""

import math
from dataclasses import replace

import numpy as np

from paramedic_service.reproduction.data.samples import Array, DataError, Samples


def truncated(samples: Samples, steps: int) -> Samples:
    """Drops what comes behind a number of steps; of labels a step too."""
    whole = _length(samples)
    return replace(
        samples,
        inputs=tuple(_first(array, steps) for array in samples.inputs),
        held_inputs=tuple(_first(array, steps) for array in samples.held_inputs),
        targets=tuple(_first_labels(array, whole, steps) for array in samples.targets),
        held_targets=tuple(_first_labels(array, whole, steps) for array in samples.held_targets),
    )


def padded(samples: Samples, steps: int) -> Samples:
    """Gives all sequences one length, with zeros behind the shorter ones."""
    return replace(
        samples,
        inputs=tuple(_of_length(array, steps) for array in samples.inputs),
        held_inputs=tuple(_of_length(array, steps) for array in samples.held_inputs),
    )


def windowed(samples: Samples, steps: int) -> Samples:
    """Cuts sequences into windows, each with the target of its sequence; drops shorter ones and what is left over.

    Raises:
        DataError: There are several inputs, or no sequence is as long as a window.
    """
    if len(samples.inputs) > 1:
        raise DataError("data.inputs: several inputs cannot be cut into windows together")
    inputs, targets = _windows(samples.inputs[0], samples.targets, steps)
    held_inputs, held_targets = _windows(samples.held_inputs[0], samples.held_targets, steps)
    return Samples((inputs,), targets, (held_inputs,), held_targets)


def reshaped(samples: Samples, sizes: tuple[int, ...]) -> Samples:
    """Gives every sample other axes.

    Raises:
        DataError: Samples have another number of values.
    """
    for array in samples.inputs:
        if array.dtype == object or math.prod(array.shape[1:]) != math.prod(sizes):
            raise DataError(
                f"data.inputs: samples of shape {list(array.shape[1:])} cannot be reshaped to {list(sizes)}"
            )
    return replace(
        samples,
        inputs=tuple(array.reshape(len(array), *sizes) for array in samples.inputs),
        held_inputs=tuple(array.reshape(len(array), *sizes) for array in samples.held_inputs),
    )


def _length(samples: Samples) -> int:
    """Steps of the first input; 0 where its sequences differ in length."""
    first = samples.inputs[0]
    return first.shape[1] if first.dtype != object and first.ndim > 1 else 0


def _first(array: Array, steps: int) -> Array:
    if array.dtype == object:
        cut = [sequence[:steps] for sequence in array]
        # Those that were longer throughout now have one length, and are an array.
        return _sequences(cut) if min(map(len, cut)) < steps else _of_length(array, steps)
    return array[:, :steps] if array.ndim > 1 else array


def _first_labels(array: Array, whole: int, steps: int) -> Array:
    return array[:, :steps] if array.ndim > 1 and array.shape[1] == whole > steps else array


def _of_length(array: Array, steps: int) -> Array:
    if array.ndim < 2 and array.dtype != object:
        raise DataError("data.inputs: they are no sequences, and cannot be padded")
    first = np.asarray(array[0])
    rest = first.shape[1:] if array.dtype == object else array.shape[2:]
    dtype = np.result_type(first.dtype, np.float32) if array.dtype == object else array.dtype
    filled = np.zeros((len(array), steps, *rest), np.float32 if dtype == np.float64 else dtype)
    for row, sequence in enumerate(array):
        kept = np.asarray(sequence)[:steps]
        filled[row, : len(kept)] = kept
    return filled


def _windows(array: Array, targets: tuple[Array, ...], steps: int) -> tuple[Array, tuple[Array, ...]]:
    if array.ndim < 2 and array.dtype != object:
        raise DataError("data.inputs: they are no sequences, and cannot be cut into windows")
    cuts: list[Array] = []
    rows: list[int] = []
    for row, sequence in enumerate(array):
        values = np.asarray(sequence)
        count = len(values) // steps
        cuts.extend(values[: count * steps].reshape(count, steps, *values.shape[1:]))
        rows.extend([row] * count)
    if not cuts:
        raise DataError(f"data.inputs: no sequence has {steps} steps to cut windows of")
    return np.stack(cuts), tuple(target[rows] for target in targets)


def _sequences(parts: list[Array]) -> Array:
    """Sequences of unequal length as one array of objects."""
    joined = np.empty(len(parts), object)
    joined[:] = parts
    return joined

"""What an arm's patch does to samples."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from paramedic_service.reproduction.data import sequences
from paramedic_service.reproduction.data.labels import class_indices, one_hot
from paramedic_service.reproduction.data.samples import Array, DataError, Samples
from paramedic_service.reproduction.plan.plans import DataOperation

_Pair = tuple[Array, Array]
"""Training and held-out part of one array."""


def transform(samples: Samples, operations: Sequence[DataOperation]) -> Samples:
    """Returns the samples after operations, in their order; held-out samples are changed by the training's statistics.

    Unless sequences are cut into windows there are as many samples afterwards as before, in the same order: arms stay
    comparable batch by batch.

    Raises:
        DataError: An operation makes no sense for these samples, or leaves none.
    """
    for operation in operations:
        match operation.field, operation.word:
            case "inputs", "standardise":
                samples = _with_inputs(samples, _standardised)
            case "inputs", "clean":
                samples = _cleaned(samples)
            case "inputs", "truncate":
                samples = sequences.truncated(samples, int(operation.argument))
            case "inputs", "pad":
                samples = sequences.padded(samples, int(operation.argument))
            case "inputs", "window":
                samples = sequences.windowed(samples, int(operation.argument))
            case "inputs", "reshape":
                samples = sequences.reshaped(samples, tuple(map(int, operation.argument)))
            case "targets", "standardise":
                samples = _with_targets(samples, _standardised)
            case "targets", "encode":
                encoding = str(operation.argument)
                samples = _with_targets(samples, partial(_encoded, encoding))
            case _:
                raise DataError(f"data.{operation.field}: there is no operation {operation.word!r} on it")
    return samples


def _with_inputs(samples: Samples, change: Callable[[Array, Array], _Pair]) -> Samples:
    pairs = [change(*pair) for pair in zip(samples.inputs, samples.held_inputs, strict=True)]
    return replace(samples, inputs=tuple(pair[0] for pair in pairs), held_inputs=tuple(pair[1] for pair in pairs))


def _with_targets(samples: Samples, change: Callable[[Array, Array], _Pair]) -> Samples:
    pairs = [change(*pair) for pair in zip(samples.targets, samples.held_targets, strict=True)]
    return replace(samples, targets=tuple(pair[0] for pair in pairs), held_targets=tuple(pair[1] for pair in pairs))


def _standardised(train: Array, held: Array) -> _Pair:
    """Every feature of the last axis to mean 0 and standard deviation 1, float32; constant ones to 0."""
    if train.dtype == object:
        joined = np.concatenate([np.asarray(sequence) for sequence in train])
        mean, deviation = _moments(joined.reshape(len(joined), -1))
        return _each(train, mean, deviation), _each(held, mean, deviation)
    wide = train.ndim > 1 and train.shape[-1] > 1
    mean, deviation = _moments(train.reshape(-1, train.shape[-1] if wide else 1))
    if not wide:
        mean, deviation = mean[0], deviation[0]
    return _scaled(train, mean, deviation), _scaled(held, mean, deviation)


def _moments(values: Array) -> tuple[Any, Any]:
    """Mean and standard deviation of columns over what is finite; 1 where there is none."""
    numbers = np.where(np.isfinite(values), values, np.nan).astype(np.float64)
    known = np.isfinite(numbers).any(0)
    numbers = np.where(known, numbers, 0.0)
    deviation = np.nanstd(numbers, 0)
    return np.nanmean(numbers, 0), np.where(deviation > 0, deviation, 1.0)


def _scaled(values: Array, mean: Any, deviation: Any) -> Array:
    scaled: Array = ((values - mean) / deviation).astype(np.float32)
    return scaled


def _each(sequences: Array, mean: Any, deviation: Any) -> Array:
    scaled = np.empty(len(sequences), object)
    scaled[:] = [_scaled(np.asarray(sequence), mean, deviation) for sequence in sequences]
    return scaled


def _cleaned(samples: Samples) -> Samples:
    """Puts whole samples in place of those that are not finite; a feature's mean where that leaves less than half."""
    whole = np.ones(samples.count, bool)
    for array in (*samples.inputs, *samples.targets):
        if array.dtype.kind == "f":
            whole &= np.isfinite(array).reshape(len(array), -1).all(1)
    if whole.all():
        return samples
    if 2 * np.count_nonzero(whole) < samples.count:
        return _with_inputs(samples, _imputed)
    rows = np.arange(samples.count)
    rows[~whole] = np.resize(np.flatnonzero(whole), np.count_nonzero(~whole))
    return replace(
        samples,
        inputs=tuple(array[rows] for array in samples.inputs),
        targets=tuple(array[rows] for array in samples.targets),
    )


def _imputed(train: Array, held: Array) -> _Pair:
    if train.dtype.kind != "f":
        return train, held
    mean, _ = _moments(train.reshape(len(train), -1))
    mean = mean.reshape(train.shape[1:]).astype(train.dtype)
    return np.where(np.isfinite(train), train, mean), np.where(np.isfinite(held), held, mean)


def _encoded(encoding: str, train: Array, held: Array) -> _Pair:
    """Labels written down in another way; classes are numbered from 0 in the order of their numbers."""
    if encoding == "continuous":
        return train.astype(np.float32), held.astype(np.float32)
    indices = class_indices(np.concatenate([train, held]))
    if indices is None:
        raise DataError(f"data.targets: they are not labels of exclusive classes, and cannot be encoded as {encoding}")
    classes = int(indices.max()) + 1
    encoded: Array
    match encoding:
        case "one_hot" | "multi_hot":
            encoded = one_hot(indices, classes, np.dtype(np.float32))
        case "binary" if classes > 2:
            raise DataError(f"data.targets: {classes} classes cannot be encoded as binary labels")
        case "binary":
            encoded = indices.astype(np.float32)
        case _:
            encoded = indices
    return encoded[: len(train)], encoded[len(train) :]

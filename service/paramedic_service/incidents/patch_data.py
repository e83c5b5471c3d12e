"""Patches of the data: what its profile looks like after a change."""

import dataclasses
import math
from typing import Any

from paramedic_service.rules.description import ArrayProfile, Data, Description

ENCODINGS = ("integer", "one_hot", "multi_hot", "binary", "continuous")


def change(description: Description, field: str, word: str, argument: Any) -> Description:
    """Changes the profiles of all inputs, or of all targets.

    Raises:
        ValueError: There is no such change, or nothing is known of the data.
    """
    if description.data is None:
        raise ValueError("the data is not known")
    data: Data = description.data
    match field, word, argument:
        case "inputs", "standardise", True:
            data = dataclasses.replace(data, inputs=tuple(map(_standardised, data.inputs)))
        case "inputs", "clean", True:
            inputs = (dataclasses.replace(each, nonfinite=0) for each in data.inputs)
            data = dataclasses.replace(data, inputs=tuple(inputs))
        case "inputs", "truncate", int(steps) if steps > 0 and not isinstance(steps, bool):
            data = dataclasses.replace(data, inputs=tuple(_truncated(each, steps) for each in data.inputs))
        case "inputs", "pad", int(steps) if steps > 0 and not isinstance(steps, bool):
            data = dataclasses.replace(data, inputs=tuple(_of_length(each, steps) for each in data.inputs))
        case "inputs", "window", int(steps) if steps > 0 and not isinstance(steps, bool):
            inputs = (_of_length(each, steps) for each in data.inputs)
            data = dataclasses.replace(data, inputs=tuple(inputs), samples=None)  # a long sequence makes several
        case "inputs", "reshape", [*sizes] if sizes and all(_is_size(size) for size in sizes):
            inputs = (_reshaped(each, tuple(sizes)) for each in data.inputs)
            data = dataclasses.replace(data, inputs=tuple(inputs))
        case "targets", "standardise", True:
            data = dataclasses.replace(data, targets=tuple(map(_standardised, data.targets)))
        case "targets", "encode", str(encoding) if encoding in ENCODINGS:
            data = dataclasses.replace(data, targets=tuple(_encoded(each, encoding) for each in data.targets))
        case _:
            raise ValueError(f"there is no operation {word}: {argument!r} on it")
    return dataclasses.replace(description, data=data)


def _standardised(array: ArrayProfile) -> ArrayProfile:
    """Every feature with mean 0 and standard deviation 1; constant features stay constant."""
    deviation, mean = array.deviation or 1.0, array.mean or 0.0

    def scaled(values: tuple[float, ...]) -> tuple[float, ...]:
        triples = zip(values, array.feature_means, array.feature_deviations, strict=True)
        return tuple((value - centre) / (spread or 1.0) for value, centre, spread in triples)

    return dataclasses.replace(
        array,
        dtype="float32",
        mean=None if array.mean is None else 0.0,
        deviation=None if array.deviation is None else float(array.deviation > 0),
        lowest=None if array.lowest is None else (array.lowest - mean) / deviation,
        highest=None if array.highest is None else (array.highest - mean) / deviation,
        feature_means=(0.0,) * len(array.feature_means),
        feature_deviations=tuple(float(spread > 0) for spread in array.feature_deviations),
        feature_lowest=scaled(array.feature_lowest),
        feature_highest=scaled(array.feature_highest),
        whole_share=None if array.whole_share is None else 0.0,
    )


def _truncated(array: ArrayProfile, steps: int) -> ArrayProfile:
    if array.shortest is not None and array.shortest >= steps:
        return _of_length(array, steps)
    shape = array.shape
    if len(shape) > 1 and shape[1] > steps:
        shape = (shape[0], steps, *shape[2:])
    return dataclasses.replace(
        array,
        shape=shape,
        shortest=None if array.shortest is None else min(array.shortest, steps),
        longest=None if array.longest is None else min(array.longest, steps),
    )


def _of_length(array: ArrayProfile, steps: int) -> ArrayProfile:
    """Sequences of one length; lists of unequal length become an array."""
    if len(array.shape) < 2:
        raise ValueError("the inputs are no sequences")
    return dataclasses.replace(
        array,
        shape=(array.shape[0], steps, *array.shape[2:]),
        dtype="float32" if array.dtype == "object" else array.dtype,
        shortest=None,
        longest=None,
        padding_share=None,
    )


def _reshaped(array: ArrayProfile, sizes: tuple[int, ...]) -> ArrayProfile:
    """Every sample in another shape; what was known of single features is no longer."""
    present = array.shape[1:]
    if -1 not in present and math.prod(present) != math.prod(sizes):
        raise ValueError(f"samples of shape {present} have other than {math.prod(sizes)} values")
    return dataclasses.replace(
        array,
        shape=(*array.shape[:1], *sizes),
        feature_means=(),
        feature_deviations=(),
        feature_lowest=(),
        feature_highest=(),
        padding_share=None,
    )


def _is_size(size: Any) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and size > 0


def _encoded(array: ArrayProfile, encoding: str) -> ArrayProfile:
    shape = array.shape
    if encoding == "one_hot" and array.encoding == "integer" and array.class_counts:
        shape = (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), len(array.class_counts))
    elif encoding == "integer" and array.encoding == "one_hot":
        shape = shape[:-1]
    return dataclasses.replace(array, shape=shape, encoding=encoding)

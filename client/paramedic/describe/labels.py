"""Whether targets are labels, how they are written down, and how often each class occurs."""

from typing import Any

import numpy as np
import numpy.typing as npt

from paramedic.v1.description_pb2 import (
    LABEL_ENCODING_BINARY,
    LABEL_ENCODING_CONTINUOUS,
    LABEL_ENCODING_INTEGER,
    LABEL_ENCODING_MULTI_HOT,
    LABEL_ENCODING_ONE_HOT,
    ArrayProfile,
)

MAX_CLASSES = 1024

_MOST_FLOAT_CLASSES = 100
_LEAST_SAMPLES_A_CLASS = 2
_SUM_TOLERANCE = 1e-3


def describe_labels(profile: ArrayProfile, values: npt.NDArray[Any]) -> None:
    """Adds the encoding of labels and the counts of classes to a profile.

    Args:
        profile: To be filled.
        values: Numbers [samples, ...], at least one.
    """
    if values.ndim > 1 and values.shape[-1] == 1:
        values = values[..., 0]
    numbers = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if numbers.size != values.size:
        profile.encoding = LABEL_ENCODING_CONTINUOUS  # labels have no missing values
    elif values.ndim > 1 and _is_distribution(values):
        profile.encoding = LABEL_ENCODING_ONE_HOT
        _count(profile, np.argmax(values, axis=-1).ravel(), values.shape[-1])
    elif values.ndim > 1 and _is_zero_or_one(values):
        profile.encoding = LABEL_ENCODING_MULTI_HOT
        if values.shape[-1] <= MAX_CLASSES:
            profile.class_counts.extend(values.reshape(-1, values.shape[-1]).sum(axis=0).astype(np.int64).tolist())
    elif _is_zero_or_one(values):
        profile.encoding = LABEL_ENCODING_BINARY
        _count(profile, values.astype(np.int64).ravel(), 2)
    elif _is_class_index(values):
        profile.encoding = LABEL_ENCODING_INTEGER
        indices = values.astype(np.int64).ravel()
        _count(profile, indices, int(indices.max()) + 1)
    else:
        profile.encoding = LABEL_ENCODING_CONTINUOUS


def _count(profile: ArrayProfile, indices: npt.NDArray[np.int64], classes: int) -> None:
    if classes <= MAX_CLASSES:
        profile.class_counts.extend(np.bincount(indices, minlength=classes).tolist())


def _is_distribution(values: npt.NDArray[Any]) -> bool:
    """Whether the last axis is one-hot, or softly so."""
    inside = values.min() >= 0 and values.max() <= 1
    return bool(inside and np.allclose(values.sum(axis=-1), 1.0, atol=_SUM_TOLERANCE))


def _is_zero_or_one(values: npt.NDArray[Any]) -> bool:
    return bool(((values == 0) | (values == 1)).all())


def _is_class_index(values: npt.NDArray[Any]) -> bool:
    """Whether whole numbers are indices of classes rather than quantities.

    Indices begin near 0 and use most of the numbers up to the highest, each of them more than once; and numbers that
    are stored as floats are seldom many classes.
    """
    if values.min() < 0 or not (values == np.floor(values)).all():
        return False
    distinct = np.unique(values)
    most = MAX_CLASSES if values.dtype.kind in "iu" else _MOST_FLOAT_CLASSES
    return bool(
        distinct[0] <= 1
        and len(distinct) <= most
        and 2 * len(distinct) >= distinct[-1] + 1
        and values.size >= _LEAST_SAMPLES_A_CLASS * len(distinct)
    )

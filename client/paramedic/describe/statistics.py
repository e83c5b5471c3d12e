"""What the values of an array are like."""

from typing import Any

import numpy as np
import numpy.typing as npt

from paramedic.v1.description_pb2 import ArrayProfile

MAX_FEATURES = 1024
"""Features that are described one by one; there are no single ones among more."""

_PADDING = 0


def describe_values(profile: ArrayProfile, values: npt.NDArray[Any], *, sequences: bool) -> None:
    """Adds statistics of examined samples to a profile.

    Args:
        profile: To be filled.
        values: Numbers [samples, ...], at least one.
        sequences: Whether the second axis may be time, and its ends padding.
    """
    profile.examined = len(values)
    numbers = values.astype(np.float64)
    finite = np.isfinite(numbers)
    profile.nonfinite = int(numbers.size - np.count_nonzero(finite))
    known = numbers[finite]
    if not known.size:
        return
    profile.mean, profile.deviation = float(known.mean()), float(known.std())
    profile.lowest, profile.highest = float(known.min()), float(known.max())
    profile.whole_share = float(np.mean(known == np.floor(known)))
    if numbers.ndim > 1 and 1 < numbers.shape[-1] <= MAX_FEATURES:
        _describe_features(profile, numbers.reshape(-1, numbers.shape[-1]), finite.reshape(-1, numbers.shape[-1]))
    if sequences and _has_time(values):
        profile.padding_share = _padding_share(values)


def _describe_features(profile: ArrayProfile, numbers: npt.NDArray[np.float64], finite: npt.NDArray[np.bool_]) -> None:
    """Statistics over the last axis: numbers and which of them are finite, [values, features] each."""
    counts = np.maximum(finite.sum(axis=0), 1)
    means = np.where(finite, numbers, 0.0).sum(axis=0) / counts
    deviations = np.sqrt(np.where(finite, np.square(numbers - means), 0.0).sum(axis=0) / counts)
    profile.feature_means.extend(means.tolist())
    profile.feature_deviations.extend(deviations.tolist())
    profile.feature_lowest.extend(np.where(finite, numbers, np.inf).min(axis=0).tolist())
    profile.feature_highest.extend(np.where(finite, numbers, -np.inf).max(axis=0).tolist())


def _has_time(values: npt.NDArray[Any]) -> bool:
    """Whether samples are sequences: of vectors, or of whole numbers such as tokens."""
    return values.ndim == 3 or (values.ndim == 2 and values.shape[1] > 1 and values.dtype.kind in "iu")


def _padding_share(values: npt.NDArray[Any]) -> float:
    """Share of leading or trailing time steps that are zero throughout; of a sequence of zeros, all."""
    blank = (values == _PADDING).reshape(*values.shape[:2], -1).all(axis=2)
    leading = np.where(blank.all(axis=1), blank.shape[1], np.argmin(blank, axis=1))
    trailing = np.where(blank.all(axis=1), 0, np.argmin(blank[:, ::-1], axis=1))
    return float(np.maximum(leading, trailing).mean() / blank.shape[1])

"""What profiles say of values: types and marginals."""

from dataclasses import replace
from typing import Any

import numpy as np

from paramedic_service.reproduction.data.marginals import Marginal, marginal, without_padding
from paramedic_service.rules.description import ArrayProfile

DTYPES = frozenset(
    {"bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64"}
)
"""What arrays may be of; everything else is drawn as float32."""


def dtype_of(profile: ArrayProfile) -> np.dtype[Any]:
    """Type of the values; of each sequence's, where sequences are of unequal length."""
    if profile.dtype == "object" and profile.whole_share == 1:
        return np.dtype("int64")
    return np.dtype(profile.dtype if profile.dtype in DTYPES else "float32")


def marginals_of(profile: ArrayProfile) -> tuple[Marginal, ...]:
    """Marginals of the values that do not pad: one a feature of the last axis, or one for all of them."""
    whole = profile.whole_share == 1
    padding = profile.padding_share or 0.0
    each = profile.feature_means, profile.feature_deviations, profile.feature_lowest, profile.feature_highest
    features = profile.shape[-1] if len(profile.shape) > 1 else 1
    if features > 1 and all(len(values) == features for values in each):
        known = [marginal(*values, whole=whole) for values in zip(*each, strict=True)]
    else:
        known = [marginal(profile.mean, profile.deviation, profile.lowest, profile.highest, whole=whole)]
    return tuple(without_padding(each, padding) for each in known)


def words_of(profile: ArrayProfile) -> Marginal:
    """Marginal of token ids, without the 0 that pads."""
    known = marginal(profile.mean, profile.deviation, profile.lowest, profile.highest, whole=True)
    padding = profile.padding_share or 0.0
    words = without_padding(known, padding)
    return replace(words, lowest=min(max(1.0, words.lowest), words.highest)) if padding else words

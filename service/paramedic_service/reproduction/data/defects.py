"""What is wrong with real inputs: padding, missing values, unequal lengths."""

import numpy as np

from paramedic_service.reproduction.data.samples import Array
from paramedic_service.rules.description import ArrayProfile

_FELT = 8
"""Missing values that are put in at least, where there were as many: few among many might never be trained on."""


def shortened(values: Array, profile: ArrayProfile, generator: np.random.Generator) -> Array:
    """Sequences of the lengths that were reported: padded by zeros behind, or cut to unequal ones.

    Args:
        values: [samples, steps, ...], of full length; padded in place.
        profile: Says which lengths there are.
        generator: For the lengths.

    Returns:
        The same array, or one of dtype object [samples] where that is the profile's type.
    """
    if values.ndim < 2 or not (profile.padding_share or profile.longest):
        return values
    kept = _lengths(profile, values.shape[1], len(values), generator)
    if profile.dtype == "object":
        cut = np.empty(len(values), object)
        cut[:] = [sequence[:length] for sequence, length in zip(values, kept, strict=True)]
        return cut
    values[np.arange(values.shape[1]) >= kept[:, None]] = 0
    return values


def _lengths(profile: ArrayProfile, steps: int, count: int, generator: np.random.Generator) -> Array:
    """How many steps of each sequence are not padding, [samples], at least 1."""
    if profile.shortest is not None and profile.longest is not None:
        low, high = sorted((min(profile.shortest, steps), min(profile.longest, steps)))
    else:
        padded = min(max(profile.padding_share or 0.0, 0.0), 1.0)
        low, high = round(steps * max(0.0, 1 - 2 * padded)), round(steps * min(1.0, 2 - 2 * padded))
    return generator.integers(max(1, low), max(1, high) + 1, count)


def lose(values: Array, profile: ArrayProfile, generator: np.random.Generator) -> None:
    """Makes as large a share of the values NaN as was reported, in place, in as many samples as it takes.

    Args:
        values: [samples, ...]; whole numbers are left alone.
        profile: Says how many were missing among those examined.
        generator: Chooses them.
    """
    if not profile.nonfinite or values.dtype.kind != "f" or not values.size:
        return
    flat = values.reshape(len(values), -1)
    proportional = round(profile.nonfinite / max(1, profile.examined or len(flat)) * len(flat))
    missing = min(max(proportional, min(profile.nonfinite, _FELT)), flat.size)
    if missing <= len(flat):
        rows = generator.choice(len(flat), missing, replace=False)
        flat[rows, generator.integers(0, flat.shape[1], missing)] = np.nan
    else:
        flat[np.unravel_index(generator.choice(flat.size, missing, replace=False), flat.shape)] = np.nan

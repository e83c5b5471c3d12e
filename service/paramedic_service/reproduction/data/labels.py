"""Labels as arrays: from class indices to the encodings that profiles know, and back."""

from typing import Any

import numpy as np

from paramedic_service.reproduction.data.samples import Array


def one_hot(indices: Array, classes: int, dtype: np.dtype[Any]) -> Array:
    """One column a class: [..., classes] of indices [...]."""
    hot = np.zeros((indices.size, classes), dtype)
    hot[np.arange(indices.size), indices.ravel()] = 1
    return hot.reshape(*indices.shape, classes)


def class_indices(targets: Array) -> Array | None:
    """Class indices of exclusive labels, numbered from 0 without gaps; None of other targets.

    Args:
        targets: One-hot columns [..., classes], or whole numbers of any shape, most of which occur more than once.

    Returns:
        [...] of one-hot columns, and of numbers as many dimensions as they have.
    """
    if targets.dtype.kind not in "biuf" or not targets.size:
        return None
    if targets.ndim > 1 and targets.shape[-1] > 1:
        hot = ((targets == 0) | (targets == 1)).all() and (targets.sum(-1) == 1).all()
        if hot:
            return np.asarray(np.argmax(targets, -1))
    if not (np.isfinite(targets).all() and (targets == np.floor(targets)).all()):
        return None
    numbers, indices = np.unique(targets, return_inverse=True)
    return indices.reshape(targets.shape) if 2 * len(numbers) <= targets.size else None

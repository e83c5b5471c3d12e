"""The first batch of a training whose data can only be iterated over, kept as it passes by."""

from typing import Any

import keras
import numpy as np
from keras import ops

MAX_SAMPLES = 256
MAX_VALUES = 1_000_000
"""Numbers kept of one array; fewer samples where they are large."""


class FirstBatch:
    """Samples that the first step sees. Nothing is read from the data for it, so that the training gets all of it."""

    def __init__(self) -> None:
        """Keeps nothing yet."""
        self._kept: Any = None

    def record(self, data: Any) -> None:
        """Keeps the batch, when it is the first. Where some of it is no dense array of numbers, nothing is kept.

        Args:
            data: What the train step is given.
        """
        leaves = keras.tree.flatten(data)
        if self._kept is not None or not leaves or not all(_can_keep(leaf) for leaf in leaves):
            return
        most = min(_most(leaf) for leaf in leaves if leaf is not None)
        # Copied, as generators may write their next batch into the same array.
        self._kept = keras.tree.map_structure(
            lambda leaf: None if leaf is None else np.array(ops.convert_to_numpy(leaf[:most])), data
        )

    def read(self) -> Any:
        """Returns the samples as the step was given them, numpy [samples, ...]; None when there are none yet."""
        return self._kept


def _can_keep(leaf: Any) -> bool:
    if leaf is None:
        return True
    if not isinstance(leaf, np.ndarray) and not ops.is_tensor(leaf):
        return False
    dtype = keras.backend.standardize_dtype(leaf.dtype)
    numeric = dtype == "bool" or keras.backend.is_float_dtype(dtype) or keras.backend.is_int_dtype(dtype)
    return bool(numeric and len(leaf.shape))


def _most(leaf: Any) -> int:
    return int(max(1, min(MAX_SAMPLES, MAX_VALUES // max(1, int(np.prod(leaf.shape[1:]))))))

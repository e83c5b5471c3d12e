"""The samples that a model is probed with: the same ones over a whole fit."""

from typing import Any

import keras
import numpy as np
from keras import ops

PARTS = 4
"""Parts that the samples are divided into to see how much gradients differ."""

MAX_SAMPLES = 32
_LEAST_SAMPLES = 8
"""Fewer than these say little of a layer, even where the training takes fewer at a time."""


def probe_batch(x: Any, y: Any, weights: Any, batch_size: int | None) -> Any:
    """Takes samples spread evenly over arrays.

    Args:
        x: Inputs, [samples, ...] each.
        y: Targets, likewise; None for none.
        weights: Of the samples, likewise; None for none.
        batch_size: Samples that the training takes at a time, which bounds the memory that a probe may take.

    Returns:
        (inputs, targets, weights) as tensors of at most 32 samples; None where there are fewer than two.
    """
    leaves = [leaf for leaf in keras.tree.flatten((x, y, weights)) if leaf is not None]
    count = min(int(leaf.shape[0]) if ops.is_tensor(leaf) else len(leaf) for leaf in leaves)
    wanted = min(MAX_SAMPLES, max(_LEAST_SAMPLES, batch_size or MAX_SAMPLES))
    if count < 2:
        return None
    chosen = np.unique(np.linspace(0, count - 1, min(count, wanted)).astype(np.int64))
    return keras.tree.map_structure(lambda leaf: None if leaf is None else _take(leaf, chosen), (x, y, weights))


def _take(leaf: Any, chosen: Any) -> Any:
    if ops.is_tensor(leaf):
        taken = ops.take(leaf, chosen, axis=0)
    else:
        rows = leaf.iloc[chosen] if hasattr(leaf, "iloc") else leaf[chosen]
        taken = ops.convert_to_tensor(np.asarray(rows))
    # As Keras does with arrays that it is given.
    floating = keras.backend.is_float_dtype(keras.backend.standardize_dtype(taken.dtype))
    return ops.cast(taken, keras.config.floatx()) if floating else taken

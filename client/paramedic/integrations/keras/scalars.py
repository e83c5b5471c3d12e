"""The scalar signals of a train step, as tensors of whatever framework Keras runs on."""

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

LOSS = "loss"
LEARNING_RATE = "learning_rate"


def scalars(loss: Any, learning_rates: Mapping[str, Any], logs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the scalar signals of a step by name.

    Args:
        loss: Of the batch; None when it is not known, and what the step returned has to do.
        learning_rates: By optimizer.
        logs: What the step returned.
    """
    loss = logs.get(LOSS) if loss is None else loss
    found = {} if loss is None else {LOSS: loss}
    for position, (optimizer, rate) in enumerate(learning_rates.items()):
        found[f"{LEARNING_RATE}/{optimizer}" if position else LEARNING_RATE] = rate
    for name, value in logs.items():
        found.setdefault(name, value)
    return {name: value for name, value in found.items() if _is_number(value)}


def _is_number(value: Any) -> bool:
    if not keras.ops.is_tensor(value):
        return isinstance(value, int | float | np.number)
    dtype = keras.backend.standardize_dtype(value.dtype)
    real = dtype == "bool" or keras.backend.is_float_dtype(dtype) or keras.backend.is_int_dtype(dtype)
    return bool(rank(value) == 0 and real)


def rank(tensor: Any) -> int | None:
    """Returns how many dimensions a tensor has; None when TensorFlow does not know."""
    shape = tensor.shape
    known: int | None = shape.rank if hasattr(shape, "rank") else len(shape)
    return known

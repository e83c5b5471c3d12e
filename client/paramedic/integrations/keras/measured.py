"""What is measured of one train step, as tensors of whatever framework Keras runs on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

LOSS = "loss"
LEARNING_RATE = "learning_rate"


@dataclass(slots=True)
class Measured:
    """Tensors of one train step, symbolic while it is traced.

    Attributes:
        loss: Of this batch, before it is scaled; None when no optimizer was asked to scale it.
        learning_rates: By optimizer.
        loss_scales: What the gradients were multiplied by, by optimizer; an optimizer that does not scale is absent.
        tensors: By id of the variable.
    """

    loss: Any = None
    learning_rates: dict[str, Any] = field(default_factory=dict)
    loss_scales: dict[str, Any] = field(default_factory=dict)
    tensors: dict[int, "MeasuredTensor"] = field(default_factory=dict)


@dataclass(slots=True, frozen=True)
class MeasuredTensor:
    """One variable that an optimizer updated.

    Attributes:
        variable: The variable.
        optimizer: Name of the optimizer.
        gradient: Half the squared L2 norm of its gradient, before clipping, times the square of the loss scale.
        weight: Half the squared L2 norm of it before the update.
        update: Half the squared L2 norm of what the update added to it.
    """

    variable: Any
    optimizer: str
    gradient: Any
    weight: Any
    update: Any


def scalars(measured: Measured, logs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the scalar signals of a step by name: the batch's own loss, learning rates, and what Keras reports.

    Args:
        measured: Of the step.
        logs: What the step returned.
    """
    loss = logs.get(LOSS) if measured.loss is None else measured.loss
    found = {} if loss is None else {LOSS: loss}
    for position, (optimizer, rate) in enumerate(measured.learning_rates.items()):
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

"""Whatever a training loop calls a number or a vector, as numpy sees it, without importing any framework."""

from typing import Any

import numpy as np

from paramedic.encoding import Floats

# bool, int, unsigned, float; and the kind under which bfloat16 and its small relatives register themselves.
_NUMERIC_KINDS = "biufV"


def to_float(value: Any) -> float:
    """Converts a number, a numpy scalar or a tensor without dimensions.

    Raises:
        TypeError: It is something else.
        ValueError: It has no value, as a symbolic tensor.
    """
    if isinstance(value, str | bytes | bytearray):  # float() would read numbers out of them
        raise TypeError(f"expected a number, got {type(value).__name__}")
    dimensions = getattr(value, "ndim", 0)
    if dimensions:
        raise TypeError(f"expected a number, got {type(value).__name__} of {dimensions} dimensions")
    if getattr(value, "requires_grad", False):  # torch warns of numbers that still hang on a graph
        value = value.detach()
    return float(value)


def to_vector(value: Any) -> Floats:
    """Converts an array, a sequence of numbers or a tensor of one dimension to float32.

    Raises:
        TypeError: It is something else.
        ValueError: It has no value, or not one dimension.
    """
    detach = getattr(value, "detach", None)
    if detach is not None:  # torch refuses to convert what requires a gradient, or lies on an accelerator
        value = detach().cpu()
    if isinstance(value, list | tuple):
        array = np.array([to_float(element) for element in value], dtype=np.float64)
    else:
        array = np.asarray(value)
    if array.dtype.kind not in _NUMERIC_KINDS:
        raise TypeError(f"expected numbers, got {type(value).__name__} of {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"expected one dimension, got shape {array.shape}")
    with np.errstate(all="ignore"):  # beyond float32 lies infinity, without a word on the user's screen
        return array.astype(np.float32)

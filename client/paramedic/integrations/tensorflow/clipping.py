"""Gradients before the loop's own clipping, where the graph tells."""

import re
from typing import Any

import tensorflow as tf

_CLIPPING = re.compile(r"clip_by_(global_norm|norm|average_norm|value)(_\d+)?")
"""Names under which TensorFlow's clipping functions put their operations."""

_MOST_OPERATIONS = 32


def unclipped(gradient: Any) -> Any:
    """Returns a gradient as it was before TensorFlow's clipping functions; the gradient itself where they left none.

    Args:
        gradient: Tensor, tf.IndexedSlices or None. One that is not symbolic has no history to look at.
    """
    if isinstance(gradient, tf.IndexedSlices):
        values = unclipped(gradient.values)
        return (
            gradient if values is gradient.values else tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
        )
    if not tf.is_tensor(gradient) or not hasattr(gradient, "graph"):
        return gradient
    while _clips(gradient.op):
        source = _source(gradient)
        if source is None:
            break
        gradient = source
    return gradient


def _source(clipped: Any) -> Any:
    """What a clipping function was given; None when that is not plain to see."""
    pending, sources = [clipped.op], []
    seen: set[str] = set()
    while pending and len(seen) < _MOST_OPERATIONS:
        operation = pending.pop()
        if operation.name in seen:
            continue
        seen.add(operation.name)
        for given in operation.inputs:
            if _clips(given.op):
                pending.append(given.op)
            elif given.dtype == clipped.dtype and given.shape.rank and given.shape.is_compatible_with(clipped.shape):
                sources.append(given)
    different = {id(source): source for source in sources}
    return next(iter(different.values())) if len(different) == 1 else None


def _clips(operation: Any) -> bool:
    return any(_CLIPPING.fullmatch(part) for part in operation.name.split("/"))

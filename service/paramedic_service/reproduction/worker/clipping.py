"""Gradient clipping as Keras does it, with bounds that are inputs of the graph: infinite where there is none."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from paramedic_service.reproduction.plan import OptimizerPlan


class Bounds(NamedTuple):
    """Bounds on gradients, float32 scalars.

    Attributes:
        norm: On each gradient's norm.
        value: On each element.
        global_norm: On the norm of all gradients together.
    """

    norm: Any
    value: Any
    global_norm: Any


def bounds_of(optimizer: OptimizerPlan) -> Bounds:
    """The bounds of a plan; as in Keras a bound of zero is none."""
    given = (optimizer.clipnorm, optimizer.clipvalue, optimizer.global_clipnorm)
    return Bounds(*(np.float32(bound or np.inf) for bound in given))


def scales(gradients: Sequence[Any], bounds: Bounds) -> list[Any]:
    """What each gradient is multiplied by to keep the bounds on norms.

    Args:
        gradients: float32, one a tensor.
        bounds: At most one of them finite.
    """
    squares = [tf.reduce_sum(tf.square(gradient)) for gradient in gradients]
    norm = tf.sqrt(tf.add_n(squares))
    # What is not finite makes everything NaN, as in Keras, but only where there is a bound.
    together = tf.where(tf.math.is_inf(bounds.global_norm), 1.0, _scale(norm, bounds.global_norm) + (norm - norm))
    return [together * _scale(tf.sqrt(square), bounds.norm) for square in squares]


def _scale(norm: Any, bound: Any) -> Any:
    return tf.where(tf.math.is_inf(bound), 1.0, bound / tf.maximum(norm, bound))

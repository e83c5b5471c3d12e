"""Bounds on gradients, inputs of the graph: infinite where there is none."""

from typing import Any, NamedTuple

import numpy as np

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

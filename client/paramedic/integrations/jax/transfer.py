"""Brings what steps left from the device to the host, many steps at a time."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_TOGETHER = 64
"""Values that are joined on the device: enough that each costs little, and few enough to be compiled quickly."""

_LONG = 2**16
"""Numbers of a value that is fetched by itself: a copy would cost more than it saves."""


def fetched(values: Sequence[Any]) -> list[Any]:
    """Fetches values, and waits for them.

    Args:
        values: Arrays on the device, or whatever numpy makes arrays of.

    Returns:
        numpy arrays [n, *shape] of one or more values each, in their order.
    """
    if _alike(values):
        return [_joined(values[first : first + _TOGETHER]) for first in range(0, len(values), _TOGETHER)]
    return [np.asarray(value)[None] for value in jax.device_get([of_one_device(value) for value in values])]


def of_one_device(value: Any) -> Any:
    """What the first device of this process has of a value that every device computed."""
    if not isinstance(value, jax.Array) or len(value.sharding.device_set) == 1:
        return value
    data = value.addressable_data(0)
    if value.is_fully_replicated:
        return data
    return data.reshape(data.shape[1:]) if data.shape[:1] == (1,) else data


def _alike(values: Sequence[Any]) -> bool:
    """Whether they are arrays of one shape, on one device."""
    first = values[0]
    if not isinstance(first, jax.Array) or first.size > _LONG or len(first.sharding.device_set) > 1:
        return False
    kinds = {(getattr(value, "shape", None), getattr(value, "sharding", None)) for value in values}
    return kinds == {(first.shape, first.sharding)}


def _joined(values: Sequence[Any]) -> Any:
    # As many each time, so that this is compiled once.
    padding = [values[-1]] * (_TOGETHER - len(values))
    return np.asarray(_stacked([*values, *padding]))[: len(values)]


_stacked = jax.jit(lambda values: jnp.stack(values))

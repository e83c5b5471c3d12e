"""Activation functions, recognised by what they do rather than by how they are written."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from paramedic.describe.jax.graph import Graph, Node, Value
from paramedic.describe.jax.origins import Origins

LINEAR = "linear"
UNKNOWN = "custom"
"""Any function that is none of those below; rules conclude nothing from it."""

_OPERATIONS = """
    abs acos acosh add and asin asinh atan atan2 atanh cbrt ceil clamp convert_element_type copy cos cosh
    custom_jvp_call custom_vjp_call div eq erf erfc erf_inv exp exp2 expm1 floor ge gt integer_pow is_finite le log
    log1p logistic lt max min mul ne neg not or pow reduce_precision rem round rsqrt select_n sign sin sinh sqrt
    square stop_gradient sub tan tanh
"""
_ELEMENTWISE = frozenset(_OPERATIONS.split())
_NAMED: dict[str, Callable[[Any], Any]] = {
    LINEAR: lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "gelu": lambda x: x * _normal(x),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "selu": lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    "softplus": lambda x: np.logaddexp(x, 0),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "relu6": lambda x: np.clip(x, 0, 6),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "hard_silu": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "exponential": np.exp,
}
_RANGE = 8.0
_MOST = 4096
"""Numbers at which functions are compared."""
_TOLERANCE = 2e-3  # the two ways of writing GELU differ by less
_LOW_PRECISION_TOLERANCE = 0.05


def activated(graph: Graph, origins: Origins, value: Value) -> Value | None:
    """Returns what is read of a function that is applied to each number of a value.

    Returns:
        The value itself where that is read, whatever else is made of it; None where several functions of it are.
    """
    inside: set[Node] = set()
    made = {value}
    for node in graph.nodes:
        if node.name not in _ELEMENTWISE or made.isdisjoint(node.inputs) or node.output.shape != value.shape:
            continue
        if all(each in made or _is_number(origins, each) for each in node.inputs):
            inside.add(node)
            made.update(node.outputs)
    read = [each for each in made if each in graph.outputs or any(user not in inside for user in each.users)]
    if value in read:
        return value
    return read[0] if len(read) == 1 else None


def without_factor(origins: Origins, value: Value) -> Value | None:
    """Returns what was multiplied by a constant, or divided by one, to give a value; None where nothing was."""
    node = value.producer
    if node is None or node.name not in ("mul", "div"):
        return None
    read = [each for each in node.inputs if not _is_number(origins, each)]
    return read[0] if len(read) == 1 and read[0].shape == value.shape else None


def named(graph: Graph, functions: Sequence[tuple[Value, Value]]) -> list[str]:
    """Names functions by their values.

    Args:
        graph: The graph.
        functions: What each is applied to, and what it makes of it.
    """

    def values() -> list[Any]:
        grids = [_grid(before) for before, _ in functions]
        made = [graph.derive(after, {before: grid}) for grid, (before, after) in zip(grids, functions, strict=True)]
        return [[_some(each) for each in pair] for pair in zip(grids, made, strict=True)]

    pairs = jax.device_get(jax.jit(values)())
    return [
        _name(np.asarray(x, np.float64), found, before.dtype)
        for (x, found), (before, _) in zip(pairs, functions, strict=True)
    ]


def _grid(value: Value) -> Any:
    # Evenly spread, whatever part of it is looked at. Made by the compiled program: it may be large.
    places = (jnp.arange(math.prod(value.shape), dtype=jnp.float32) * 0.618034) % 1
    return (_RANGE * (2 * places - 1)).astype(value.dtype).reshape(value.shape)


def _some(values: Any) -> Any:
    return values.ravel()[:_MOST].astype(jnp.float32)


def _name(x: npt.NDArray[np.float64], found: npt.NDArray[np.float32], dtype: Any) -> str:
    tolerance = _TOLERANCE if jnp.finfo(dtype).bits >= 32 else _LOW_PRECISION_TOLERANCE
    for name, function in _NAMED.items():
        expected = function(x)
        if np.allclose(found, expected, rtol=tolerance, atol=tolerance):
            return name
    negative = x < 0
    if negative.any() and np.allclose(found[~negative], x[~negative], rtol=tolerance, atol=tolerance):
        slopes = found[negative] / x[negative]
        if 0 < slopes[0] < 1 and np.allclose(slopes, slopes[0], rtol=tolerance, atol=tolerance):
            return "leaky_relu"
    return UNKNOWN


def _normal(x: Any) -> Any:
    return 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))


def _is_number(origins: Origins, value: Value) -> bool:
    """Whether a value is one constant, whatever its shape; what is random is not, even when its key is a constant."""
    while value.producer is not None and value.producer.name in ("broadcast_in_dim", "convert_element_type"):
        value = value.producer.inputs[0]
    return math.prod(value.shape) == 1 and origins.is_constant(value)

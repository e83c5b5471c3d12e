"""The loss, recognised by what it makes of predictions and targets, with the activation of the output layer.

A function of predictions and targets is evaluated on some that are drawn at random, and compared with losses that are
known, up to a factor and an offset: a sum in place of a mean, a penalty on weights. Where nothing fits, nothing is
said.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from paramedic.describe.jax.graph import Graph, Value

_DRAWS = 6
_TOLERANCE = 1e-3
_SPREAD = 1e-6
"""What a loss must change by over the draws, relative to its size, to be recognised at all."""

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class KnownLoss:
    """A loss on the output of a layer.

    Attributes:
        name: In snake case, as Keras calls it.
        from_logits: Whether it takes logits; None where that has no meaning.
        activation: Of the output layer.
    """

    name: str
    from_logits: bool | None
    activation: str


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max(-1, keepdims=True))
    return np.asarray(e / e.sum(-1, keepdims=True))


_ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {
    "linear": lambda x: x,
    "softmax": _softmax,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(x, 0),
}


def _of_classes(x: Array, y: Array) -> Any:
    return -np.take_along_axis(x, y.reshape(*x.shape[:-1], 1).astype(np.int64), -1).mean()


def _log_softmax(x: Array) -> Array:
    x = x - x.max(-1, keepdims=True)
    return np.asarray(x - np.log(np.exp(x).sum(-1, keepdims=True)))


def _binary(x: Array, y: Array) -> Any:
    return (np.logaddexp(x, 0) - x * y.reshape(x.shape)).mean()


# Name, whether it takes logits, which draws of targets it is for, and what it is.
_LOSSES: tuple[tuple[str, bool | None, str, Callable[[Array, Array], Any]], ...] = (
    ("sparse_categorical_crossentropy", True, "classes", lambda x, y: _of_classes(_log_softmax(x), y)),
    ("categorical_crossentropy", True, "one_hot", lambda x, y: -(_log_softmax(x) * y).sum(-1).mean()),
    ("binary_crossentropy", True, "zero_one", _binary),
    ("mean_squared_error", None, "real", lambda x, y: np.square(x - y.reshape(x.shape)).mean()),
    ("mean_absolute_error", None, "real", lambda x, y: np.abs(x - y.reshape(x.shape)).mean()),
    ("huber", None, "real", lambda x, y: _huber(x - y.reshape(x.shape)).mean()),
    ("sparse_categorical_crossentropy", False, "classes", lambda x, y: _of_classes(_log(x), y)),
    ("categorical_crossentropy", False, "one_hot", lambda x, y: -(_log(x) * y).sum(-1).mean()),
    (
        "binary_crossentropy",
        False,
        "zero_one",
        lambda x, y: -np.where(y.reshape(x.shape) > 0, _log(x), _log(1 - x)).mean(),
    ),
)


def _log(x: Array) -> Array:
    return np.asarray(np.log(np.maximum(x, 1e-9)))


def _huber(error: Array) -> Array:
    size = np.abs(error)
    return np.where(size <= 1, 0.5 * size**2, size - 0.5)


def recognise(
    graph: Graph, given: Mapping[Value, Any], output: Value, target: Value, axes: tuple[int, int]
) -> KnownLoss | None:
    """Recognises the loss of the one output of a model.

    Args:
        graph: Of the loss function; its first output is the loss.
        given: Values to compute it from, beside the two below.
        output: Of the last layer, before any activation, the last axis units.
        target: What it is compared with.
        axes: The axes of both that count samples.
    """
    draws = _Draws(output, target)

    def losses(outputs: Any, targets: Any, given: list[Any]) -> Any:
        known = dict(zip(places, given, strict=True))
        return jax.vmap(lambda x, y: graph.derive(graph.outputs[0], known | {output: x, target: y}))(outputs, targets)

    places = list(given)
    compiled = jax.jit(losses)
    wanted: dict[str, Array | None] = {}
    observed: dict[tuple[str, bool], Array] = {}
    for name, from_logits, kind, loss in _LOSSES:
        inside = from_logits is False  # within (0, 1), as probabilities are
        if kind not in wanted:
            wanted[kind] = draws.targets(kind)
        x, y = draws.outputs(inside), wanted[kind]
        if y is None:
            continue
        if (kind, inside) not in observed:
            computed = compiled(jnp.asarray(x, output.dtype), jnp.asarray(y, target.dtype), list(given.values()))
            observed[kind, inside] = np.asarray(computed.astype(jnp.float32), np.float64)
        # A model may keep time before samples where its targets do not.
        x, y = np.moveaxis(x, 1 + axes[0], 1), np.moveaxis(y, 1 + axes[1], 1)
        for activation, function in _ACTIVATIONS.items():
            if (inside and activation != "linear") or (activation == "softmax" and x.shape[-1] == 1):
                continue
            if _fits(observed[kind, inside], np.array([loss(function(a), b) for a, b in zip(x, y, strict=True)])):
                return KnownLoss(name, from_logits, activation)
    return None


class _Draws:
    """Predictions and targets at random, [draws, ...] each."""

    def __init__(self, output: Value, target: Value) -> None:
        self._shape = output.shape
        self._target = target
        self._generator = np.random.default_rng(0)  # its own: the training's random numbers stay where they are
        self._outputs = {
            False: self._generator.normal(scale=2, size=(_DRAWS, *output.shape)),
            True: self._generator.uniform(0.05, 0.95, size=(_DRAWS, *output.shape)),
        }

    def outputs(self, inside: bool) -> Array:
        """Predictions, any or within (0, 1)."""
        return self._outputs[inside]

    def targets(self, kind: str) -> Array | None:
        """Targets of a kind; None where such a target has another shape or dtype."""
        shape, classes = self._target.shape, self._shape[-1] if self._shape else 1
        same = int(np.prod(shape)) == int(np.prod(self._shape))
        real = jnp.issubdtype(self._target.dtype, jnp.floating)
        size = (_DRAWS, *shape)
        if kind == "classes" and classes > 1 and int(np.prod(shape)) * classes == int(np.prod(self._shape)):
            return self._generator.integers(0, classes, size)
        if kind == "one_hot" and classes > 1 and shape == self._shape:
            return np.asarray(np.eye(classes)[self._generator.integers(0, classes, size[:-1])])
        if kind == "zero_one" and same:
            return self._generator.integers(0, 2, size)
        if kind == "real" and same:
            return self._generator.normal(size=size) if real else self._generator.integers(0, 5, size)
        return None


def _fits(observed: Array, expected: Array) -> bool:
    """Whether one is a positive multiple of the other, but for an offset."""
    if not (np.isfinite(observed).all() and np.isfinite(expected).all()):
        return False
    a, b = observed - observed.mean(), expected - expected.mean()
    spread = np.square(b).sum()
    if (
        spread <= (_SPREAD * np.abs(expected).max()) ** 2
        or np.square(a).sum() <= (_SPREAD * np.abs(observed).max()) ** 2
    ):
        return False
    factor = (a * b).sum() / spread
    return bool(factor > 0 and np.abs(a - factor * b).max() <= _TOLERANCE * np.abs(a).max())

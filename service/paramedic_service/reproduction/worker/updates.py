"""Optimizers as pure functions of what they are given, so that a graph can hold a training from end to end.

All trainable tensors lie behind one another in one vector, so that a step takes a handful of operations however many
tensors there are. The numbers of an optimizer are inputs of the graph. What Keras's other optimizers do is not done
element by element; those are asked themselves.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import tensorflow as tf

from paramedic_service.reproduction.worker.gradients import Gradients

Numbers: TypeAlias = Mapping[str, Any]
"""Scalars, float32, by the names of the constructor's arguments."""

Slots: TypeAlias = Sequence[Any]
"""What an optimizer remembers."""


class Step(NamedTuple):
    """What a step is made with.

    Attributes:
        number: From 1, float32.
        rate: Learning rate.
        numbers: Of the optimizer.
        flags: Ways of updating that were chosen.
    """

    number: Any
    rate: Any
    numbers: Numbers
    flags: frozenset[str]


Update: TypeAlias = Callable[[Any, Gradients, Slots, Step], tuple[Any, Slots]]
"""Takes weights [parameters], gradients, slots and the step; returns the new weights and slots."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How an optimizer updates weights.

    Attributes:
        update: One step.
        numbers: Attributes of Keras's optimizer that the update reads.
        flags: Attributes that choose between ways of updating.
        slots: What it remembers of every weight: the number each begins with, or the name of that.
        scalars: What it remembers besides: the number each begins with.
    """

    update: Update
    numbers: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    slots: tuple[float | str, ...] = ()
    scalars: tuple[float, ...] = ()


def _sgd(weights: Any, gradient: Gradients, slots: Slots, step: Step) -> tuple[Any, Slots]:
    momentum = step.numbers["momentum"]
    velocity = slots[0] * momentum - gradient.vector * step.rate
    if "nesterov" in step.flags:
        return weights + (velocity * momentum - gradient.vector * step.rate), (velocity,)
    return weights + velocity, (velocity,)


def _rmsprop(weights: Any, gradient: Gradients, slots: Slots, step: Step) -> tuple[Any, Slots]:
    velocity, momentum, average = slots
    rho = step.numbers["rho"]
    velocity = rho * velocity + (1 - rho) * gradient.square
    denominator = velocity + step.numbers["epsilon"]
    if "centered" in step.flags:
        average = rho * average + (1 - rho) * gradient.vector
        denominator -= tf.square(average)
    momentum = step.numbers["momentum"] * momentum + step.rate * gradient.vector / tf.sqrt(denominator)
    return weights - momentum, (velocity, momentum, average)


def _adam(weights: Any, gradient: Gradients, slots: Slots, step: Step) -> tuple[Any, Slots]:
    mean, square, highest = slots
    first, second = step.numbers["beta_1"], step.numbers["beta_2"]
    scale = step.rate * tf.sqrt(1 - tf.pow(second, step.number)) / (1 - tf.pow(first, step.number))
    mean += (gradient.vector - mean) * (1 - first)
    square += (gradient.square - square) * (1 - second)
    used = square
    if "amsgrad" in step.flags:
        used = highest = tf.maximum(highest, square)
    return weights - mean * scale / (tf.sqrt(used) + step.numbers["epsilon"]), (mean, square, highest)


def _adagrad(weights: Any, gradient: Gradients, slots: Slots, step: Step) -> tuple[Any, Slots]:
    sums = slots[0] + gradient.square
    return weights - step.rate * gradient.vector / tf.sqrt(sums + step.numbers["epsilon"]), (sums,)


def _adadelta(weights: Any, gradient: Gradients, slots: Slots, step: Step) -> tuple[Any, Slots]:
    gradients, changes = slots
    rho, epsilon = step.numbers["rho"], step.numbers["epsilon"]
    gradients = rho * gradients + (1 - rho) * gradient.square
    change = -(tf.sqrt(changes + epsilon) * gradient.vector / tf.sqrt(gradients + epsilon))
    changes = rho * changes + (1 - rho) * tf.square(change)
    return weights + step.rate * change, (gradients, changes)


def _adamax(weights: Any, gradient: Gradients, slots: Slots, step: Step) -> tuple[Any, Slots]:
    mean, highest = slots
    first = step.numbers["beta_1"]
    mean += (gradient.vector - mean) * (1 - first)
    highest = tf.maximum(step.numbers["beta_2"] * highest, gradient.magnitude)
    change = step.rate * mean / ((1 - tf.pow(first, step.number)) * (highest + step.numbers["epsilon"]))
    return weights - change, (mean, highest)


def _nadam(weights: Any, gradient: Gradients, slots: Slots, step: Step) -> tuple[Any, Slots]:
    mean, square, product = slots
    first, second = step.numbers["beta_1"], step.numbers["beta_2"]
    now = first * (1 - 0.5 * tf.pow(0.96, step.number))
    ahead = first * (1 - 0.5 * tf.pow(0.96, step.number + 1))
    product *= now
    mean += (gradient.vector - mean) * (1 - first)
    square += (gradient.square - square) * (1 - second)
    expected = ahead * mean / (1 - product * ahead) + (1 - now) * gradient.vector / (1 - product)
    change = expected * step.rate / (tf.sqrt(square / (1 - tf.pow(second, step.number))) + step.numbers["epsilon"])
    return weights - change, (mean, square, product)


_MOMENTS = ("beta_1", "beta_2", "epsilon")
_ADAM = Rule(_adam, _MOMENTS, ("amsgrad",), (0.0, 0.0, 0.0))

RULES: Mapping[str, Rule] = {
    "sgd": Rule(_sgd, ("momentum",), ("nesterov",), (0.0,)),
    "rmsprop": Rule(_rmsprop, ("rho", "momentum", "epsilon"), ("centered",), (0.0, 0.0, 0.0)),
    "adam": _ADAM,
    "adamw": _ADAM,
    "adagrad": Rule(_adagrad, ("epsilon",), slots=("initial_accumulator_value",)),
    "adadelta": Rule(_adadelta, ("rho", "epsilon"), slots=(0.0, 0.0)),
    "adamax": Rule(_adamax, _MOMENTS, slots=(0.0, 0.0)),
    "nadam": Rule(_nadam, _MOMENTS, slots=(0.0, 0.0), scalars=(1.0,)),
}
"""By the name of Keras's class in lower case."""

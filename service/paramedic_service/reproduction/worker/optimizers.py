"""The optimizer of a program: a pure function, with the numbers of its arms as inputs."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Protocol

import keras
import numpy as np
import tensorflow as tf

from paramedic_service.reproduction.plan import OptimizerPlan, SpecError
from paramedic_service.reproduction.worker.gradients import Gradients
from paramedic_service.reproduction.worker.layout import Layout
from paramedic_service.reproduction.worker.updates import RULES, Numbers, Slots, Step

WEIGHT_DECAY = "weight_decay"

_CLASSES: Mapping[str, Callable[..., Any]] = {
    "adadelta": keras.optimizers.Adadelta,
    "adafactor": keras.optimizers.Adafactor,
    "adagrad": keras.optimizers.Adagrad,
    "adam": keras.optimizers.Adam,
    "adamax": keras.optimizers.Adamax,
    "adamw": keras.optimizers.AdamW,
    "ftrl": keras.optimizers.Ftrl,
    "lamb": keras.optimizers.Lamb,
    "lion": keras.optimizers.Lion,
    "muon": keras.optimizers.Muon,
    "nadam": keras.optimizers.Nadam,
    "rmsprop": keras.optimizers.RMSprop,
    "schedulefreeadamw": keras.optimizers.ScheduleFreeAdamW,
    "sgd": keras.optimizers.SGD,
}

_SCHEDULES: Mapping[str, Callable[..., Any]] = {
    "CosineDecay": keras.optimizers.schedules.CosineDecay,
    "CosineDecayRestarts": keras.optimizers.schedules.CosineDecayRestarts,
    "ExponentialDecay": keras.optimizers.schedules.ExponentialDecay,
    "InverseTimeDecay": keras.optimizers.schedules.InverseTimeDecay,
    "PiecewiseConstantDecay": keras.optimizers.schedules.PiecewiseConstantDecay,
    "PolynomialDecay": keras.optimizers.schedules.PolynomialDecay,
}

# Of the configuration of an optimizer of Keras: what is no part of a program.
_INPUTS = frozenset({"name", "learning_rate", "clipnorm", "clipvalue", "global_clipnorm", WEIGHT_DECAY})

# What these do to a training is not in its graph.
_UNSUPPORTED = ("gradient_accumulation_steps", "ema_overwrite_frequency")


def keras_optimizer(plan: OptimizerPlan) -> Any:
    """Makes Keras's own optimizer of a plan, which tells defaults and describes itself.

    Raises:
        SpecError: It does what a reproduction cannot.
    """
    for name in _UNSUPPORTED:
        if plan.arguments.get(name):
            raise SpecError(f"description.optimizer.settings.{name}", "reproductions train without it; leave it out")
    return _CLASSES[plan.name](
        learning_rate=learning_rate(plan),
        clipnorm=plan.clipnorm,
        clipvalue=plan.clipvalue,
        global_clipnorm=plan.global_clipnorm,
        **plan.arguments,
    )


def learning_rate(plan: OptimizerPlan) -> Any:
    """The learning rate of a plan: a number, or a keras.optimizers.schedules.LearningRateSchedule."""
    if plan.schedule is None:
        return plan.learning_rate
    return _SCHEDULES[plan.schedule.kind](**plan.schedule.arguments)


class Optimizer(Protocol):
    """The optimizer of one arm; its update serves every arm whose optimizer has the same `key_of`."""

    @property
    def numbers(self) -> Mapping[str, np.float32]:
        """Of this arm, inputs of the update."""

    def begin(self, weights: Any) -> tuple[Any, ...]:
        """What it remembers before the first step, of weights [parameters]."""

    def update(
        self, weights: Any, gradients: Gradients, slots: Slots, rate: Any, step: Any, numbers: Numbers
    ) -> tuple[Any, Slots]:
        """One step in a graph.

        Args:
            weights: float32 [parameters].
            gradients: Clipped.
            slots: What it remembers.
            rate: Learning rate of the step.
            step: From 1, float32.
            numbers: Of the arm.

        Returns:
            The new weights and slots.
        """


def key_of(optimizer: Any) -> Hashable:
    """Equal for optimizers of Keras whose update is the same but for its numbers."""
    rule = RULES.get(_name(optimizer))
    if rule is not None:
        return rule.update.__name__, _flags(optimizer), bool(optimizer.weight_decay)
    config = {name: value for name, value in optimizer.get_config().items() if name not in _INPUTS}
    return _name(optimizer), repr(sorted(config.items())), bool(optimizer.weight_decay)


def functional(optimizer: Any, variables: Sequence[Any], layout: Layout) -> Optimizer:
    """Returns the function that does what an optimizer of Keras does.

    Args:
        optimizer: It, not yet built.
        variables: What it updates.
        layout: Of these.
    """
    if _name(optimizer) in RULES:
        return _Elementwise(optimizer)
    return _AskedOfKeras(optimizer, variables, layout)


class _Elementwise:
    """An optimizer that treats every weight by itself."""

    def __init__(self, optimizer: Any) -> None:
        rule = RULES[_name(optimizer)]
        self.numbers = {name: np.float32(getattr(optimizer, name)) for name in rule.numbers}
        self.numbers[WEIGHT_DECAY] = np.float32(optimizer.weight_decay or 0)
        self._rule, self._flags, self._decays = rule, _flags(optimizer), bool(optimizer.weight_decay)
        self._begin = [getattr(optimizer, slot) if isinstance(slot, str) else slot for slot in rule.slots]

    def begin(self, weights: Any) -> tuple[Any, ...]:
        slots = [tf.fill(weights.shape, tf.constant(value, tf.float32)) for value in self._begin]
        return (*slots, *(tf.constant(value, tf.float32) for value in self._rule.scalars))

    def update(
        self, weights: Any, gradients: Gradients, slots: Slots, rate: Any, step: Any, numbers: Numbers
    ) -> tuple[Any, Slots]:
        if self._decays:
            weights = _decayed(weights, rate, numbers)
        return self._rule.update(weights, gradients, slots, Step(step, rate, numbers, self._flags))


class _AskedOfKeras:
    """An optimizer of Keras, made to compute instead of to assign; most of its numbers are part of the program."""

    def __init__(self, optimizer: Any, variables: Sequence[Any], layout: Layout) -> None:
        self.numbers = {WEIGHT_DECAY: np.float32(optimizer.weight_decay or 0)}
        self._decays = bool(optimizer.weight_decay)
        self._optimizer, self._variables, self._layout = optimizer, list(variables), layout
        optimizer.build(self._variables)
        # TensorFlow's optimizers write to resources and know variables by these; in a stateless scope there are none,
        # and variables take what is assigned.
        places = {id(variable): place for place, variable in enumerate(self._variables)}
        optimizer._get_variable_index = lambda variable: places[id(variable)]
        optimizer.assign = lambda variable, value: variable.assign(value)
        optimizer.assign_add = lambda variable, value: variable.assign(variable + value)
        optimizer.assign_sub = lambda variable, value: variable.assign(variable - value)
        self._slots = [variable for variable in optimizer.variables if variable is not optimizer.iterations]

    def begin(self, weights: Any) -> tuple[Any, ...]:
        return tuple(tf.convert_to_tensor(slot.value) for slot in self._slots)

    def update(
        self, weights: Any, gradients: Gradients, slots: Slots, rate: Any, step: Any, numbers: Numbers
    ) -> tuple[Any, Slots]:
        if self._decays:
            weights = _decayed(weights, rate, numbers)
        iterations = self._optimizer.iterations
        state = [
            *zip(self._variables, self._layout.tensors(weights), strict=True),
            *zip(self._slots, slots, strict=True),
            (iterations, tf.cast(step - 1, iterations.dtype)),
        ]
        with keras.StatelessScope(state_mapping=state):
            for part, variable in zip(gradients.dense, self._variables, strict=True):
                self._optimizer.update_step(part, variable, rate)
            after = [tf.convert_to_tensor(variable.value) for variable in self._variables]
            kept = tuple(tf.convert_to_tensor(slot.value) for slot in self._slots)
        return self._layout.join(after), kept


def _decayed(weights: Any, rate: Any, numbers: Numbers) -> Any:
    return weights - weights * numbers[WEIGHT_DECAY] * rate


def _flags(optimizer: Any) -> frozenset[str]:
    return frozenset(flag for flag in RULES[_name(optimizer)].flags if getattr(optimizer, flag))


def _name(optimizer: Any) -> str:
    return type(optimizer).__name__.lower()

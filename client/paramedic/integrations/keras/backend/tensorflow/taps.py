"""Where a train step hands its loss and gradients to an optimizer, and what is measured there."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import tensorflow as tf

from paramedic.integrations.keras.backend.tensorflow.replicas import is_first, summed


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


class Taps:
    """Stands between a model's train step and its optimizers while a step is traced, or runs eagerly.

    At any other time the optimizers are as their author made them, whatever the training does with them: copying,
    pickling and saving see nothing of this.
    """

    def __init__(self, optimizers: Mapping[str, Any], on_problem: Callable[[Exception], None]) -> None:
        """Prepares the taps.

        Args:
            optimizers: By name.
            on_problem: Told of what goes wrong in here, which the training never sees.
        """
        self._on_problem = on_problem
        self._step = _Step()
        self._inserted = 0
        self._patches = [
            (vars(optimizer), self._tap_apply(name, optimizer), self._tap_loss(optimizer))
            for name, optimizer in optimizers.items()
        ]

    @property
    def measured(self) -> Measured:
        """What was measured in this replica's step."""
        return self._step.measured

    def begin_step(self) -> None:
        """Forgets the step before; what follows belongs to a new one."""
        self._step.measured = Measured()
        self._step.graph = tf.compat.v1.get_default_graph()

    def insert(self) -> None:
        """Puts the taps in; steps of several replicas put them in together."""
        self._inserted += 1
        for attributes, apply, scale_loss in self._patches:
            attributes["apply"] = apply
            attributes["scale_loss"] = scale_loss

    def remove(self) -> None:
        """Takes the taps out, once every step is done."""
        self._inserted -= 1
        if self._inserted:
            return
        for attributes, _, _ in self._patches:
            attributes.pop("apply", None)
            attributes.pop("scale_loss", None)

    def _tap_loss(self, optimizer: Any) -> Callable[[Any], Any]:
        original = optimizer.scale_loss

        def scale_loss(loss: Any) -> Any:
            if self._reachable():
                self.measured.loss = loss
            return original(loss)

        return scale_loss

    def _tap_apply(self, name: str, optimizer: Any) -> Callable[..., Any]:
        original = optimizer.apply

        def apply(grads: Any, trainable_variables: Any = None) -> Any:
            if not self._reachable():
                return original(grads, trainable_variables)
            grads = list(grads)  # either may be an iterator, and is read twice
            if trainable_variables is not None:
                trainable_variables = list(trainable_variables)
            before = None
            try:
                before = self._before(name, optimizer, grads, trainable_variables)
            except Exception as problem:
                self._on_problem(problem)
            result = original(grads, trainable_variables)
            if before is not None:
                try:
                    self._after(name, before)
                except Exception as problem:
                    self._on_problem(problem)
            return result

        return apply

    def _reachable(self) -> bool:
        # What is computed inside a branch or a loop of its own cannot be read from the step around it.
        return tf.compat.v1.get_default_graph() is self._step.graph

    def _before(
        self, name: str, optimizer: Any, grads: list[Any], trainable_variables: list[Any] | None
    ) -> list[tuple[Any, Any, Any]]:
        """Measures what an update starts from: (variable, half the squared gradient norm, weights) of each."""
        if trainable_variables is None:
            trainable_variables = optimizer._trainable_variables
        # Both are read now, before the update moves what they depend on.
        self.measured.learning_rates[name] = tf.convert_to_tensor(optimizer.learning_rate)
        scale = loss_scale(optimizer)
        if scale is not None:
            self.measured.loss_scales[name] = scale
        grads = summed(grads)
        if not is_first():
            return []
        return [
            (variable, half_square(gradient), read(variable))
            for gradient, variable in zip(grads, trainable_variables, strict=True)
            if not getattr(variable, "overwrite_with_gradient", False)  # its "gradient" is its next value
        ]

    def _after(self, name: str, before: list[tuple[Any, Any, Any]]) -> None:
        for variable, gradient, weight in before:
            update = read(variable) - weight
            self.measured.tensors[id(variable)] = MeasuredTensor(
                variable, name, gradient, half_square(weight), half_square(update)
            )


class _Step(threading.local):
    """The step that is being traced; every replica's has a thread of its own."""

    def __init__(self) -> None:
        self.measured = Measured()
        self.graph: Any = None


def loss_scale(optimizer: Any) -> Any:
    """Returns what an optimizer multiplies the loss by; None where it does not."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return read(optimizer.dynamic_scale) if optimizer.built else optimizer.initial_scale
    return optimizer.loss_scale_factor


def read(variable: Any) -> Any:
    """Reads a variable of Keras or TensorFlow, in the graph that is being built or at once."""
    resource = variable.value if isinstance(variable, keras.Variable) else variable
    return tf.raw_ops.ReadVariableOp(resource=resource.handle, dtype=resource.dtype)


def half_square(tensor: Any) -> Any:
    """Half the squared L2 norm, float32: the one operation that reads a tensor once and leaves a number.

    A variable that the loss does not depend on has no gradient, which is to say zero. Slices of a gradient are summed
    into a whole one first, since the same row may stand in several of them.
    """
    if tensor is None:
        return tf.zeros([], tf.float32)
    return tf.raw_ops.L2Loss(t=tf.cast(tf.convert_to_tensor(tensor), tf.float32))

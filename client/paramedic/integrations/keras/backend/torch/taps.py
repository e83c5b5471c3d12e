"""Where a train step hands its loss and gradients to an optimizer, and what is measured there."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import torch

from paramedic.integrations.cadence import FIRST
from paramedic.integrations.torch.norms import Norms, Place

SAMPLED = 8
"""After the first ones, every so many steps weights and updates are measured: this takes longer than the gradients do,
and what it measures changes slowly."""


class Taps:
    """Stands between a model's train step and its optimizers while a step runs.

    At any other time the optimizers are as their author made them.

    Attributes:
        loss: Of the last step, before it is scaled; None when no optimizer was asked to scale it.
        learning_rates: Of the last step, by optimizer.
        updated: Variables that optimizers were given so far, by id, each with the name of the optimizer.
        known: Those that are measured, likewise.
        norms: Measures them; None before it is known what.
    """

    def __init__(self, optimizers: Mapping[str, Any], on_problem: Callable[[Exception], None]) -> None:
        """Prepares the taps.

        Args:
            optimizers: By name.
            on_problem: Told of what goes wrong in here, which the training never sees.
        """
        self.loss: Any = None
        self.learning_rates: dict[str, Any] = {}
        self.updated: dict[int, tuple[Any, str]] = {}
        self.known: dict[int, tuple[Any, str]] = {}
        self.norms: Norms | None = None
        self._optimizers = dict(optimizers)
        self._names = list(optimizers)
        self._on_problem = on_problem
        self._sampled = False
        self._patches = [
            (vars(optimizer), self._tap_apply(name, optimizer), self._tap_loss(optimizer))
            for name, optimizer in optimizers.items()
        ]

    def prepare(self) -> None:
        """Measures from here on what optimizers were given, or else what they were built for."""
        known = dict(self.updated)
        for name, optimizer in self._optimizers.items():
            for variable in optimizer._trainable_variables if optimizer.built else []:
                known.setdefault(id(variable), (variable, name))
        places: dict[Place, list[Any]] = {}
        for variable, name in known.values():
            value = variable.value
            places.setdefault(Place(self._names.index(name), value.device, value.dtype), []).append(value)
        self.known = known
        if self.norms is None or not self.norms.serves(places):
            self.norms = Norms(places)

    def begin_step(self, step: int) -> None:
        """Forgets the step before; what follows belongs to a new one.

        Args:
            step: How many steps there were before.
        """
        self.loss = None
        self.learning_rates = {}
        self._sampled = step < FIRST or step % SAMPLED == 0

    def insert(self) -> None:
        """Puts the taps in."""
        for attributes, apply, scale_loss in self._patches:
            attributes["apply"] = apply
            attributes["scale_loss"] = scale_loss

    def remove(self) -> None:
        """Takes the taps out."""
        for attributes, _, _ in self._patches:
            attributes.pop("apply", None)
            attributes.pop("scale_loss", None)

    def _tap_loss(self, optimizer: Any) -> Callable[[Any], Any]:
        original = optimizer.scale_loss

        def scale_loss(loss: Any) -> Any:
            self.loss = loss.detach() if isinstance(loss, torch.Tensor) else None
            return original(loss)

        return scale_loss

    def _tap_apply(self, name: str, optimizer: Any) -> Callable[..., Any]:
        original = optimizer.apply

        def apply(grads: Any, trainable_variables: Any = None) -> Any:
            if trainable_variables is not None:
                trainable_variables = list(trainable_variables)  # it may be an iterator, and is read twice
            try:
                self._before(name, optimizer, trainable_variables)
            except Exception as problem:
                self._on_problem(problem)
            result = original(grads, trainable_variables)
            try:
                if self.norms is not None:
                    self.norms.updated(self._names.index(name))
            except Exception as problem:
                self._on_problem(problem)
            return result

        return apply

    def _before(self, name: str, optimizer: Any, trainable_variables: list[Any] | None) -> None:
        self.learning_rates[name] = keras.ops.convert_to_tensor(optimizer.learning_rate)
        for variable in optimizer._trainable_variables if trainable_variables is None else trainable_variables:
            self.updated.setdefault(id(variable), (variable, name))
        if self.norms is not None:
            self.norms.measure_gradients(_loss_scale(optimizer))
            if self._sampled:
                self.norms.remember(self._names.index(name))


def _loss_scale(optimizer: Any) -> Any:
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return optimizer.dynamic_scale.value if optimizer.built else torch.tensor(float(optimizer.initial_scale))
    factor = optimizer.loss_scale_factor
    return None if factor is None else torch.tensor(float(factor))

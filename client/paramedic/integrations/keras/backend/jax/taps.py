"""Where a train step hands its loss and gradients to an optimizer, and what is measured there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import keras

from paramedic.integrations.jax.measurements import squared_norm, wide


@dataclass(slots=True)
class Measured:
    """Arrays of one train step, tracers while it is traced.

    Attributes:
        loss: Of this batch, before it is scaled; None when the step is not Keras's own.
        learning_rates: By optimizer.
        loss_scales: What the gradients were multiplied by, by optimizer; an optimizer that does not scale is absent.
        norms: By optimizer: of the gradients, the weights before the update and what the update added,
            float32 [3 * variables].
        variables: By optimizer, in that order.
    """

    loss: Any = None
    learning_rates: dict[str, Any] = field(default_factory=dict)
    loss_scales: dict[str, Any] = field(default_factory=dict)
    norms: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, list[Any]] = field(default_factory=dict)


class Taps:
    """Stands between a model's train step and its optimizers while a step is traced, or runs eagerly.

    At any other time model and optimizers are as their author made them.
    """

    def __init__(self, model: Any, optimizers: Mapping[str, Any], on_problem: Callable[[Exception], None]) -> None:
        """Prepares the taps.

        Args:
            model: The keras.Model.
            optimizers: Its optimizers by name.
            on_problem: Told of what goes wrong in here, which the training never sees.
        """
        self.measured = Measured()
        self._on_problem = on_problem
        self._trace: Any = None
        # Inside of what is differentiated the loss cannot be kept; this is where it comes out.
        self._patches = [(vars(model), "_update_metrics_variables", self._tap_metrics(model))]
        self._patches += [
            (vars(optimizer), "stateless_apply", self._tap_apply(name, optimizer))
            for name, optimizer in optimizers.items()
        ]

    def begin_step(self) -> None:
        """Forgets the step before; what follows belongs to a new one."""
        self.measured = Measured()
        self._trace = trace()

    def insert(self) -> None:
        """Puts the taps in."""
        for attributes, name, tap in self._patches:
            attributes[name] = tap

    def remove(self) -> None:
        """Takes the taps out."""
        for attributes, name, _ in self._patches:
            attributes.pop(name, None)

    def _tap_metrics(self, model: Any) -> Callable[..., Any]:
        original = model._update_metrics_variables

        def update_metrics_variables(metrics_variables: Any, unscaled_loss: Any, *args: Any, **kwargs: Any) -> Any:
            if self._reachable():
                self.measured.loss = unscaled_loss
            return original(metrics_variables, unscaled_loss, *args, **kwargs)

        return update_metrics_variables

    def _tap_apply(self, name: str, optimizer: Any) -> Callable[..., Any]:
        original = optimizer.stateless_apply

        def stateless_apply(optimizer_variables: Any, grads: Any, trainable_variables: Any) -> Any:
            if not self._reachable():
                return original(optimizer_variables, grads, trainable_variables)
            result = original(optimizer_variables, grads, trainable_variables)
            try:
                self._measure(name, optimizer, optimizer_variables, grads, trainable_variables, result[0])
            except Exception as problem:
                self._on_problem(problem)
            return result

        return stateless_apply

    def _reachable(self) -> bool:
        # What is computed inside a branch or a loop of its own cannot be read from the step around it.
        return bool(trace() == self._trace)

    def _measure(self, name: str, optimizer: Any, state: Any, gradients: Any, before: Any, after: Any) -> None:
        measured = self.measured
        numbers = [(variable, value) for variable, value in zip(optimizer.variables, state, strict=True)]
        with keras.StatelessScope([(variable, value) for variable, value in numbers if variable.shape == ()]):
            measured.learning_rates[name] = keras.ops.convert_to_tensor(optimizer.learning_rate)
            scale = _loss_scale(optimizer)
        if scale is not None:
            measured.loss_scales[name] = scale
        chosen = [
            (variable, values)
            for variable, *values in zip(optimizer._trainable_variables, gradients, before, after, strict=True)
            if not getattr(variable, "overwrite_with_gradient", False)  # its "gradient" is its next value
        ]
        if chosen:
            measured.variables[name] = [variable for variable, _ in chosen]
            measured.norms[name] = _norms([values for _, values in chosen], _clips(optimizer))


def trace() -> Any:
    """Returns what tells one trace from another: a function that is traced, differentiated or looped over."""
    return jax.core.get_opaque_trace_state(convention="flax")


def _loss_scale(optimizer: Any) -> Any:
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return optimizer.dynamic_scale.value
    return optimizer.loss_scale_factor


def _clips(optimizer: Any) -> bool:
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return bool(inner.global_clipnorm or inner.clipnorm)


def _measured(tensors: Sequence[Sequence[Any]], shared: bool) -> Any:
    """The norms of all gradients, all weights and all updates, float32 [3 * tensors].

    Args:
        tensors: Gradient, weight before and weight after of each.
        shared: Whether the step itself takes the norms of gradients.
    """
    # Without a barrier the compiler may fuse this with the step's own arithmetic, and round that in another way. Where
    # the step has the same sums, it is with one that it may add up in another order: they are to be one and the same.
    behind = jax.lax.optimization_barrier([(old, new) for _, old, new in tensors])
    gradients = [gradient for gradient, _, _ in tensors]
    if not shared:
        gradients, behind = jax.lax.optimization_barrier((gradients, behind))
    zero = jnp.zeros((), jnp.float32)
    # A variable that the loss does not depend on may have no gradient, which is to say zero.
    square = _shared_square if shared else squared_norm
    squares = [zero if gradient is None else square(wide(gradient)) for gradient in gradients]
    squares += [squared_norm(wide(old)) for old, _ in behind]
    squares += [squared_norm(wide(new) - wide(old)) for old, new in behind]
    return jnp.sqrt(jnp.stack(squares))


def _shared_square(gradient: Any) -> Any:
    return jnp.sum(jnp.square(gradient))  # as Keras writes it


_norms = jax.jit(_measured, static_argnums=1)

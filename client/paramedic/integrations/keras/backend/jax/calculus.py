"""How JAX differentiates a model, and that doing so changes nothing."""

from collections.abc import Callable
from typing import Any

import jax

from paramedic.integrations.keras.backend.jax.taps import trace
from paramedic.integrations.keras.harmless import HarmfulError


def differentiated(function: Callable[[Any], tuple[Any, Any]], free: Any) -> tuple[Any, Any]:
    """Returns the gradient of a function's first result by nested arrays, and its second result."""
    gradient, rest = jax.grad(function, has_aux=True)(free)
    return gradient, rest


def outlined(function: Callable[[Any], Any], argument: Any) -> None:
    """Calls a function for its side effects, computing nothing."""
    jax.eval_shape(function, argument)


def place() -> Any:
    """Returns what tells apart where tensors can be used."""
    return trace()


def constant(tensor: Any) -> Any:
    """Returns a tensor that nothing is differentiated through."""
    return jax.lax.stop_gradient(tensor)


def harmless(model: Any, function: Callable[..., Any], argument: Any) -> Callable[..., Any]:  # noqa: ARG001
    """Compiles a function of a model's weights.

    It cannot change what it is given; and what the layers would assign to variables, it leaves alone.

    Args:
        model: A keras.Model, built.
        function: Traced once.
        argument: Nested arrays, which the compiled function takes again with other numbers.

    Returns:
        A compiled function of one argument like that.

    Raises:
        HarmfulError: Running it would have effects, such as a callback to the host.
        Exception: Whatever tracing it raises; the model is as it was.
    """
    traced = jax.jit(function).trace(argument)
    if traced.jaxpr.effects:
        raise HarmfulError(f"the model has operations with effects: {traced.jaxpr.effects}")
    compiled: Callable[..., Any] = traced.lower().compile()
    return compiled

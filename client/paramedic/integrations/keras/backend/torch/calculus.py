"""How torch differentiates a model."""

from collections.abc import Callable
from typing import Any

import keras
import torch


def differentiated(function: Callable[[Any], tuple[Any, Any]], free: Any) -> tuple[Any, Any]:
    """Returns the gradient of a function's first result by nested tensors, None for one without, and its second."""
    leaves = [leaf.detach().requires_grad_() for leaf in keras.tree.flatten(free)]
    with torch.enable_grad():
        value, rest = function(keras.tree.pack_sequence_as(free, leaves))
        gradients = torch.autograd.grad(value, leaves, allow_unused=True)
    return keras.tree.pack_sequence_as(free, list(gradients)), rest


def outlined(function: Callable[[Any], Any], argument: Any) -> None:
    """Calls a function for its side effects, without what a gradient would need."""
    with torch.no_grad():
        function(argument)


def place() -> Any:
    """Returns what tells apart where tensors can be used: everywhere."""
    return None


def constant(tensor: Any) -> Any:
    """Returns a tensor that nothing is differentiated through."""
    return tensor.detach()

"""Where a forward pass enters a model."""

from typing import Any

from torch import nn


def entrances(model: Any) -> list[Any]:
    """Returns the modules whose calls begin a forward pass: the model, or its parts where only those are called.

    Args:
        model: A torch.nn.Module.
    """
    forward = getattr(type(model), "forward", None)
    if forward is not getattr(nn.Module, "forward", None):
        return [model]
    return [entrance for child in model.children() for entrance in entrances(child)]

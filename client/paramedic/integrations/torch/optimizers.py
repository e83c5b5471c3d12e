"""The optimizers that a loop is watched with."""

import itertools
from collections.abc import Sequence
from typing import Any

import torch


def optimizers_of(given: Any) -> tuple[Any, ...]:
    """Returns optimizers as torch made them, whatever wraps them.

    Args:
        given: A torch.optim.Optimizer, or a sequence of several.

    Raises:
        TypeError: There is none, or it is of another kind.
    """
    optimizers = []
    for optimizer in given if isinstance(given, list | tuple) else [given]:
        while isinstance(getattr(optimizer, "optimizer", None), torch.optim.Optimizer):
            optimizer = optimizer.optimizer  # what accelerators of training wrap theirs in
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise TypeError(f"optimizer: expected a torch.optim.Optimizer, or several, got {type(optimizer).__name__}")
        optimizers.append(optimizer)
    if not optimizers:
        raise TypeError("optimizer: expected a torch.optim.Optimizer, or several, got none")
    return tuple(optimizers)


def rate_names(optimizers: Sequence[Any]) -> list[list[str]]:
    """Names of the signals of the learning rates: by optimizer, one a group of its parameters."""
    numbers = itertools.count()
    return [
        [f"learning_rate/{n}" if (n := next(numbers)) else "learning_rate" for _ in optimizer.param_groups]
        for optimizer in optimizers
    ]

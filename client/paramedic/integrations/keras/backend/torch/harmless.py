"""Calling a model beside its training, where what it changes is changed back."""

import contextlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch


def harmless(model: Any, function: Callable[..., Any], _argument: Any) -> Callable[..., Any]:
    """Keeps what a function of a model does from being noticed.

    Keras's variables are shielded by the function. What else a layer may have moved is put back: tensors and numbers
    that it keeps as attributes, buffers of modules of torch's own, their mode, and the states of random generators.

    Args:
        model: A keras.Model, built.
        function: Of one argument.
    """

    def unnoticed(argument: Any) -> Any:
        with _kept(model), torch.no_grad():
            return function(argument)

    return unnoticed


@contextlib.contextmanager
def _kept(model: Any) -> Iterator[None]:
    attributes = [(vars(layer), dict(vars(layer))) for layer in model._flatten_layers()]
    tensors = [value for _, before in attributes for value in before.values() if isinstance(value, torch.Tensor)]
    tensors += model.buffers()
    copies = [tensor.detach().clone() for tensor in tensors]
    modes = [(module, module.training) for module in model.modules()]
    drawn = torch.get_rng_state(), random.getstate(), np.random.get_state()
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    try:
        yield
    finally:
        torch.set_rng_state(drawn[0])
        random.setstate(drawn[1])
        np.random.set_state(drawn[2])
        if devices:
            torch.cuda.set_rng_state_all(devices)
        for module, mode in modes:
            module.training = mode
        for now, before in attributes:
            for name in [name for name in now if name not in before]:
                del now[name]
            now.update({name: value for name, value in before.items() if now.get(name) is not value})
        with torch.no_grad():
            for tensor, copy in zip(tensors, copies, strict=True):
                tensor.copy_(copy)

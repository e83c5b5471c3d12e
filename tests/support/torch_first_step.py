"""One step of a torch model, and how it is described."""

from collections.abc import Callable
from typing import Any

import torch

from paramedic.describe.torch import describe
from paramedic.integrations.torch.observer import Observer
from paramedic.v1.description_pb2 import LayerConfig, RunDescription


def described_step(model: Any, step: Callable[[Any], Any], called: Any = None) -> RunDescription:
    """Describes a model after one step.

    Args:
        model: Described.
        step: Makes a loss of a model.
        called: The model that the step is given, where it is another: a compiled one.
    """
    observer = Observer(model)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    step(model if called is None else called).backward()
    observer.finish()
    description, ordered = describe(model, (optimizer,), list(model.parameters()), observer)
    assert {id(parameter) for parameter in ordered} == {id(parameter) for parameter in model.parameters()}
    return description


def told(layer: LayerConfig) -> tuple[str, str, str]:
    """Name, kind and activation."""
    return layer.name, layer.kind, layer.activation

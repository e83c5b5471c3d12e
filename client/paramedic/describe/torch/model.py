"""A torch model in neutral terms."""

from typing import Any

from torch import nn

from paramedic.describe.settings import settings
from paramedic.describe.torch.forward import Entry, Forward, Layers, declared, layers_in, named_leaves
from paramedic.describe.torch.kinds import RECURRENT, neutral, neutral_level
from paramedic.v1.description_pb2 import LayerConfig, ModelConfig


def unwrapped(model: Any) -> Any:
    """The model within what torch.compile, data parallelism and the like put around it."""
    seen: set[int] = set()
    while id(model) not in seen:
        seen.add(id(model))
        within = getattr(model, "_orig_mod", None)
        if within is None and type(model).__name__ in _WRAPPERS:
            within = getattr(model, "module", None)
        if isinstance(within, nn.Module):
            model = within
    return model


_WRAPPERS = frozenset({"DistributedDataParallel", "DataParallel", "FullyShardedDataParallel", "AveragedModel"})


def layers_of(model: Any, forward: Forward | None) -> Layers:
    """Returns the layers of a model.

    Args:
        model: The torch.nn.Module, unwrapped.
        forward: What was seen of it; None when nothing was.
    """
    forward = forward or declared(model)
    if forward is not None and forward.calls:
        return layers_in(forward)
    placed = [Entry(path, neutral(module), module) for path, module in named_leaves(model)]
    return Layers([level for entry in placed for level in _levels(entry)], [], connected=False, whole=False)


def model_config(model: Any, layers: Layers) -> ModelConfig:
    """Describes a model.

    Args:
        model: The torch.nn.Module, unwrapped.
        layers: Its layers.
    """
    parameters = list({id(parameter): parameter for parameter in model.parameters()}.values())
    trained = sum(parameter.numel() for parameter in parameters if parameter.requires_grad)
    return ModelConfig(
        name=type(model).__name__,
        layers=[_layer_config(entry, layers.connected) for entry in layers.entries],
        trainable_parameters=trained,
        frozen_parameters=sum(parameter.numel() for parameter in parameters) - trained,
        opaque=not layers.whole,
    )


def _layer_config(entry: Entry, connected: bool) -> LayerConfig:
    described = entry.neutral
    source = entry.input_shape
    if not connected and described.units is not None:
        # Shapes without any that comes out say that who feeds whom is not known.
        source = (-1, int(getattr(entry.module, "in_features", getattr(entry.module, "input_size", -1))))
    return LayerConfig(
        name=entry.name,
        kind=described.kind,
        activation=described.activation,
        units=described.units,
        input_shape=source,
        output_shape=entry.output_shape,
        parameters=entry.parameters or (0 if entry.module is None else _elements(entry)),
        frozen=entry.frozen,
        inputs=entry.inputs,
        settings=settings(described.settings),
    )


def _elements(entry: Entry) -> int:
    return sum(parameter.numel() for parameter in entry.module.parameters())


def _levels(entry: Entry) -> list[Entry]:
    """The layers that a recurrent module stacks, where nothing was seen of how it is called."""
    module = entry.module
    if not isinstance(module, RECURRENT):
        return [entry]
    several = module.num_layers > 1
    return [
        Entry(
            f"{entry.name}.l{level}" if several else entry.name,
            neutral_level(module, True),
            module,
            level=level,
            parameters=sum(each.numel() for name, each in module.named_parameters() if _of(name, level)),
        )
        for level in range(module.num_layers)
    ]


def _of(name: str, level: int) -> bool:
    return name.endswith((f"_l{level}", f"_l{level}_reverse"))

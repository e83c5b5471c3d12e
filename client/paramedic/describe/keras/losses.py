"""What a Keras model was compiled to minimise, in neutral terms."""

import re
from collections.abc import Mapping
from typing import Any

import keras

from paramedic.describe.settings import settings
from paramedic.v1.description_pb2 import LossConfig


def loss_configs(model: Any) -> list[LossConfig]:
    """Describes the losses of a model, one an output; empty when its training step has its own.

    Args:
        model: A compiled keras.Model.
    """
    loss = getattr(model, "loss", None)
    if loss is None:
        return []
    weights = getattr(getattr(model, "_compile_loss", None), "_user_loss_weights", None)
    if isinstance(loss, Mapping):
        names = list(loss)
        return [loss_config(loss[name], name, _weight(weights, name, names)) for name in names if loss[name]]
    if isinstance(loss, list | tuple):
        names = list(getattr(model, "output_names", None) or map(str, range(len(loss))))
        pairs = zip(names, loss, strict=False)
        return [loss_config(each, name, _weight(weights, name, names)) for name, each in pairs if each]
    return [loss_config(loss, "", _weight(weights, "", [""]))]


def loss_config(loss: Any, output: str = "", weight: float | None = None) -> LossConfig:
    """Describes one loss.

    Args:
        loss: What `compile` takes as the loss of one output: a keras.losses.Loss, a function, or a name.
        output: Output that it belongs to; empty for the only one.
        weight: In the total; None for 1.
    """
    try:
        loss = keras.losses.get(loss)
    except ValueError:  # a name that compile will refuse, or has resolved in a way of its own
        return LossConfig(output=output, name=str(loss), weight=weight)
    # Some of Keras's losses leave arguments such as Huber's delta out of their configuration.
    reported = loss.get_config() | getattr(loss, "_fn_kwargs", {}) if isinstance(loss, keras.losses.Loss) else {}
    # A loss can be named by its user; its class says what it is.
    name = loss.__name__ if hasattr(loss, "__name__") else _snake_case(type(loss).__name__)
    return LossConfig(
        output=output,
        name=name,
        from_logits=reported.get("from_logits"),
        weight=weight,
        settings=settings(reported, without=("name", "from_logits")),
    )


def _weight(weights: Any, name: str, names: list[str]) -> float | None:
    if isinstance(weights, Mapping):
        weights = weights.get(name)
    elif isinstance(weights, list | tuple):
        weights = weights[names.index(name)] if len(weights) == len(names) else None
    return None if weights is None else float(weights)


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()

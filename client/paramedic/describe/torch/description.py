"""All that is known of a torch loop."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from paramedic.describe.torch.environment import environment
from paramedic.describe.torch.forward import Layers
from paramedic.describe.torch.losses import named_loss
from paramedic.describe.torch.model import layers_of, model_config, unwrapped
from paramedic.describe.torch.optimizers import optimizer_config
from paramedic.describe.torch.seen import Seen
from paramedic.describe.torch.tensors import tensor_table
from paramedic.v1.description_pb2 import DataProfile, LossConfig, RunDescription, TrainingConfig

_LOG = logging.getLogger("paramedic")
_Part = TypeVar("_Part")


class Observed(Protocol):
    """Who looked at the first step.

    Attributes:
        seen: What of it was seen.
    """

    seen: Seen


def describe(
    model: Any, optimizers: Sequence[Any], parameters: Sequence[Any], observer: Observed, loss: Any = None
) -> tuple[RunDescription, list[Any]]:
    """Describes a training; what cannot be described is left out.

    Args:
        model: The torch.nn.Module that is trained; it may be wrapped.
        optimizers: Its torch.optim.Optimizers.
        parameters: Those that are trained, in any order.
        observer: Who looked at the first step, or will.
        loss: The loss module or function, where the author names it.

    Returns:
        The description with its tensor table, and the parameters in the table's order.
    """
    model, seen = unwrapped(model), observer.seen
    layers = _known(lambda: layers_of(model, seen.forward)) or Layers([], [], connected=False, whole=False)
    ordered, table = tensor_table(model, parameters, layers.entries)
    losses = _known(lambda: _losses(seen, loss, layers))
    data = None
    if seen.inputs or seen.targets:
        data = DataProfile(inputs=seen.inputs, targets=seen.targets)
    return (
        RunDescription(
            tensors=table,
            model=_known(lambda: model_config(model, layers)) if layers.entries else None,
            optimizer=_known(lambda: optimizer_config(optimizers[0])) if optimizers else None,
            losses=losses,
            training=TrainingConfig(batch_size=seen.batch_size, precision=seen.precision, weighted=seen.weighted),
            data=data,
            environment=_known(environment),
        ),
        ordered,
    )


def _losses(seen: Seen, loss: Any, layers: Layers) -> list[LossConfig]:
    if not seen.losses:
        return [] if loss is None else [named_loss(loss)]
    told = []
    for place, each in enumerate(seen.losses):
        config = LossConfig()
        config.CopyFrom(each)
        ends = layers.ends
        if place < len(ends) == len(seen.losses) and (len(ends) > 1 or ends[0] != layers.entries[-1].name):
            config.output = ends[place]
        told.append(config)
    return told


def _known(part: Callable[[], _Part]) -> _Part | None:
    try:
        return part()
    except Exception:
        _LOG.debug("a part of the training could not be described", exc_info=True)
        return None

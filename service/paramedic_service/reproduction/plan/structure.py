"""What decides whether two arms can share one compiled program."""

from collections.abc import Hashable, Mapping
from typing import Any

from paramedic_service.reproduction.plan.parts import INITIALISERS
from paramedic_service.reproduction.plan.plans import LayerPlan, LossPlan, ModelPlan, OptimizerPlan, Part


def structure_of(
    model: ModelPlan, optimizer: OptimizerPlan, losses: tuple[LossPlan, ...], batch_size: int, class_weights: bool
) -> Hashable:
    """A key that is equal for arms whose graphs are the same.

    Initialisers, learning rates, clipping and the optimizer's numbers are left out: a program has them as inputs.
    """
    return (
        tuple(map(_layer, model.layers)),
        model.outputs,
        model.precision,
        optimizer.name,
        # Switches change what an optimizer computes; of numbers it only matters which are there.
        tuple(
            sorted((name, value if isinstance(value, bool) else None) for name, value in optimizer.arguments.items())
        ),
        tuple((loss.name, loss.from_logits, loss.weight, _frozen(loss.arguments)) for loss in losses),
        batch_size,
        class_weights,
    )


def _layer(layer: LayerPlan) -> Hashable:
    return (
        layer.name,
        layer.kind,
        _frozen(layer.arguments),
        layer.inputs,
        _frozen(layer.call),
        layer.output_shape,
        layer.shares,
    )


def _frozen(value: Any) -> Hashable:
    if isinstance(value, Mapping):
        return tuple(sorted((name, _frozen(item)) for name, item in value.items() if not _begins(item)))
    if isinstance(value, list | tuple):
        return tuple(map(_frozen, value))
    if isinstance(value, Part):
        return value.kind, _frozen(value.arguments)
    if isinstance(value, LayerPlan):
        return _layer(value)
    frozen: Hashable = value
    return frozen


def _begins(value: Any) -> bool:
    """Whether it only says how weights begin."""
    return isinstance(value, Part) and value.kind in INITIALISERS

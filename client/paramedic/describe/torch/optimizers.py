"""Torch optimizers in neutral terms."""

from collections.abc import Mapping
from typing import Any

from paramedic.describe.settings import settings
from paramedic.v1.description_pb2 import OptimizerConfig

_MAX_GROUPS = 32
_NEUTRAL: Mapping[str, str] = {"eps": "epsilon", "lr_decay": "decay"}
_NAMES: Mapping[str, Mapping[str, str]] = {
    "rmsprop": {"alpha": "rho"},
    "adadelta": {"rho": "rho"},
}
# How it is computed, not what.
_OFF: Mapping[str, Any] = {"dampening": 0, "maximize": False, "decoupled_weight_decay": False}
_WITHOUT = frozenset({"params", "foreach", "fused", "capturable", "differentiable", "initial_lr", "param_names"})


def optimizer_config(optimizer: Any) -> OptimizerConfig:
    """Describes an optimizer.

    Args:
        optimizer: A torch.optim.Optimizer. What differs between its parameter groups is told of each.
    """
    name = type(optimizer).__name__.lower()
    groups = [_group(name, group) for group in optimizer.param_groups]
    told: dict[str, Any] = dict(groups[0])
    varying = {key for group in groups for key, value in group.items() if value != groups[0].get(key)}
    if varying:
        chosen = groups[:_MAX_GROUPS]
        told["parameter_groups"] = [{key: group.get(key) for key in sorted(varying)} for group in chosen]
    rate = told.pop("learning_rate", None)
    return OptimizerConfig(name=name, learning_rate=rate, settings=settings(told))


def _group(name: str, group: Mapping[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for key, value in group.items():
        if key in _WITHOUT or _OFF.get(key, _WITHOUT) == value:
            continue
        if key == "lr":
            told["learning_rate"] = float(value)
        elif key == "betas":
            told |= {f"beta_{number}": float(beta) for number, beta in enumerate(value, 1)}
        else:
            plain = value if value is None or isinstance(value, bool | int | float | str) else float(value)
            told[_NAMES.get(name, {}).get(key, _NEUTRAL.get(key, key))] = plain
    return told

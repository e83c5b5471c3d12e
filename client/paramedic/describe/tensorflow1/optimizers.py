"""Optimizers of TensorFlow 1 in neutral terms, read from the operations that apply gradients."""

from collections.abc import Mapping
from typing import Any

from paramedic.describe.settings import settings
from paramedic.describe.tensorflow1.graph import constant, is_variable, root
from paramedic.describe.tensorflow1.updates import Application, Gradient
from paramedic.v1.description_pb2 import OptimizerConfig

_NAMES = {
    "GradientDescent": "sgd",
    "ProximalGradientDescent": "sgd",
    "Momentum": "sgd",
    "KerasMomentum": "sgd",
    "AdamWithAmsgrad": "adam",
    "CenteredRMSProp": "rmsprop",
    "AdagradV2": "adagrad",
    "AdagradDA": "adagrad",
    "ProximalAdagrad": "adagrad",
    "FtrlV2": "ftrl",
}
_SETTINGS = {"beta1": "beta_1", "beta2": "beta_2", "epsilon": "epsilon", "rho": "rho", "momentum": "momentum"}


def optimizer_config(application: Application) -> OptimizerConfig:
    """Describes an optimizer.

    Args:
        application: What it does in the graph.
    """
    rules = [update for update in application.updates if update.rule]
    if not rules:
        name = application.scope.rpartition("/")[2].rstrip("_0123456789").lower()
        return OptimizerConfig(name="sgd" if name == "gradientdescent" else name)
    told = rules[0]
    reported: dict[str, Any] = {
        name: constant(told.arguments[argument]) for argument, name in _SETTINGS.items() if argument in told.arguments
    }
    if "Momentum" in told.rule:
        reported["nesterov"] = bool(told.operation.get_attr("use_nesterov"))
    config = OptimizerConfig(
        name=_NAMES.get(told.rule, told.rule.lower()),
        learning_rate=constant(told.learning_rate),
        schedule=_schedule(told.learning_rate),
        dynamic_loss_scale=application.loss_scale is not None and is_variable(root(application.loss_scale)),
        settings=settings(reported),
    )
    for update in application.updates:
        if update.gradient is not None:
            for bound, value in _bounds(update.gradient).items():
                setattr(config, bound, value)
    return config


def _schedule(learning_rate: Any) -> str:
    """Returns what computes the learning rate, by the scope in which it does; empty where nothing does."""
    made = root(learning_rate)
    if constant(learning_rate) is not None or is_variable(made) or made.type.startswith("Placeholder"):
        return ""
    return str(made.name.partition("/")[0])


def _bounds(gradient: Gradient) -> Mapping[str, float]:
    """Returns how a gradient is clipped: bounds by field of the description."""
    found: dict[str, float | None] = {}
    for operation in gradient.clipping:
        scopes = operation.name.split("/")
        if operation.type == "Minimum" and any(each.startswith("clip_by_value") for each in scopes):
            found["clipvalue"] = constant(operation.inputs[1])
        elif operation.type == "Mul" and any(each.startswith("clip_by_norm") for each in scopes):
            found["clipnorm"] = _either(operation)
        elif operation.type == "Mul" and any(each.startswith("clip_by_global_norm") for each in scopes):
            bound = _either(operation)
            if bound is not None:
                found["global_clipnorm"] = bound
    return {name: value for name, value in found.items() if value is not None}


def _either(operation: Any) -> float | None:
    """Returns the constant among two factors."""
    known = [value for value in map(constant, operation.inputs) if value is not None]
    return known[0] if known else None

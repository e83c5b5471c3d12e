"""Keras optimizers in neutral terms."""

from typing import Any

import keras

from paramedic.describe.settings import settings
from paramedic.v1.description_pb2 import OptimizerConfig

# Said by fields of their own.
_SAID_ELSEWHERE = frozenset({"name", "clipnorm", "clipvalue", "global_clipnorm"})


def optimizers_of(model: Any) -> dict[str, Any]:
    """Returns a model's optimizers by the attribute that holds them, the one it was compiled with first.

    Models with a training step of their own (a GAN's, say) keep several.
    """
    found = {"optimizer": getattr(model, "optimizer", None)} | vars(model)
    return {name: value for name, value in found.items() if isinstance(value, keras.optimizers.Optimizer)}


def optimizer_config(optimizer: Any) -> OptimizerConfig:
    """Describes an optimizer; of one that scales the loss, the optimizer within.

    Args:
        optimizer: A keras.optimizers.Optimizer.
    """
    scaled = isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    if scaled:
        optimizer = optimizer.inner_optimizer
    reported = optimizer.get_config()
    config = OptimizerConfig(
        name=type(optimizer).__name__.lower(),
        learning_rate=float(keras.ops.convert_to_numpy(optimizer.learning_rate)),  # each replica may have a copy
        clipnorm=optimizer.clipnorm,
        clipvalue=optimizer.clipvalue,
        global_clipnorm=optimizer.global_clipnorm,
        dynamic_loss_scale=scaled,
        settings=settings(reported, without=_SAID_ELSEWHERE),
    )
    schedule = reported.get("learning_rate")
    if isinstance(schedule, dict):
        config.schedule = schedule["class_name"]
    return config

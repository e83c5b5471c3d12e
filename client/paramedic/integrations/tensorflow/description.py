"""Describes a loop of one's own, as far as it can be described."""

import logging
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import keras
import tensorflow as tf

from paramedic.describe import keras as describe
from paramedic.describe.data import data_profile
from paramedic.describe.names import unique
from paramedic.integrations.keras.backend.tensorflow.first_batch import MAX_SAMPLES
from paramedic.names import MAX_TENSOR_CHARACTERS
from paramedic.v1.description_pb2 import Environment, ModelConfig, RunDescription, Tensor, TrainingConfig

_LOG = logging.getLogger("paramedic")
_Part = TypeVar("_Part")


def described_loop(model: Any, optimizers: Sequence[Any], loss: Any) -> RunDescription:
    """Describes what is known before the first step.

    Args:
        model: A keras.Model, whose layers may be built later, or a tf.Module.
        optimizers: Keras's.
        loss: A keras.losses.Loss or a function; None where it is not known.
    """
    return RunDescription(
        model=described_model(model),
        optimizer=_known(lambda: describe.optimizer_config(optimizers[0])) if optimizers else None,
        losses=_known(lambda: describe.loss_configs(model) if loss is None else [describe.loss_config(loss)]),
        training=_training(model),
        environment=_known(_environment),
    )


def described_model(model: Any) -> ModelConfig | None:
    """Describes a model: of a tf.Module only what it is called, and how many elements its variables have."""
    if isinstance(model, keras.Model):
        return _known(lambda: describe.model_config(model))
    return _known(
        lambda: ModelConfig(
            name=model.name,
            trainable_parameters=sum(math.prod(variable.shape) for variable in model.trainable_variables),
            opaque=True,
        )
    )


def tensor_table(model: Any, variables: Sequence[Any]) -> tuple[list[Any], list[Tensor]]:
    """Puts variables in forward order, as far as it is known, and describes them."""
    if isinstance(model, keras.Model) and all(isinstance(variable, keras.Variable) for variable in variables):
        return describe.tensor_table(model, variables)
    names = unique(
        [str(getattr(each, "path", each.name)).partition(":")[0] for each in variables], MAX_TENSOR_CHARACTERS
    )
    return list(variables), [
        Tensor(name=name, shape=variable.shape, element_count=math.prod(variable.shape))
        for name, variable in zip(names, variables, strict=True)
    ]


def described_batch(model: Any, x: Any, y: Any) -> RunDescription:
    """Describes the data by samples of the first batch.

    Args:
        model: As above.
        x: Inputs, numpy [samples, ...].
        y: Targets, likewise; None where they are not known.
    """
    data = _known(lambda: data_profile(x, y))
    training = _training(model)
    if data is not None:
        if data.samples < MAX_SAMPLES:  # all of the batch
            training.batch_size = data.samples
        data.ClearField("samples")
    return RunDescription(data=data, training=training)


def _training(model: Any) -> TrainingConfig:
    policy = getattr(model, "dtype_policy", None)
    return TrainingConfig(precision=getattr(policy, "name", ""), custom_step=True)


def _environment() -> Environment:
    known = describe.environment()
    known.framework = "tensorflow"
    known.framework_version = f"{tf.__version__} (keras {keras.__version__})"
    return known


def _known(part: Callable[[], _Part]) -> _Part | None:
    try:
        return part()
    except Exception:
        _LOG.debug("a part of the loop could not be described", exc_info=True)
        return None

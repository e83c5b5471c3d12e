"""The arguments of a Keras fit, and its data."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any

import keras

from paramedic.v1.description_pb2 import ArrayProfile, TrainingConfig


@dataclass(frozen=True, slots=True)
class FitArguments:
    """What a fit was asked to do, as far as is known.

    Attributes:
        batch_size: Samples a step.
        samples: Training samples.
        validated: Whether validation data was given.
        weighted: Whether classes or samples were given weights.
        arrays: Inputs, targets and weights of all samples, as they were given; None where they can only be iterated
            over.
        first_batch: The same of the first batch, where it is known without iterating.
    """

    batch_size: int | None = None
    samples: int | None = None
    validated: bool = False
    weighted: bool = False
    arrays: Any = None
    first_batch: Any = None


def fit_arguments(model: Any) -> FitArguments:
    """Reads the arguments of the fit that is calling.

    Keras hands callbacks the numbers of epochs and steps and nothing else, so this looks into the frame of the fit
    that stands below on the stack. Where there is none, or it looks different, nothing is known.

    Args:
        model: The model whose fit it is.
    """
    frame = _fit_frame(model)
    if frame is None:
        return FitArguments()
    local = frame.f_locals
    adapter = getattr(local.get("epoch_iterator"), "data_adapter", None)
    batch_size = getattr(adapter, "batch_size", None)
    samples = getattr(adapter, "_num_samples", None)
    return FitArguments(
        batch_size=int(batch_size) if batch_size else None,
        samples=int(samples) if samples else None,
        validated=local.get("validation_data") is not None,
        weighted=local.get("class_weight") is not None or local.get("sample_weight") is not None,
        arrays=_unpacked(getattr(adapter, "_inputs", None)),
        first_batch=_unpacked(next(iter(getattr(adapter, "_first_batches", None) or []), None)),
    )


def training_config(
    model: Any,
    arguments: FitArguments,
    epochs: int | None,
    steps_per_epoch: int | None,
    metrics: Sequence[str] = (),
    weighted: bool = False,
) -> TrainingConfig:
    """Describes a fit.

    Args:
        model: The keras.Model.
        arguments: As read from the fit.
        epochs: Epochs asked for; None when unknown.
        steps_per_epoch: Steps an epoch; None when unknown.
        metrics: Names of what is reported beside the loss.
        weighted: Whether the data of a step turned out to come with weights, as that of a data set may.
    """
    return TrainingConfig(
        batch_size=arguments.batch_size,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        metrics=metrics,
        validated=arguments.validated,
        precision=model.dtype_policy.name,
        weighted=weighted or arguments.weighted,
        custom_step=_has_own_step(model),
    )


def _has_own_step(model: Any) -> bool:
    own = ("train_step", "compute_loss")
    return any(getattr(type(model), name, None) is not getattr(keras.Model, name) for name in own)


def array_profiles(structure: Any) -> list[ArrayProfile]:
    """Describes the inputs or targets of a step.

    Args:
        structure: A tensor, or a dict, list or tuple of tensors, or None; symbolic tensors will do.
    """
    profiles = []
    for path, tensor in keras.tree.flatten_with_path(structure):
        if tensor is None:
            continue
        rank = tensor.shape.rank if hasattr(tensor.shape, "rank") else len(tensor.shape)  # TensorFlow need not know it
        shape = [-1, *(-1 if size is None else size for size in tensor.shape[1:])] if rank else []
        dtype = keras.backend.standardize_dtype(tensor.dtype)
        profiles.append(ArrayProfile(name="/".join(map(str, path)), shape=shape, dtype=dtype))
    return profiles


def _unpacked(data: Any) -> Any:
    return keras.utils.unpack_x_y_sample_weight(data) if isinstance(data, tuple) else None


def _fit_frame(model: Any) -> FrameType | None:
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_name == "fit" and frame.f_locals.get("self") is model:
            return frame
        frame = frame.f_back
    return None

"""A training as it would begin, described without a fit."""

import inspect
import itertools
from typing import Any

import keras
import numpy as np

from paramedic.describe.data import data_profile
from paramedic.describe.keras.environment import environment
from paramedic.describe.keras.losses import loss_configs
from paramedic.describe.keras.model import model_config
from paramedic.describe.keras.optimizers import optimizer_config, optimizers_of
from paramedic.describe.keras.serialization import without_tensorflow
from paramedic.describe.keras.training import FitArguments, training_config
from paramedic.v1.description_pb2 import DataProfile, RunDescription

_BATCHES = 8
_KERAS_BATCH = 32
"""What a fit takes when it is not told otherwise."""


@without_tensorflow()
def describe_training(model: Any, x: Any = None, y: Any = None, batch_size: int | None = None) -> RunDescription:
    """Describes what `model.fit(x, y, batch_size)` would train, without training.

    Args:
        model: A keras.Model; what it was compiled with is described as far as it was compiled.
        x: Inputs: arrays, DataFrames, lists, tensors, or a mapping or sequence of such; a tf.data.Dataset or a
            keras.utils.PyDataset, of which the first few batches are read; or a generator, of which nothing is read.
            None: only the model is described.
        y: Targets, likewise; None for none, and where x yields them.
        batch_size: Samples a step. Omitted: that of the data set, or what Keras takes.
    """
    data, seen_batch, steps = _data(x, y)
    if seen_batch is None and data is not None and data.HasField("samples"):
        seen_batch = batch_size or _KERAS_BATCH
        steps = -(-data.samples // seen_batch)
    optimizers = list(optimizers_of(model).values())
    arguments = FitArguments(batch_size=seen_batch, samples=data.samples if data is not None else None)
    compiled = bool(getattr(model, "compiled", False))
    config = model_config(model)
    if not model.built and not isinstance(model, keras.Sequential):
        del config.layers[:]  # in the order of assignment, which says nothing about a forward pass
    return RunDescription(
        model=config,
        optimizer=optimizer_config(optimizers[0]) if optimizers else None,
        losses=loss_configs(model) if compiled else None,
        training=training_config(model, arguments, None, steps, _metric_names(model)),
        data=data,
        environment=environment(),
    )


def _metric_names(model: Any) -> list[str]:
    """Names of the metrics that a model was compiled with, as far as Keras keeps them before a fit."""
    metrics = getattr(getattr(model, "_compile_metrics", None), "_user_metrics", None)
    flat = metrics.values() if isinstance(metrics, dict) else metrics if isinstance(metrics, list) else []
    each = [metric for entry in flat for metric in (entry if isinstance(entry, list) else [entry])]
    return [str(getattr(metric, "name", None) or getattr(metric, "__name__", metric)) for metric in each if metric]


def _data(x: Any, y: Any) -> tuple[DataProfile | None, int | None, int | None]:
    """Returns the profile of the data, and of data sets the samples a batch and the batches, as far as is known."""
    if x is None or inspect.isgenerator(x):
        return None, None, None
    if hasattr(x, "as_numpy_iterator"):  # a tf.data.Dataset, whatever Keras runs on
        batches = list(x.take(_BATCHES).as_numpy_iterator())
        count = int(x.cardinality().numpy())
        return *_profile_of_batches(batches), count if count > 0 else None
    if isinstance(x, keras.utils.PyDataset):
        count = x.num_batches
        indices = range(_BATCHES if count is None else min(count, _BATCHES))
        return *_profile_of_batches([x[index] for index in indices]), count
    if hasattr(x, "__iter__") and not hasattr(x, "__len__"):
        batches = [] if iter(x) is x else list(itertools.islice(x, _BATCHES))  # an iterator can be read only once
        return *_profile_of_batches(batches), None
    return data_profile(x, y), None, None


def _profile_of_batches(batches: list[Any]) -> tuple[DataProfile | None, int | None]:
    if not batches:
        return None, None
    first = keras.utils.unpack_x_y_sample_weight(batches[0])[:2]
    parts = [keras.tree.flatten(keras.utils.unpack_x_y_sample_weight(batch)[:2]) for batch in batches]
    same = [part for part in parts if [_rest(leaf) for leaf in part] == [_rest(leaf) for leaf in parts[0]]]
    joined = [None if leaves[0] is None else np.concatenate(leaves) for leaves in zip(*same, strict=True)]
    profile = data_profile(*keras.tree.pack_sequence_as(first, joined))
    profile.ClearField("samples")
    return profile, len(parts[0][0])


def _rest(leaf: Any) -> Any:
    return None if leaf is None else np.shape(leaf)[1:]

"""Keras on TensorFlow: the train step and the probes are graphs."""

from typing import Any

import tensorflow as tf

from paramedic.integrations.keras.backend.tensorflow.harmless import harmless
from paramedic.integrations.keras.backend.tensorflow.probe_model import ProbedModel
from paramedic.integrations.keras.backend.tensorflow.recorder import Recorder

__all__ = ["DATA_ENDED", "ProbedModel", "Recorder", "harmless", "replicas"]

DATA_ENDED = (StopIteration, tf.errors.OutOfRangeError)


def replicas(model: Any) -> int:
    """Returns over how many replicas a model is trained that cannot be read in one place; those of one process can."""
    strategy = model.distribute_strategy
    return 1 if isinstance(strategy, tf.distribute.MirroredStrategy) else int(strategy.num_replicas_in_sync)

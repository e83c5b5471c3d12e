"""Samples as programs take them."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from paramedic.describe.data import data_profile
from paramedic.v1.description_pb2 import DataProfile
from paramedic_service.reproduction.data import Samples, class_weights


class Arrays:
    """Samples that several trainings share, converted when the first of them asks.

    Args:
        samples: To be converted.
    """

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    @property
    def count(self) -> int:
        """Samples to train on."""
        return self._samples.count

    @cached_property
    def x(self) -> tuple[Any, ...]:
        """Inputs, [samples, ...] each.

        Raises:
            ValueError: They are no rectangular arrays; as Keras says it.
        """
        return _tensors(self._samples.inputs)

    @cached_property
    def y(self) -> tuple[Any, ...]:
        """Targets, likewise."""
        return _tensors(self._samples.targets)

    @cached_property
    def held_x(self) -> tuple[Any, ...]:
        """Inputs that are not trained on."""
        return _tensors(self._samples.held_inputs)

    @cached_property
    def held_y(self) -> tuple[Any, ...]:
        """Their targets."""
        return _tensors(self._samples.held_targets)

    def sample_weights(self, balanced: bool) -> Any:
        """Weight of each sample in the loss, float32 [samples].

        Args:
            balanced: Whether classes are weighted by the inverse of their frequency.
        """
        weights = class_weights(self._samples.targets[0]) if balanced else np.ones(self.count)
        return tf.constant(weights, tf.float32)

    @cached_property
    def profile(self) -> DataProfile:
        """What they look like."""
        return data_profile(_structure(self._samples.inputs), _structure(self._samples.targets))

    @property
    def specification(self) -> str:
        """Shapes and types of samples, without their number."""
        return str([(tuple(array.shape[1:]), array.dtype.name) for array in (*self.x, *self.y)])


def _tensors(arrays: Sequence[Any]) -> tuple[Any, ...]:
    tensors = [tf.convert_to_tensor(array) for array in arrays]
    # As Keras does with arrays that it is given.
    return tuple(tf.cast(each, keras.config.floatx()) if each.dtype.is_floating else each for each in tensors)


def _structure(arrays: Sequence[Any]) -> Any:
    return arrays[0] if len(arrays) == 1 else tuple(arrays)

"""Metrics of a batch, under the names that Keras reports them by."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
import tensorflow as tf

Shape: TypeAlias = Sequence[int | None]

_ERRORS: Mapping[str, Callable[..., Any]] = {
    "mae": keras.metrics.mean_absolute_error,
    "mean_absolute_error": keras.metrics.mean_absolute_error,
    "mean_squared_error": keras.metrics.mean_squared_error,
    "mse": keras.metrics.mean_squared_error,
}

_ACCURACIES: Mapping[str, Callable[..., Any]] = {
    "binary_accuracy": keras.metrics.binary_accuracy,
    "categorical_accuracy": keras.metrics.categorical_accuracy,
    "sparse_categorical_accuracy": keras.metrics.sparse_categorical_accuracy,
}


@dataclass(frozen=True, slots=True)
class Metric:
    """A mean over samples.

    Attributes:
        name: As reported.
        function: Takes targets and predictions, and returns a value a sample.
    """

    name: str
    function: Callable[..., Any]

    def measure(self, y: Sequence[Any], outputs: Sequence[Any]) -> Any:
        """The mean over a batch of the only output."""
        return tf.reduce_mean(tf.cast(self.function(y[0], outputs[0]), tf.float32))


def metrics_of(names: Sequence[str], target_shape: Shape, output_shape: Shape) -> list[Metric]:
    """Chooses the metrics of a model with one output.

    Args:
        names: As reported; those that are no means over samples are left out.
        target_shape: Of the targets, with the batch dimension.
        output_shape: Of the output, likewise.
    """
    accuracy = _ACCURACIES[_accuracy(target_shape, output_shape)]
    known = {**_ERRORS, **_ACCURACIES, "accuracy": accuracy, "acc": accuracy}
    return [Metric(name, known[name]) for name in names if name in known]


def _accuracy(target_shape: Shape, output_shape: Shape) -> str:
    """What Keras takes "accuracy" to mean."""
    if output_shape[-1] == 1:
        return "binary_accuracy"
    if len(target_shape) < len(output_shape) or target_shape[-1] == 1:
        return "sparse_categorical_accuracy"
    return "categorical_accuracy"

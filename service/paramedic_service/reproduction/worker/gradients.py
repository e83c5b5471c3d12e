"""Gradients on their way to an optimizer, as Keras treats them.

That of an embedding lists the rows that a batch reads, each as often as it is read. Keras adds up what stands under the
same row where it adds or multiplies gradients, and where it clips the norm of all of them together; norms, bounds,
squares and magnitudes are otherwise those of the single entries.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import tensorflow as tf

from paramedic_service.reproduction.worker.clipping import Bounds
from paramedic_service.reproduction.worker.layout import Layout


class Gradients:
    """The gradients of a step by all trainable tensors.

    Args:
        parts: One a tensor, dense or tf.IndexedSlices.
        layout: Of the tensors.
        added: Whether entries of the same row were added up, a boolean scalar; None for no.
    """

    def __init__(self, parts: Sequence[Any], layout: Layout, added: Any = None) -> None:
        self._parts = parts
        self._layout = layout
        self._added = added

    @cached_property
    def dense(self) -> list[Any]:
        """One a tensor."""
        return [tf.convert_to_tensor(part) for part in self._parts]

    @cached_property
    def vector(self) -> Any:
        """All of them, float32 [parameters]."""
        return self._layout.join(self.dense)

    @property
    def square(self) -> Any:
        """Their squares, float32 [parameters]."""
        return self._each(tf.square)

    @property
    def magnitude(self) -> Any:
        """Their absolute values, float32 [parameters]."""
        return self._each(tf.abs)

    def clipped(self, bounds: Bounds) -> "Gradients":
        """The same within bounds, of which at most one is finite."""
        if not self._parts:
            return self
        squares = [tf.reduce_sum(tf.square(_values(part))) for part in self._parts]
        norm = tf.sqrt(tf.add_n(squares))
        # What is not finite makes everything NaN, as in Keras, but only where there is a bound.
        together = tf.where(tf.math.is_inf(bounds.global_norm), 1.0, _scale(norm, bounds.global_norm) + (norm - norm))
        parts = []
        for part, square in zip(self._parts, squares, strict=True):
            scaled = _values(part) * (together * _scale(tf.sqrt(square), bounds.norm))
            parts.append(_with_values(part, tf.clip_by_value(scaled, -bounds.value, bounds.value)))
        return Gradients(parts, self._layout, added=tf.math.is_finite(bounds.global_norm))

    def _each(self, function: Callable[[Any], Any]) -> Any:
        if not any(isinstance(part, tf.IndexedSlices) for part in self._parts):
            return function(self.vector)
        entries = self._layout.join([_with_values(part, function(_values(part))) for part in self._parts])
        return entries if self._added is None else tf.where(self._added, function(self.vector), entries)


def _values(part: Any) -> Any:
    return tf.cast(part.values if isinstance(part, tf.IndexedSlices) else part, tf.float32)


def _with_values(part: Any, values: Any) -> Any:
    return tf.IndexedSlices(values, part.indices, part.dense_shape) if isinstance(part, tf.IndexedSlices) else values


def _scale(norm: Any, bound: Any) -> Any:
    return tf.where(tf.math.is_inf(bound), 1.0, bound / tf.maximum(norm, bound))

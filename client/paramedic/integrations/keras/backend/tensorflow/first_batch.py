"""The first batch of a training whose data can only be iterated over, kept as it passes through the train step."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.ops.resource_variable_ops import ResourceVariable  # of one device, as in the ring

MAX_SAMPLES = 256
MAX_VALUES = 1_000_000
"""Numbers kept of one array; fewer samples where they are large."""


class FirstBatch:
    """Samples that the first step sees. Nothing is read from the data for it, so that the training gets all of it."""

    def __init__(self, compiled: bool) -> None:
        """Keeps nothing yet.

        Args:
            compiled: Whether XLA compiles the train step: what it writes has the same shape in every step.
        """
        self._compiled = compiled
        self._structure: Any = None
        self._kept: list[Any] = []
        self._count: Any = None

    def record(self, data: Any) -> None:
        """Keeps the batch in the graph that is being built, or at once when there is none.

        Args:
            data: What the train step is given. Where some of it is no dense tensor of numbers, nothing is kept.
        """
        leaves = keras.tree.flatten(data)
        if not leaves or not all(self._can_keep(leaf) for leaf in leaves):
            return
        most = min(_most(leaf) for leaf in leaves)
        if self._count is None:
            with tf.init_scope():  # as with the ring: made while the step is traced, and outliving the trace
                self._count = ResourceVariable(tf.zeros([], tf.int64), trainable=False)
                self._kept = [_store(leaf, most) for leaf in leaves]
            self._structure = data
        elif not self._takes(leaves):
            return  # traced again for batches of another kind
        count = self._count

        def keep() -> Any:
            # Shapes are static this way, whatever the size of the batch.
            padded = [tf.concat([leaf, tf.zeros_like(leaf[:1])], 0) for leaf in leaves]
            size = tf.shape(leaves[0], out_type=tf.int64)[0]
            places = tf.minimum(tf.range(most, dtype=tf.int64), size)
            written = [store.assign(tf.gather(part, places)) for store, part in zip(self._kept, padded, strict=True)]
            with tf.control_dependencies(written):
                return tf.identity(count.assign(tf.minimum(tf.constant(most, tf.int64), size)))

        tf.cond(count > 0, lambda: tf.identity(count), keep)

    def read(self) -> Any:
        """Returns the samples as the step was given them, numpy [samples, ...]; None when there are none yet."""
        count = 0 if self._count is None else int(self._count.numpy())
        if not count:
            return None
        return keras.tree.pack_sequence_as(self._structure, [store.numpy()[:count] for store in self._kept])

    def _can_keep(self, leaf: Any) -> bool:
        if not tf.is_tensor(leaf) or isinstance(leaf, tf.RaggedTensor | tf.SparseTensor):
            return False
        numeric = leaf.dtype.is_floating or leaf.dtype.is_integer or leaf.dtype.is_bool
        return bool(numeric and leaf.shape.rank and (leaf.shape[1:].is_fully_defined() or not self._compiled))

    def _takes(self, leaves: list[Any]) -> bool:
        return len(leaves) == len(self._kept) and all(
            leaf.dtype == store.dtype and leaf.shape[1:].is_compatible_with(store.shape[1:])
            for leaf, store in zip(leaves, self._kept, strict=True)
        )


def _most(leaf: Any) -> int:
    known = [size for size in leaf.shape[1:] if size]
    return int(max(1, min(MAX_SAMPLES, MAX_VALUES // max(1, int(np.prod(known))))))


def _store(leaf: Any, most: int) -> Any:
    shape = [most, *leaf.shape[1:]]
    zeros = np.zeros([size or 0 for size in shape], leaf.dtype.as_numpy_dtype)
    return ResourceVariable(zeros, trainable=False, shape=tf.TensorShape(shape), dtype=leaf.dtype)

"""The first batch of a training whose data can only be iterated over, kept as it passes through the train step."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

MAX_SAMPLES = 256
MAX_VALUES = 1_000_000
"""Numbers kept of one array; fewer samples where they are large."""


class FirstBatch:
    """Samples that the first step sees. Nothing is read from the data for it, so that the training gets all of it."""

    def __init__(self) -> None:
        self._structure: Any = None
        self._kept: list[Any] = []
        self._taken: Any = None

    def record(self, data: Any) -> None:
        """Keeps the batch in the graph that is being built, or at once when there is none.

        Args:
            data: What the train step is given. Where some of it is no dense tensor of numbers, nothing is kept.
        """
        leaves = keras.tree.flatten(data)
        if self._taken is not None or not all(_dense(leaf) for leaf in leaves):
            return  # traced again for batches of another shape: the first trace has seen the first batch
        with tf.init_scope():  # as with the ring: made while the step is traced, and outliving the trace
            self._taken = tf.Variable(False, trainable=False)
            self._kept = [_store(leaf) for leaf in leaves]
        self._structure = data
        samples = [leaf[: _most(leaf)] for leaf in leaves]

        def keep() -> Any:
            written = [store.assign(part) for store, part in zip(self._kept, samples, strict=True)]
            with tf.control_dependencies(written):
                return tf.identity(self._taken.assign(True))

        tf.cond(self._taken, lambda: tf.constant(True), keep)

    def read(self) -> Any:
        """Returns the samples as the step was given them, numpy [samples, ...]; None when there are none yet."""
        if self._taken is None or not self._taken.numpy():
            return None
        arrays = [store.numpy() for store in self._kept]
        count = min(len(array) for array in arrays)
        return keras.tree.pack_sequence_as(self._structure, [np.asarray(array[:count]) for array in arrays])


def _dense(leaf: Any) -> bool:
    if not tf.is_tensor(leaf) or isinstance(leaf, tf.RaggedTensor | tf.SparseTensor):
        return False
    numeric = leaf.dtype.is_floating or leaf.dtype.is_integer or leaf.dtype.is_bool
    return bool(numeric and leaf.shape.rank)


def _most(leaf: Any) -> int:
    known = [size for size in leaf.shape[1:] if size]
    return int(max(1, min(MAX_SAMPLES, MAX_VALUES // max(1, int(np.prod(known))))))


def _store(leaf: Any) -> Any:
    shape = [leaf.shape[0] and min(leaf.shape[0], _most(leaf)), *leaf.shape[1:]]
    zeros = np.zeros([size or 0 for size in shape], leaf.dtype.as_numpy_dtype)
    return tf.Variable(zeros, trainable=False, shape=tf.TensorShape(shape), dtype=leaf.dtype)

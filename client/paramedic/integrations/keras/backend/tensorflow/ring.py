"""Rows of numbers, written inside a compiled step and fetched from time to time."""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.python.ops.resource_variable_ops import ResourceVariable  # of one device; see Ring.__init__


class Ring:
    """Rows on the device that the last step ran on.

    A write is a few operations of the graph on scalars and one row, and nothing waits for it: the host learns of the
    rows when it fetches them.
    """

    def __init__(self, capacity: int, width: int) -> None:
        """Makes an empty ring.

        Args:
            capacity: Rows that can be written between two fetches.
            width: Numbers a row.
        """
        with tf.init_scope():  # it is made while the first step is traced, and outlives the trace
            # In the scope of a tf.distribute.Strategy a tf.Variable would have a copy for every replica.
            self._rows = ResourceVariable(tf.zeros([capacity, width], tf.float32), trainable=False)
            self._count = ResourceVariable(tf.zeros([], tf.int64), trainable=False)
            self._none = tf.zeros([], tf.int64)
        self._capacity = capacity

    def write(self, row: Any) -> None:
        """Adds a row in the graph that is being built, or at once when there is none.

        Args:
            row: Tensor float32 [width].
        """
        count = tf.raw_ops.ReadVariableOp(resource=self._count.handle, dtype=tf.int64)
        # Rows beyond the capacity would be a mistake of ours, and must not become an error in the training.
        place = tf.raw_ops.FloorMod(x=count, y=tf.constant(self._capacity, tf.int64))
        written = tf.raw_ops.ResourceScatterUpdate(resource=self._rows.handle, indices=place, updates=row)
        with tf.control_dependencies([written]):  # a step that fails before it has a row must not count
            tf.raw_ops.AssignAddVariableOp(resource=self._count.handle, value=tf.ones([], tf.int64))

    def fetch(self) -> npt.NDArray[np.float32]:
        """Returns the rows since the last fetch, float32 [rows, width]; waits for the steps that write them."""
        # A variable's methods take five times as long as the operations they come down to, and the next step waits.
        rows = tf.raw_ops.ReadVariableOp(resource=self._rows.handle, dtype=tf.float32).numpy()
        count = int(tf.raw_ops.ReadVariableOp(resource=self._count.handle, dtype=tf.int64).numpy())
        tf.raw_ops.AssignVariableOp(resource=self._count.handle, value=self._none)
        return np.array(rows[:count], np.float32)

"""Numbered rows on the device, written by whatever graphs the loop runs and fetched from time to time."""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.python.ops.resource_variable_ops import ResourceVariable  # of one device, whatever the strategy

_ROWS = 1024
_LEAST_ROWS = 128
_MOST_VALUES = 4_000_000
"""Numbers in one ring; fewer rows where they are wide."""

_WRAP = 2**22
"""Numbers stand in their rows up to here and from zero again: float32 holds such ones exactly."""


class Journal:
    """Rows of several widths, numbered in the order in which they were written; the oldest ones are written over."""

    def __init__(self, every: int) -> None:
        """Makes an empty one.

        Args:
            every: Rows that are expected between two fetches.
        """
        self._every = every
        self._rings: dict[int, Any] = {}
        self._fetched = 0
        self._count = ResourceVariable(tf.zeros([], tf.int64), trainable=False)

    def mark(self) -> Any:
        """Returns how many rows there were, on the device."""
        return tf.raw_ops.ReadVariableOp(resource=self._count.handle, dtype=tf.int64)

    def write(self, numbers: list[Any]) -> None:
        """Adds a row in the graph that is being built, or at once when there is none.

        Args:
            numbers: Scalars, of the device or of Python.
        """
        ring = self._ring(1 + len(numbers))
        count = self.mark()
        place = tf.raw_ops.FloorMod(x=count, y=ring.shape[0])
        number = tf.raw_ops.FloorMod(x=count, y=_WRAP)
        row = tf.raw_ops.Pack(values=[_single(value) for value in (number, *numbers)])
        written = tf.raw_ops.ResourceScatterUpdate(resource=ring.handle, indices=place, updates=row)
        with tf.control_dependencies([written]):  # a step that fails before it has a row must not count
            tf.raw_ops.AssignAddVariableOp(resource=self._count.handle, value=tf.constant(1, tf.int64))

    def fetch(self) -> tuple[list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]], int]:
        """Waits for the rows since the last fetch.

        Returns:
            By width, the numbers of rows, increasing, and the rows [rows, width]; and how many rows there were.
        """
        total = int(self.mark().numpy())
        parts = [self._part(ring, total) for ring in self._rings.values()]
        new, self._fetched = total - self._fetched, total
        return parts, new

    def _ring(self, columns: int) -> Any:
        if columns not in self._rings:
            rows = max(_LEAST_ROWS, 2 * self._every, min(_ROWS, _MOST_VALUES // columns))
            with tf.init_scope():  # it is made while a step is traced, and outlives the trace
                self._rings[columns] = ResourceVariable(tf.fill([rows, columns], np.float32(-1)), trainable=False)
        return self._rings[columns]

    def _part(self, ring: Any, total: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        size = ring.shape[0]
        numbers = np.arange(max(self._fetched, total - size), total)
        rows = tf.raw_ops.ResourceGather(resource=ring.handle, indices=numbers % size, dtype=tf.float32).numpy()
        mine = rows[:, 0] == numbers % _WRAP  # those of rows of other widths stand in other rings
        return numbers[mine], rows[mine, 1:]


def _single(number: Any) -> Any:
    """A number as float32; one of Python's is left to the operation that takes it, which makes faster tensors of it."""
    if not tf.is_tensor(number):
        return float(number)
    return number if number.dtype == tf.float32 else tf.cast(number, tf.float32)

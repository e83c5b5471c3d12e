"""All trainable tensors of a model behind one another in one vector."""

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf


class Layout:
    """Where each tensor lies in the vector.

    Args:
        variables: Variables of a model, in the order of its tensor table; of the same shapes in all models that share
            a program.
    """

    def __init__(self, variables: Sequence[Any]) -> None:
        self._shapes = [tuple(variable.shape) for variable in variables]
        self._dtypes = [variable.dtype for variable in variables]
        self._sizes = [math.prod(shape) for shape in self._shapes]

    def join(self, tensors: Sequence[Any]) -> Any:
        """The vector of tensors, float32 [parameters]."""
        flat = [tf.reshape(tf.cast(tf.convert_to_tensor(tensor), tf.float32), [-1]) for tensor in tensors]
        return tf.concat(flat, 0) if flat else tf.zeros([0])

    def split(self, vector: Any) -> list[Any]:
        """The parts of a vector [parameters], [elements] each."""
        return list(tf.split(vector, self._sizes)) if self._sizes else []

    def tensors(self, vector: Any) -> list[Any]:
        """The tensors of a vector, shaped and typed as the variables are."""
        return [
            tf.cast(tf.reshape(part, shape), dtype)
            for part, shape, dtype in zip(self.split(vector), self._shapes, self._dtypes, strict=True)
        ]

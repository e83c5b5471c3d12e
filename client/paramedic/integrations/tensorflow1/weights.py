"""Norms of weights before a step, and of what the step adds to them."""

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from paramedic.integrations.tensorflow1.building import half_square, read

tf1 = tf.compat.v1


class Weights:
    """Keeps a copy of variables over one step.

    The graph of the step is as its author made it: the copy is made before it runs and compared after, by runs of
    their own, and exists only in between. The variables that hold it are in no collection, so that neither initialisers
    nor savers learn of them.
    """

    def __init__(self, variables: Sequence[Any]) -> None:
        """Adds to the graph that is being built.

        Args:
            variables: Operations that hold them.
        """
        keep, weights, updates, copies = [], [], [], []
        for variable in variables:
            with variable.graph.colocate_with(variable, ignore_existing=True):
                now = read(variable)
                copy = tf.raw_ops.VarHandleOp(
                    dtype=now.dtype, shape=now.shape, shared_name=tf1.get_default_graph().unique_name("weights")
                )
                # Variables of the older kind are changed in place: without a copy, the one before would change along.
                keep.append(tf.raw_ops.AssignVariableOp(resource=copy, value=tf.raw_ops.DeepCopy(x=now)))
                before = tf.raw_ops.ReadVariableOp(resource=copy, dtype=now.dtype)
                weights.append(half_square(before))
                updates.append(half_square(now - before))
                copies.append(copy)
        self._keep = tf.group(*keep)
        self._squares = tf.stack([weights, updates])
        with tf1.control_dependencies([self._squares]):
            self._drop = tf.group(
                *(tf.raw_ops.DestroyResourceOp(resource=copy, ignore_lookup_error=True) for copy in copies)
            )

    def keep(self, session_run: Callable[[Any], Any]) -> None:
        """Copies the variables."""
        session_run(self._keep)

    def compare(self, session_run: Callable[[Any], Any]) -> Any:
        """Returns half the squared norms of the copies, and of what was added since, float32 [2, variables].

        The copies are dropped.
        """
        return session_run([self._squares, self._drop])[0]

"""Adding to a graph of TensorFlow 1 what only reads it."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import tensorflow as tf

from paramedic.describe.tensorflow1 import ancestors

tf1 = tf.compat.v1

SCOPE = "paramedic"


@contextlib.contextmanager
def building(graph: Any) -> Iterator[None]:
    """Has operations added to a graph, outside of whatever scope or loop the caller is in."""
    with graph.as_default(), tf1.control_dependencies(None), tf1.device(None), tf1.name_scope(None):  # noqa: SIM117
        with tf1.name_scope(SCOPE):
            yield


def only_reads(tensors: Iterable[Any], running: set[Any]) -> bool:
    """Whether tensors can be fetched beside operations without asking for anything else of the graph.

    Whatever they need that would not run anyway must neither be fed, nor draw from data or random numbers, nor change
    a variable.

    Args:
        tensors: To fetch.
        running: All operations that run anyway.
    """
    added = ancestors(tensor.op for tensor in tensors) - running
    return not any(operation.op_def.is_stateful and operation.type not in _READING for operation in added) and not any(
        operation.type.startswith("Placeholder") for operation in added
    )


# Operations that TensorFlow calls stateful although they only read.
_READING = frozenset({"Variable", "VariableV2", "VarHandleOp", "ReadVariableOp"})


def half_square(tensor: Any) -> Any:
    """Half the squared L2 norm, float32: the one operation that reads a tensor once and leaves a number."""
    return tf.raw_ops.L2Loss(t=tf.cast(tensor, tf.float32))


def read(variable: Any) -> Any:
    """Reads a variable of either kind, as it is when the operation runs.

    Args:
        variable: Operation that holds it.
    """
    if variable.type == "VarHandleOp":
        return tf.raw_ops.ReadVariableOp(resource=variable.outputs[0], dtype=variable.get_attr("dtype"))
    return tf.identity(variable.outputs[0])

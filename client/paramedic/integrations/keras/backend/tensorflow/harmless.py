"""Graphs of a model that change nothing.

Keras variables are shielded while a probe is traced, so that what would be assigned to them never enters the graph;
whatever else a graph could change (variables of TensorFlow's own, Python code, tables) is looked for in the graph, and
a probe that has any of it is never run.
"""

from collections.abc import Callable
from typing import Any, cast

import tensorflow as tf
from tensorflow.python.framework import op_def_registry  # says which operations have effects; there is no public way

from paramedic.integrations.keras.harmless import HarmfulError, shielded

# Operations that TensorFlow calls stateful although they only read, call, or keep to themselves.
_READING = frozenset(
    {
        "Assert",
        "Case",
        "CudnnRNN",
        "CudnnRNNBackprop",
        "CudnnRNNBackpropV2",
        "CudnnRNNBackpropV3",
        "CudnnRNNV2",
        "CudnnRNNV3",
        "If",
        "ReadVariableOp",
        "ResourceGather",
        "ResourceGatherNd",
        "StatefulPartitionedCall",
        "VarHandleOp",
        "VariableShape",
        "While",
    }
)


def harmless(model: Any, function: Callable[..., Any], argument: Any) -> Callable[..., Any]:
    """Compiles a function of a model.

    Args:
        model: A keras.Model, built.
        function: Traced once, with the model's variables shielded.
        argument: Nested arrays, which the compiled function takes again with other numbers.

    Returns:
        A concrete function of one argument like that.

    Raises:
        HarmfulError: Running it would change something.
        Exception: Whatever tracing it raises; the model is as it was.
    """
    # Regularisers take their variables from the scope; these are themselves, so that tapes still see them.
    with shielded(model, {id(variable): _one_of(variable.value) for variable in model.trainable_variables}):
        concrete = tf.function(function, autograph=False).get_concrete_function(argument)
    graph = concrete.graph.as_graph_def()
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    for operation in {node.op for node in nodes} - _READING:
        definition = op_def_registry.get(operation)
        if definition is not None and definition.is_stateful and operation != "Placeholder":
            raise HarmfulError(f"the model has operations with effects: {operation}")
    return cast(Callable[..., Any], concrete)


def _one_of(variable: Any) -> Any:
    """A variable, or its first copy where every replica has one; they are alike."""
    return variable.values[0] if isinstance(variable, tf.distribute.DistributedValues) else variable

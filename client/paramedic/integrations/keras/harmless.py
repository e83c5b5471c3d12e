"""Running a model beside its training, so that the training cannot tell.

Calling a layer can move more than one thinks: batch statistics, seeds of random numbers, states of recurrent layers,
losses that layers add. Keras variables are shielded while a probe is traced, so that what would be assigned to them
never enters the graph; whatever else a graph could change (variables of TensorFlow's own, Python code, tables) is
looked for in the graph, and a probe that has any of it is never run.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.framework import op_def_registry  # says which operations have effects; there is no public way

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


class HarmfulError(Exception):
    """A probe would change something; it is not run."""


def harmless(model: Any, function: Callable[..., Any], arguments: Any) -> Any:
    """Compiles a function of a model.

    Args:
        model: A keras.Model, built.
        function: Traced once, with the model's variables shielded.
        arguments: One argument of nested arrays, which the compiled function takes again with other numbers.

    Returns:
        A concrete function of one argument like `arguments`.

    Raises:
        HarmfulError: Running it would change something.
        Exception: Whatever tracing it raises; the model is as it was.
    """
    with shielded(model):
        concrete = tf.function(function, autograph=False).get_concrete_function(arguments)
    graph = concrete.graph.as_graph_def()
    nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
    for operation in {node.op for node in nodes} - _READING:
        definition = op_def_registry.get(operation)
        if definition is not None and definition.is_stateful and operation != "Placeholder":
            raise HarmfulError(f"the model has operations with effects: {operation}")
    return concrete


@contextlib.contextmanager
def shielded(model: Any) -> Iterator[None]:
    """Keeps a model as it is while its layers are called."""
    flat = list(model._flatten_layers())
    kept = [(layer, list(layer._losses), set(layer._loss_ids)) for layer in flat]
    mirrored = [(layer, layer.supports_jit) for layer in flat]
    try:
        with keras.StatelessScope(collect_losses=True) as scope:
            # Regularisers take their variables from the scope; these are themselves, so that tapes still see them.
            scope.state_mapping.update({id(variable): variable.value for variable in model.trainable_variables})
            yield
    finally:
        for layer, losses, identities in kept:
            layer._losses[:] = losses
            layer._loss_ids.clear()
            layer._loss_ids.update(identities)
        for layer, supports_jit in mirrored:
            vars(layer)["supports_jit"] = supports_jit
            if isinstance(layer, keras.layers.RNN):  # a failure leaves masks behind, which belong to our graph
                layer._maybe_reset_dropout_masks(layer.cell)


@contextlib.contextmanager
def replaced(replacements: Mapping[Any, tuple[str, Callable[..., Any]]]) -> Iterator[None]:
    """Replaces one method of each of some layers; between probes the layers are as their author made them."""
    before = {layer: vars(layer).get(name) for layer, (name, _) in replacements.items()}
    try:
        for layer, (name, method) in replacements.items():
            vars(layer)[name] = method
        yield
    finally:
        for layer, (name, _) in replacements.items():
            if before[layer] is None:
                vars(layer).pop(name, None)
            else:
                vars(layer)[name] = before[layer]

"""A Keras model in neutral terms."""

import math
from collections.abc import Mapping
from typing import Any

import keras

from paramedic.describe.keras.graph import graph_nodes, is_opaque
from paramedic.describe.keras.layers import walk
from paramedic.describe.names import MAX_NAME, unique
from paramedic.describe.settings import settings
from paramedic.v1.description_pb2 import LayerConfig, ModelConfig

# Said by fields of their own, or not worth saying of a layer.
_SAID_ELSEWHERE = frozenset({"name", "trainable", "activation", "units", "filters", "batch_shape", "build_config"})


def model_config(model: Any) -> ModelConfig:
    """Describes a model: its layers in forward order, their sizes, and Keras's own JSON where it has one.

    Args:
        model: A keras.Model, built or not; shapes and sizes of what is not built are omitted.
    """
    placed = list(walk(model))
    names = unique([path for path, _ in placed], MAX_NAME)
    name_of = {id(layer): name for name, (_, layer) in zip(names, placed, strict=True)}
    feeds = _feeds(model, name_of)
    operations = _operations(model, name_of)
    nodes, outputs = graph_nodes(model, name_of)
    config = ModelConfig(
        name=model.name,
        trainable_parameters=_elements(model.trainable_weights),
        frozen_parameters=_elements(model.non_trainable_weights),
        framework_json=_framework_json(model),
        opaque=is_opaque(model),
        nodes=nodes,
        outputs=outputs,
    )
    before = None
    for name, (_, layer) in zip(names, placed, strict=True):
        inputs = feeds.get(name, [])
        layer_config = _layer_config(name, layer, [] if inputs == [before] else inputs)
        if name in operations:  # without them, who reads the last layer would miss a softmax that is no layer
            layer_config.settings.update({"operations": operations[name]})
        config.layers.append(layer_config)
        before = name
    return config


def _layer_config(name: str, layer: Any, inputs: list[str]) -> LayerConfig:
    reported = _reported(layer)
    config = LayerConfig(
        name=name,
        kind=type(layer).__name__,
        activation=_activation(layer),
        input_shape=_input_shape(layer),
        output_shape=_symbolic_shape(layer, "output"),
        parameters=_elements(layer.weights),
        frozen=not layer.trainable,
        inputs=inputs,
        settings=settings(reported, without=_without(reported)),
    )
    width = reported.get("units", reported.get("filters"))
    if isinstance(width, int):
        config.units = width
    return config


def _without(reported: Mapping[str, Any]) -> frozenset[str]:
    """Settings not to be told again; an activation that is no plain function has settings of its own."""
    return _SAID_ELSEWHERE - {"activation"} if isinstance(reported.get("activation"), Mapping) else _SAID_ELSEWHERE


def _reported(layer: Any) -> Mapping[str, Any]:
    try:
        config: Mapping[str, Any] = layer.get_config()
    except Exception:  # whatever a custom layer's get_config raises: a description is never worth a training
        return {}
    return config


def _framework_json(model: Any) -> str:
    try:
        return str(model.to_json())
    except Exception:  # subclassed models raise whatever they like
        return ""


def _activation(layer: Any) -> str:
    activation = getattr(layer, "activation", None)
    if activation is None:
        return ""
    return str(getattr(activation, "__name__", "") or getattr(activation, "name", "") or type(activation).__name__)


def _elements(variables: list[Any]) -> int:
    return sum(math.prod(variable.shape) for variable in variables)


def _input_shape(layer: Any) -> list[int]:
    shape = _symbolic_shape(layer, "input")
    if shape:
        return shape
    # A layer of a subclassed model has no symbolic input, but it knows what it was built for.
    built_for = (layer.get_build_config() or {}).get("input_shape") if layer.built else None
    return _dimensions(built_for)


def _symbolic_shape(layer: Any, end: str) -> list[int]:
    try:
        return _dimensions(getattr(layer, end).shape)
    except (AttributeError, ValueError):  # not called symbolically, called more than once, or several tensors
        return []


def _dimensions(shape: Any) -> list[int]:
    if not isinstance(shape, list | tuple) or not all(size is None or isinstance(size, int) for size in shape):
        return []
    return [-1 if size is None else size for size in shape]


def _feeds(model: Any, name_of: Mapping[int, str]) -> dict[str, list[str]]:
    """Returns the names of the layers that feed each layer, as far as the model is a graph of layers."""
    feeds: dict[str, list[str]] = {}
    for graph in _graphs(model):
        if not any(name_of.get(id(layer)) in feeds for layer in graph.layers):  # not within one that came before
            _add_feeds(graph, name_of, [], feeds)
    return feeds


def _add_feeds(model: Any, name_of: Mapping[int, str], outer: list[str], feeds: dict[str, list[str]]) -> None:
    """Adds the layers of one model; `outer` feeds its inputs."""
    graph = getattr(model, "_functional", None) or model  # a Sequential keeps its graph there
    by_depth: Mapping[int, list[Any]] = getattr(graph, "_nodes_by_depth", {})
    for depth in sorted(by_depth, reverse=True):  # the outputs are at depth 0
        for node in by_depth[depth]:
            layer = node.operation
            sources = _sources(node, name_of, outer)
            if isinstance(layer, keras.Model):
                _add_feeds(layer, name_of, sources, feeds)
            elif id(layer) in name_of:
                known = feeds.setdefault(name_of[id(layer)], [])
                known += [name for name in sources if name not in known]


def _operations(model: Any, name_of: Mapping[int, str]) -> dict[str, list[str]]:
    """Returns the operations that are no layers, by class name, and are applied to the output of each layer."""
    found: dict[str, list[str]] = {}
    for graph in _graphs(model):
        nodes = getattr(getattr(graph, "_functional", None) or graph, "_nodes_by_depth", {})
        for depth in sorted(nodes, reverse=True):
            for node in nodes[depth]:
                if isinstance(node.operation, keras.layers.Layer):
                    continue
                for name in _sources(node, name_of, []):
                    found.setdefault(name, []).append(type(node.operation).__name__)
    return found


def _graphs(model: Any) -> list[Any]:
    """Returns a model and the models nested in it, outer ones first."""
    return [layer for layer in model._flatten_layers() if isinstance(layer, keras.Model)]


def _sources(node: Any, name_of: Mapping[int, str], outer: list[str]) -> list[str]:
    """Returns the layers whose outputs enter a node of the graph."""
    if isinstance(node.operation, keras.layers.InputLayer):
        return outer
    return list(dict.fromkeys(name for parent in node.parent_nodes for name in _ends(parent, name_of, outer)))


def _ends(node: Any, name_of: Mapping[int, str], outer: list[str]) -> list[str]:
    """Returns the layers that a node's outputs come from.

    That is the layer itself, or the last ones of a nested model; an operation that is no layer passes on what feeds it.
    """
    operation = node.operation
    if isinstance(operation, keras.Model):
        history = [tensor._keras_history for tensor in operation.outputs or []]
        return [name for op, index, _ in history for name in _ends(op._inbound_nodes[index], name_of, outer)]
    name = name_of.get(id(operation))
    return _sources(node, name_of, outer) if name is None else [name]

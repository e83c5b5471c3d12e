"""The graph of a Keras model: which calls of layers and operations read the outputs of which.

What the inputs of layers cannot tell stands here: operations that are no layers, layers that are called twice, the
order and the number of what is read.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras

from paramedic.describe.names import MAX_NAME, unique
from paramedic.describe.settings import settings
from paramedic.v1.description_pb2 import GraphNode

_READ = frozenset({"query", "value", "key"})
"""Parameters of layers, beside the first, that are read rather than consulted as a mask or a state is."""

_OUTSIDE = (-1, 0)
"""What a model is given; a call that reads it reads no other."""


class _Call(NamedTuple):
    """A node that is not named yet: the operation, the calls that it reads, and its other arguments."""

    operation: Any
    inputs: list[int]
    arguments: dict[str, Any]


class _OpaqueError(Exception):
    """Part of a model has a forward pass of its own."""


def is_opaque(model: Any) -> bool:
    """Whether a model, or one within it, has a forward pass of its own, which no graph tells.

    Args:
        model: A keras.Model.
    """
    return any(
        not isinstance(each, keras.Sequential) and _graph_of(each) is None
        for each in model._flatten_layers()
        if isinstance(each, keras.Model)
    )


def graph_nodes(model: Any, name_of: Mapping[int, str]) -> tuple[list[GraphNode], list[str]]:
    """Describes the graph of a model.

    Args:
        model: A keras.Model.
        name_of: Names of its layers, by identity.

    Returns:
        The nodes, each behind those that it reads, and the names of those whose outputs are the model's. Both are empty
        for a model without a graph, and where every layer is called once, on the output of the one before it.
    """
    graph = _graph_of(model)
    if graph is None:
        return [], []
    calls: list[_Call] = []
    try:
        calls, outputs = _reachable(calls, _add(graph, {}, calls, name_of))
    except _OpaqueError:
        return [], []
    if _is_chain(calls, outputs, name_of):
        return [], []
    given = [name_of.get(id(call.operation)) or str(call.operation.name) for call in calls]
    names = unique(given, MAX_NAME)
    nodes = [
        GraphNode(
            name=name,
            layer=name_of.get(id(call.operation), ""),
            operation="" if id(call.operation) in name_of else type(call.operation).__name__,
            inputs=[names[place] for place in call.inputs],
            arguments=settings(_named(call.arguments, names)),
        )
        for name, call in zip(names, calls, strict=True)
    ]
    return nodes, [names[place] for place in outputs]


def _graph_of(model: Any) -> Any:
    graph = getattr(model, "_functional", None) or model  # a Sequential keeps its graph there
    return graph if getattr(graph, "_nodes_by_depth", None) else None


def _add(graph: Any, outer: Mapping[int, tuple[int, int]], calls: list[_Call], name_of: Mapping[int, str]) -> list[int]:
    """Adds the calls of one graph.

    Args:
        graph: Of a model.
        outer: What its inputs are, by the identity of their tensors; empty for the outermost model.
        calls: Those that came before; those of the graph are appended.
        name_of: Names of layers, by identity; a Sequential keeps its input to itself.

    Returns:
        The calls that its outputs come from.
    """
    made = {id(tensor): _given(tensor, outer.get(id(tensor), _OUTSIDE), calls, name_of) for tensor in graph.inputs}
    for depth in sorted(graph._nodes_by_depth, reverse=True):  # the outputs are at depth 0
        for node in graph._nodes_by_depth[depth]:
            if isinstance(node.operation, keras.layers.InputLayer):
                continue
            if isinstance(node.operation, keras.Model):
                made.update(_within(node, made, calls, name_of))
                continue
            calls.append(_call(node, made))
            made.update({id(tensor): (len(calls) - 1, index) for index, tensor in enumerate(node.outputs)})
    return [made[id(tensor)][0] for tensor in graph.outputs]


def _given(tensor: Any, outer: tuple[int, int], calls: list[_Call], name_of: Mapping[int, str]) -> tuple[int, int]:
    """Adds the call of an input layer, unless what it gives comes from within or the layer has no name."""
    layer = tensor._keras_history.operation
    if outer != _OUTSIDE or id(layer) not in name_of or not isinstance(layer, keras.layers.InputLayer):
        return outer
    calls.append(_Call(layer, [], {}))
    return len(calls) - 1, 0


def _within(
    node: Any, made: Mapping[int, tuple[int, int]], calls: list[_Call], name_of: Mapping[int, str]
) -> dict[int, tuple[int, int]]:
    """Adds the calls of a nested model; returns what the outputs of its node are."""
    graph = _graph_of(node.operation)
    if graph is None:
        raise _OpaqueError
    read = [made[id(tensor)] for tensor in node.arguments.keras_tensors]
    inputs = {id(tensor): place for tensor, place in zip(graph.inputs, read, strict=True)}
    ends = _add(graph, inputs, calls, name_of)
    return {id(tensor): (place, 0) for tensor, place in zip(node.outputs, ends, strict=True)}


def _call(node: Any, made: Mapping[int, tuple[int, int]]) -> _Call:
    inputs: list[int] = []
    arguments: dict[str, Any] = {}
    is_layer = isinstance(node.operation, keras.layers.Layer)
    passed_on = {id(getattr(tensor, "_keras_mask", None)) for tensor in node.arguments.keras_tensors}
    for place, (name, value) in enumerate(_bound(node)):
        tensors = [each for each in keras.tree.flatten(value) if isinstance(each, keras.KerasTensor)]
        read = [made[id(tensor)] for tensor in tensors]
        if tensors and name.endswith("mask") and {id(tensor) for tensor in tensors} <= passed_on:
            continue  # Keras passes masks on by itself
        if tensors and (place == 0 or name in _READ or not is_layer) and all(index == 0 for _, index in read):
            inputs += [source for source, _ in read if source >= 0]
        elif tensors:
            arguments[name] = read
        elif value is not None and (name, value) != ("training", False):  # what a Sequential passes on
            arguments[name] = _plain(value)
    return _Call(node.operation, inputs, arguments if is_layer else _made_with(node.operation) | arguments)


def _bound(node: Any) -> list[tuple[str, Any]]:
    """The arguments of a call by parameter, in the order of the parameters."""
    args, kwargs = node.arguments.args, node.arguments.kwargs
    try:
        bound = inspect.signature(node.operation.call).bind_partial(*args, **kwargs)
    except (TypeError, ValueError):  # what a layer of the user's own declares
        return [*((str(place), value) for place, value in enumerate(args)), *kwargs.items()]
    return list(bound.arguments.items())


def _made_with(operation: Any) -> dict[str, Any]:
    """What an operation was made with: the axis of a mean, the shape of a reshape."""
    try:
        config = operation.get_config()
    except Exception:  # whatever an operation of the user's own raises
        return {}
    return {name: _plain(value) for name, value in config.items() if name != "name" and value is not None}


def _plain(value: Any) -> Any:
    """An argument with its slices told as data."""
    if isinstance(value, slice):
        return {"slice": [value.start, value.stop, value.step]}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _reachable(calls: Sequence[_Call], outputs: Sequence[int]) -> tuple[list[_Call], list[int]]:
    """Drops calls that no output depends on, such as those that compute masks."""
    kept: set[int] = set()
    pending = list(outputs)
    while pending:
        place = pending.pop()
        if place >= 0 and place not in kept:
            kept.add(place)
            pending += _all_read(calls[place])
    order = {place: number for number, place in enumerate(sorted(kept))}
    order[_OUTSIDE[0]] = _OUTSIDE[0]
    moved = [_moved(calls[place], order) for place in sorted(kept)]
    return moved, [order[place] for place in outputs]


def _all_read(call: _Call) -> list[int]:
    consulted = [place for value in call.arguments.values() if _is_read(value) for place, _ in value]
    return [*call.inputs, *consulted]


def _moved(call: _Call, order: Mapping[int, int]) -> _Call:
    arguments = {
        name: [(order[place], index) for place, index in value] if _is_read(value) else value
        for name, value in call.arguments.items()
    }
    return _Call(call.operation, [order[place] for place in call.inputs], arguments)


def _named(arguments: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Arguments with the calls that they come from told by name."""
    return {name: _nodes(value, names) if _is_read(value) else value for name, value in arguments.items()}


def _is_read(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(item) is tuple for item in value)


def _nodes(read: Sequence[tuple[int, int]], names: Sequence[str]) -> list[dict[str, Any]]:
    return [{"node": names[place], "output": index} for place, index in read]


def _is_chain(calls: Sequence[_Call], outputs: Sequence[int], name_of: Mapping[int, str]) -> bool:
    """Whether every layer is called once, on the output of the one before it and nothing else."""
    if outputs != [len(calls) - 1] or len({id(call.operation) for call in calls}) < len(calls):
        return False
    return all(
        id(call.operation) in name_of and not call.arguments and call.inputs == ([place - 1] if place else [])
        for place, call in enumerate(calls)
    )

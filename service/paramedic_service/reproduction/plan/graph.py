"""The graph of a described model: which layer or operation reads the outputs of which."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from paramedic_service.reproduction.plan.checks import name as checked_name
from paramedic_service.reproduction.plan.checks import readable, shown
from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.reproduction.plan.kinds import KINDS
from paramedic_service.reproduction.plan.limits import Limits
from paramedic_service.reproduction.plan.operations import UNARY
from paramedic_service.rules.description import Layer, Model

INPUT = "InputLayer"
PATH = "description.model"


@dataclass(frozen=True, slots=True)
class Node:
    """A place of the graph.

    Attributes:
        name: Unique within it.
        path: Of the field that tells of it, for errors.
        inputs: Names of the nodes whose outputs it reads, in their order.
        layer: Name of the layer that is called; empty for an operation.
        operation: Class name of an operation; empty for a layer.
        arguments: Of the call beside what it reads, by parameter.
    """

    name: str
    path: str
    inputs: tuple[str, ...] = ()
    layer: str = ""
    operation: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Graph:
    """A model's graph.

    Attributes:
        nodes: By name, each behind those that it reads.
        outputs: Names of the nodes whose outputs are the model's.
    """

    nodes: Mapping[str, Node]
    outputs: tuple[str, ...]


def read_graph(model: Model, limits: Limits) -> Graph:
    """Reads the graph of a model.

    Args:
        model: As described.
        limits: Bounds.

    Raises:
        SpecError: It has none, names occur twice or lead nowhere, or it runs in a circle.
    """
    if not model.layers:
        raise SpecError(f"{PATH}.layers", "there are none, and a model needs one")
    for count, where in ((len(model.layers), "layers"), (len(model.nodes), "nodes")):
        if count > limits.layers:
            raise SpecError(f"{PATH}.{where}", f"got {count}, expected at most {limits.layers}")
    _check_names(model.layers, limits)
    if model.opaque:
        raise SpecError(
            f"{PATH}.opaque",
            "its forward pass is code of its own, which is not run; write it as a Sequential or functional model",
        )
    return _described(model, limits) if model.nodes else _implied(model.layers)


def changed(graph: Graph, before: Sequence[Layer], after: Sequence[Layer], limits: Limits) -> Graph:
    """The graph once a patch inserted layers behind others, or removed some.

    Args:
        graph: As described.
        before: The layers that it was described with.
        after: The layers as patched.
        limits: Bounds.

    Raises:
        SpecError: What is left does not hang together.
    """
    _check_names(after, limits)
    old = {layer.name for layer in before}
    new = {layer.name for layer in after}
    nodes, outputs = dict(graph.nodes), graph.outputs
    for gone in [layer.name for layer in before if layer.name not in new]:
        nodes, outputs = _without(nodes, outputs, gone)
    previous = ""
    for place, layer in enumerate(after):
        if layer.name not in old:
            nodes, outputs = _with(nodes, outputs, layer.name, previous, f"{PATH}.layers[{place}]")
        previous = layer.name
    if not outputs:
        raise SpecError(f"{PATH}.layers", "nothing is left that computes an output")
    return Graph(_ordered(nodes), outputs)


def _check_names(layers: Sequence[Layer], limits: Limits) -> None:
    seen: dict[str, int] = {}
    for place, layer in enumerate(layers):
        field_path = f"{PATH}.layers[{place}].name"
        checked_name(layer.name, field_path, limits.text)
        if layer.name in seen:
            raise SpecError(field_path, f"{shown(layer.name)} is the name of layers[{seen[layer.name]}] already")
        seen[layer.name] = place


def _described(model: Model, limits: Limits) -> Graph:
    """The graph that nodes tell."""
    layers = {layer.name for layer in model.layers}
    nodes: dict[str, Node] = {}
    for place, node in enumerate(model.nodes):
        path = f"{PATH}.nodes[{place}]"
        checked_name(node.name, f"{path}.name", limits.text)
        if node.name in nodes:
            raise SpecError(f"{path}.name", f"{shown(node.name)} is the name of another node already")
        if bool(node.layer) == bool(node.operation):
            raise SpecError(f"{path}.layer", "expected either a layer or an operation")
        if node.layer and node.layer not in layers:
            raise SpecError(f"{path}.layer", f"there is no layer {shown(node.layer)}")
        readable(node.operation, f"{path}.operation", limits.text)
        nodes[node.name] = Node(node.name, path, tuple(node.inputs), node.layer, node.operation, dict(node.arguments))
    _check_references(nodes, model.outputs)
    if not model.outputs:
        raise SpecError(f"{PATH}.outputs", "there are none, and a model with nodes names what it computes")
    return Graph(_ordered(nodes), tuple(model.outputs))


def _implied(layers: Sequence[Layer]) -> Graph:
    """The graph that the inputs of layers tell: each is called once, on those or else on the layer before it."""
    nodes: dict[str, Node] = {}
    previous = ""
    for place, layer in enumerate(layers):
        path = f"{PATH}.layers[{place}]"
        first = layer.kind == INPUT and (not previous or "/" not in layer.name) and not layer.inputs
        inputs = () if first or not (layer.inputs or previous) else tuple(layer.inputs) or (previous,)
        nodes[layer.name] = Node(layer.name, path, inputs, layer.name)
        previous = layer.name
    _check_references(nodes, ())
    return _with_operations(_ordered(nodes), {layer.name: layer for layer in layers})


def _with_operations(nodes: Mapping[str, Node], layers: Mapping[str, Layer]) -> Graph:
    """Puts operations back that are only known to have been applied to a layer's output.

    Additions can be told: a layer that reads one array and is fed by several reads their sum. So can a chain of
    operations without arguments behind a layer that feeds no more than one other. Anything else could have been several
    things.
    """
    readers: dict[str, int] = dict.fromkeys(nodes, 0)
    for node in nodes.values():
        for source in node.inputs:
            readers[source] += 1
    result: dict[str, Node] = {}
    stands_for: dict[str, str] = {}
    for node in nodes.values():
        applied = {each for source in node.inputs for each in _noted(layers[source])}
        kind = KINDS.get(layers[node.layer].kind)
        inputs = tuple(stands_for.get(source, source) for source in node.inputs)
        if kind is not None and len(inputs) > kind.inputs[1]:
            if applied != {"Add"}:
                raise SpecError(
                    f"{node.path}.inputs", f"a {layers[node.layer].kind} reads {kind.inputs[1]}, not {len(inputs)}"
                )
            total = Node(f"{node.name}/sum", node.path, inputs, operation="Add")
            result[total.name] = total
            inputs = (total.name,)
        elif applied and kind is not None and kind.inputs[1] > 1:
            raise _ambiguous(node)
        elif kind is not None and 0 < len(inputs) < kind.inputs[0]:
            inputs += (inputs[-1],) * (kind.inputs[0] - len(inputs))  # told once, however often it is read
        result[node.name] = replace(node, inputs=inputs)
        operations = _noted(layers[node.layer])
        if not operations or (set(operations) == {"Add"} and readers[node.name]):
            continue
        if readers[node.name] > 1 or not all(each in UNARY for each in operations):
            raise _ambiguous(node)
        last = node.name
        for number, each in enumerate(operations):
            result[f"{node.name}/{each.lower()}_{number}"] = Node(
                f"{node.name}/{each.lower()}_{number}", node.path, (last,), operation=each
            )
            last = f"{node.name}/{each.lower()}_{number}"
        stands_for[node.name] = last
    outputs = tuple(stands_for.get(name, name) for name, count in readers.items() if not count)
    return Graph(_ordered(result), outputs)


def _noted(layer: Layer) -> tuple[str, ...]:
    noted = layer.settings.get("operations")
    return tuple(map(str, noted)) if isinstance(noted, list) else ()


def _ambiguous(node: Node) -> SpecError:
    return SpecError(
        f"{node.path}.settings.operations",
        "these operations could have been applied in several ways; report the run with a client that tells its nodes, "
        "or use layers such as Add in their place",
    )


def _check_references(nodes: Mapping[str, Node], outputs: Sequence[str]) -> None:
    for node in nodes.values():
        for place, source in enumerate(node.inputs):
            if source not in nodes:
                raise SpecError(f"{node.path}.inputs[{place}]", f"there is no {shown(source)} to read")
            if source == node.name:
                raise SpecError(f"{node.path}.inputs[{place}]", f"{shown(source)} reads its own output")
    for place, output in enumerate(outputs):
        if output not in nodes:
            raise SpecError(f"{PATH}.outputs[{place}]", f"there is no node {shown(output)}")


def _ordered(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """Nodes behind what they read, else in the order they came in: Kahn, 1962."""
    missing = {name: len(set(node.inputs)) for name, node in nodes.items()}
    readers: dict[str, list[str]] = {name: [] for name in nodes}
    for node in nodes.values():
        for source in dict.fromkeys(node.inputs):
            readers[source].append(node.name)
    ready = [name for name, count in missing.items() if not count]
    ordered: dict[str, Node] = {}
    while ready:
        name = ready.pop(0)
        ordered[name] = nodes[name]
        for reader in readers[name]:
            missing[reader] -= 1
            if not missing[reader]:
                ready.append(reader)
    if len(ordered) < len(nodes):
        stuck = next(node for name, node in nodes.items() if name not in ordered)
        raise SpecError(f"{stuck.path}.inputs", f"{shown(stuck.name)} waits for its own output: the graph has a cycle")
    return ordered


def _without(
    nodes: Mapping[str, Node], outputs: tuple[str, ...], layer: str
) -> tuple[dict[str, Node], tuple[str, ...]]:
    """Leads what a layer reads to whoever read the layer, wherever it is called."""
    kept = dict(nodes)
    for node in [node for node in nodes.values() if node.layer == layer]:
        inputs = kept.pop(node.name).inputs
        if len(inputs) != 1:
            raise SpecError(node.path, f"{shown(layer)} reads {len(inputs)} arrays, so nothing can stand in its place")
        kept = {name: _reading(each, node.name, inputs[0]) for name, each in kept.items()}
        outputs = tuple(inputs[0] if each == node.name else each for each in outputs)
    return kept, outputs


def _with(
    nodes: Mapping[str, Node], outputs: tuple[str, ...], layer: str, behind: str, path: str
) -> tuple[dict[str, Node], tuple[str, ...]]:
    """Leads what a layer computes through another one, wherever it is called."""
    result = dict(nodes)
    for number, node in enumerate([node for node in nodes.values() if node.layer == behind]):
        name = layer if not number else f"{layer}#{number + 1}"
        if name in result:
            raise SpecError(path, f"there is a {shown(name)} already")
        result = {each: _reading(reader, node.name, name) for each, reader in result.items()}
        result[name] = Node(name, path, (node.name,), layer)
        outputs = tuple(name if each == node.name else each for each in outputs)
    return result, outputs


def _reading(node: Node, old: str, new: str) -> Node:
    return replace(node, inputs=tuple(new if each == old else each for each in node.inputs))

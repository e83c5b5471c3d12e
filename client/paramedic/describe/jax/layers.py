"""The layers of a traced loss function: which parameters enter which operation, and what comes of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from paramedic.describe.jax.functions import LINEAR, UNKNOWN, activated, named, without_factor
from paramedic.describe.jax.graph import Graph, Node, Value
from paramedic.describe.jax.origins import Origins
from paramedic.describe.jax.recurrence import Recurrence, recurrences
from paramedic.v1.description_pb2 import TensorRole

Path = tuple[str, ...]

_MAX_NEAR = 32
"""Operations that a normalisation may take."""


@dataclass(eq=False, slots=True)
class Layer:
    """One layer.

    Attributes:
        name: Its parameters' path.
        kind: As Keras calls it.
        data: What it reads; None where that is not known.
        output: What it makes, before its activation.
        after: What its activation makes of that; the same without one.
        activation: Its name.
        unit_axis: Axis of the units in its output.
        units: Their number; None where it has none of its own.
        roles: Its parameters, by place in the pytree.
        settings: What else is known of it.
        recurrence: Its loop over time, of a recurrent layer.
    """

    name: str
    kind: str
    data: Value | None
    output: Value
    after: Value
    activation: str
    unit_axis: int
    units: int | None
    roles: dict[int, Any]
    settings: dict[str, Any] = field(default_factory=dict)
    recurrence: Recurrence | None = None


def layers_of(graph: Graph, origins: Origins, paths: Sequence[Path]) -> list[Layer]:
    """Returns the layers that can be recognised, in forward order.

    Args:
        graph: Of a loss function.
        origins: Of its values.
        paths: The keys that lead to each parameter.
    """
    found: list[Layer] = []
    taken: set[int] = set()
    parents = Counter(paths[kernel[0]][:-1] for node in graph.nodes if (kernel := origins.kernel(node)) is not None)
    looping = {node: recurrences(node, origins) for node in graph.nodes if node.name == "scan"}
    owned = {
        prefix: recurrence
        for each in looping.values()
        for recurrence in each
        if (prefix := _common([paths[leaf][:-1] for leaf in recurrence.recurrent_kernels]))
    }
    before_loop: dict[Recurrence, tuple[Node, int]] = {}
    for node in graph.nodes:
        kernel = origins.kernel(node)
        if node.name == "scan":
            for recurrence in looping[node]:
                if taken.isdisjoint(recurrence.recurrent_kernels):
                    found.append(_recurrent(recurrence, paths, before_loop.get(recurrence), len(looping[node]) == 1))
                    taken.update(found[-1].roles)
        elif kernel is not None and kernel[0] not in taken:
            taken.add(kernel[0])
            recurrence_of = owned.get(paths[kernel[0]][:-1])
            if recurrence_of is not None:
                before_loop[recurrence_of] = node, kernel[1]
                continue
            parent = paths[kernel[0]][:-1]
            name = "/".join(parent if parent and parents[parent] == 1 else paths[kernel[0]])
            found.append(_weighted(graph, origins, node, kernel, name))
        elif node.name == "gather" and (leaf := origins.leaf(node.inputs[0])) is not None and leaf not in taken:
            if origins.is_data(node.inputs[1]) and len(node.inputs[0].shape) == 2:
                taken.add(leaf)
                found.append(_embedding(node, leaf, "/".join(paths[leaf][:-1] or paths[leaf])))
        elif node.name == "mul":
            layer = _normalisation(graph, origins, node, paths)
            if layer is not None and taken.isdisjoint(layer.roles):
                taken.update(layer.roles)
                found.append(layer)
    _name_activations(graph, origins, found)
    return found


def _weighted(graph: Graph, origins: Origins, node: Node, kernel: tuple[int, int], name: str) -> Layer:
    """A dense layer or a convolution."""
    leaf, place = kernel
    data = node.inputs[1 - place]
    roles = {leaf: TensorRole.TENSOR_ROLE_KERNEL}
    settings: dict[str, Any] = {}
    if node.name == "conv_general_dilated":
        numbers = node.params["dimension_numbers"]
        kind = f"Conv{len(node.output.shape) - 2}D"
        if any(step > 1 for step in node.params["lhs_dilation"]):
            kind += "Transpose"
        elif node.params["feature_group_count"] > 1:
            kind = f"Depthwise{kind}"
        unit_axis = int(numbers.out_spec[1])
        units = node.output.shape[unit_axis]
        settings["strides"] = list(node.params["window_strides"])
        settings["kernel_size"] = [node.inputs[place].shape[axis] for axis in numbers.rhs_spec[2:]]
    else:
        contracted, batched = (axes[place] for axes in node.params["dimension_numbers"])
        free = len(node.inputs[place].shape) - len(contracted) - len(batched)
        kind = "Dense" if free == 1 and len(contracted) == 1 and not batched else "EinsumDense"
        # The axes of the first operand come first.
        unit_axis = len(batched) if place == 0 else len(node.output.shape) - 1
        units = node.output.shape[unit_axis] if free else 1
    output, unit_axis = _with_bias(origins, node.output, unit_axis, roles)
    settings["use_bias"] = len(roles) > 1
    after = activated(graph, origins, output)
    known = LINEAR if after is output else UNKNOWN
    return Layer(name, kind, data, output, after or output, known, unit_axis, units, roles, settings)


def _with_bias(origins: Origins, output: Value, unit_axis: int, roles: dict[int, Any]) -> tuple[Value, int]:
    """Follows what a kernel made to where the bias was added; as far as it is shown another way, and no further."""
    value, axis = output, unit_axis
    while len(value.users) == 1:
        user = value.users[0]
        if user.name == "transpose":
            axis = list(user.params["permutation"]).index(axis)
        elif (
            user.name in ("reshape", "squeeze")
            and axis == len(value.shape) - 1
            and value.shape[-1:] == user.output.shape[-1:]
        ):
            axis = len(user.output.shape) - 1
        elif user.name in ("add", "add_any"):
            other = user.inputs[1] if user.inputs[0] is value else user.inputs[0]
            leaf = origins.leaf(other)
            if leaf is None:
                break
            roles[leaf] = TensorRole.TENSOR_ROLE_BIAS
            return user.output, axis
        elif user.name != "convert_element_type":
            break
        value = user.output
    return output, unit_axis


def _embedding(node: Node, leaf: int, name: str) -> Layer:
    table = node.inputs[0].shape
    settings = {"input_dim": table[0], "output_dim": table[1]}
    roles = {leaf: TensorRole.TENSOR_ROLE_EMBEDDING}
    output = node.output
    return Layer(name, "Embedding", node.inputs[1], output, output, "", len(output.shape) - 1, None, roles, settings)


def _recurrent(recurrence: Recurrence, paths: Sequence[Path], before: tuple[Node, int] | None, alone: bool) -> Layer:
    prefix = _common([paths[leaf][:-1] for leaf in recurrence.recurrent_kernels])
    name = "/".join(prefix or paths[recurrence.recurrent_kernels[0]])
    roles = dict.fromkeys(recurrence.recurrent_kernels, TensorRole.TENSOR_ROLE_RECURRENT_KERNEL)
    kernels = [leaf for leaf in recurrence.kernels if alone or (prefix and paths[leaf][: len(prefix)] == prefix)]
    roles |= dict.fromkeys(kernels, TensorRole.TENSOR_ROLE_KERNEL)
    for leaf in recurrence.others:
        if (alone and not prefix) or (prefix and paths[leaf][: len(prefix)] == prefix):
            roles[leaf] = TensorRole.TENSOR_ROLE_BIAS
    data = recurrence.data if alone or kernels else None
    if before is not None:
        node, place = before
        data = node.inputs[1 - place]
    output = recurrence.sequence or recurrence.last
    settings = {
        "return_sequences": recurrence.sequence is not None,
        "go_backwards": bool(recurrence.node.params["reverse"]),
    }
    return Layer(
        name,
        recurrence.kind,
        data,
        output,
        output,
        recurrence.activation,
        len(output.shape) - 1,
        recurrence.units,
        roles,
        settings,
        recurrence,
    )


def _normalisation(graph: Graph, origins: Origins, node: Node, paths: Sequence[Path]) -> Layer | None:
    """A normalisation, where an operation multiplies what was divided by its own deviation by a parameter."""
    for place in (0, 1):
        scale, values = origins.leaf(node.inputs[place]), node.inputs[1 - place]
        if scale is None or len(paths[scale]) < 2 or not origins.is_data(values):
            continue
        near = _near(origins, values)
        names = {each.name for each in near}
        reduced = {axis for each in near if each.name == "reduce_sum" for axis in each.params["axes"]}
        if not (names & {"rsqrt", "sqrt"}) or not reduced:
            continue
        kind = "BatchNormalization" if 0 in reduced else "LayerNormalization" if "sub" in names else "RMSNormalization"
        roles = {scale: TensorRole.TENSOR_ROLE_SCALE}
        output, axis = _with_bias(origins, node.output, len(node.output.shape) - 1, roles)
        roles |= {leaf: TensorRole.TENSOR_ROLE_OFFSET for leaf in roles if leaf != scale}
        after = activated(graph, origins, output)
        known = LINEAR if after is output else UNKNOWN
        return Layer("/".join(paths[scale][:-1]), kind, values, output, after or output, known, axis, None, roles)
    return None


def _near(origins: Origins, value: Value) -> list[Node]:
    """What a value is computed by, back to the layers before."""
    seen: dict[Node, None] = {}
    ahead = [value]
    while ahead and len(seen) < _MAX_NEAR:
        node = ahead.pop(0).producer
        if node is None or node in seen or node.name in ("scan", "gather") or origins.kernel(node) is not None:
            continue
        seen[node] = None
        ahead += node.inputs
    return list(seen)


def _name_activations(graph: Graph, origins: Origins, layers: Sequence[Layer]) -> None:
    """Names the functions that are applied to the outputs of layers, but for a factor, such as that of a dropout."""
    tried = [
        (layer, after)
        for layer in layers
        if layer.after is not layer.output
        for after in (layer.after, without_factor(origins, layer.after))
        if after is not None
    ]
    names = named(graph, [(layer.output, after) for layer, after in tried])
    for (layer, after), name in zip(tried, names, strict=True):
        if layer.activation == UNKNOWN and name != UNKNOWN:
            layer.activation, layer.after = name, after


def _common(parents: Sequence[Path]) -> Path:
    """Returns what all paths begin with."""
    shared = []
    for keys in zip(*parents, strict=False):
        if len(set(keys)) > 1:
            break
        shared.append(keys[0])
    return tuple(shared)

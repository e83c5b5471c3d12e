"""A traced loss function's layers as a model in neutral terms, and its parameters as a tensor table."""

import math
from collections.abc import Sequence
from typing import Any

import jax

from paramedic.describe.jax.graph import Graph, Value
from paramedic.describe.jax.layers import Layer
from paramedic.describe.jax.origins import VIEWS, Origins
from paramedic.describe.jax.tensors import tensor_name, trained
from paramedic.describe.jax.traced import TracedLoss
from paramedic.describe.settings import settings
from paramedic.v1.description_pb2 import LayerConfig, ModelConfig, Tensor, TensorRole

_OTHER = "Lambda"
"""The kind of whatever computes something that is not recognised; rules conclude nothing from what is around it."""
_JOINED = frozenset({"concatenate", "pad", "dynamic_slice"}) | VIEWS
_RANDOM = frozenset({"random_bits", "threefry2x32", "rng_bit_generator"})
_ROLE_ORDER = (
    TensorRole.TENSOR_ROLE_EMBEDDING,
    TensorRole.TENSOR_ROLE_KERNEL,
    TensorRole.TENSOR_ROLE_RECURRENT_KERNEL,
    TensorRole.TENSOR_ROLE_SCALE,
    TensorRole.TENSOR_ROLE_BIAS,
    TensorRole.TENSOR_ROLE_OFFSET,
    TensorRole.TENSOR_ROLE_UNSPECIFIED,
)
# What parameters are called that are used in no way that was recognised.
_NAMED_ROLES = {
    "kernel": TensorRole.TENSOR_ROLE_KERNEL,
    "recurrent_kernel": TensorRole.TENSOR_ROLE_RECURRENT_KERNEL,
    "bias": TensorRole.TENSOR_ROLE_BIAS,
    "embedding": TensorRole.TENSOR_ROLE_EMBEDDING,
    "scale": TensorRole.TENSOR_ROLE_SCALE,
}


def tensor_table(
    traced: TracedLoss | None, params: Any, names: Sequence[tuple[str, ...]]
) -> tuple[list[int], list[Tensor]]:
    """Puts parameters in forward order and describes them.

    Args:
        traced: The loss function; None where it could not be traced.
        params: The parameters.
        names: The keys that lead to each leaf.

    Returns:
        Among the parameters that are trained, the place of each row of the table; and the table.
    """
    leaves = jax.tree.leaves(params)
    chosen = [place for place, wanted in enumerate(trained(params)) if wanted]
    owner: dict[tuple[str, ...], tuple[str, Any]] = {}
    first: dict[tuple[str, ...], int] = {}
    if traced is not None:
        for layer in traced.layers:
            owner |= {traced.paths[leaf]: (layer.name, role) for leaf, role in layer.roles.items()}
        first = _first_uses(traced)
    positions: dict[str, int] = {}
    rows = []
    for order, place in enumerate(chosen):
        path = names[place]
        layer_name, role = owner.get(path, ("/".join(path[:-1]), _NAMED_ROLES.get(path[-1] if path else "", 0)))
        use = first.get(path, len(first) + len(leaves))
        positions[layer_name] = min(positions.get(layer_name, use), use)
        rows.append((order, path, leaves[place], layer_name, role, use))
    rows.sort(key=lambda row: (positions[row[3]], row[3], _ROLE_ORDER.index(row[4]), row[5], row[0]))
    return [row[0] for row in rows], [
        Tensor(
            name=tensor_name(path), shape=leaf.shape, element_count=math.prod(leaf.shape), layer=layer_name, role=role
        )
        for _, path, leaf, layer_name, role, _ in rows
    ]


def model_config(traced: TracedLoss, params: Any) -> ModelConfig:
    """Describes the layers that were recognised, and what lies between them.

    Args:
        traced: The loss function.
        params: The parameters.
    """
    wanted = zip(jax.tree.leaves(params), trained(params), strict=True)
    config = ModelConfig(trainable_parameters=sum(math.prod(leaf.shape) for leaf, is_trained in wanted if is_trained))
    edges = _Edges(traced.graph, traced.origins, traced.layers)
    for layer in traced.layers:
        inputs = edges.into(layer)
        before = config.layers[-1].name if config.layers else None
        config.layers.extend(edges.between)
        if edges.between:
            before = config.layers[-1].name
        edges.between.clear()
        config.layers.append(_layer_config(traced, layer, [] if inputs == [before] or not inputs else inputs))
    return config


def _layer_config(traced: TracedLoss, layer: Layer, inputs: list[str]) -> LayerConfig:
    sizes = {value: value.shape for value in traced.graph.inputs}
    leaves = [sizes[traced.graph.inputs[leaf]] for leaf in layer.roles]
    config = LayerConfig(
        name=layer.name,
        kind=layer.kind,
        activation=layer.activation,
        units=layer.units,
        input_shape=[] if layer.data is None else _batched(traced, layer.data),
        output_shape=_batched(traced, layer.output),
        parameters=sum(map(math.prod, leaves)),
        inputs=inputs,
        settings=settings(layer.settings),
    )
    if layer.recurrence is not None and layer.data is not None:
        # Loops go over the first axis, and layers are described with samples before time.
        config.input_shape[:] = [-1, layer.recurrence.steps, layer.data.shape[-1]]
        if layer.settings["return_sequences"]:
            config.output_shape[:] = [-1, layer.recurrence.steps, layer.recurrence.units]
    return config


def _batched(traced: TracedLoss, value: Value) -> list[int]:
    """A shape with samples first, -1 for their number; empty where it is not known which axis counts them."""
    axis = traced.sample_axis(value)
    if axis is None:
        return []
    return [-1, *(size for place, size in enumerate(value.shape) if place != axis)]


class _Edges:
    """Which layers feed which, and what lies between them.

    Attributes:
        between: Layers that were made up for what lies between those that were asked for.
    """

    def __init__(self, graph: Graph, origins: Origins, layers: Sequence[Layer]) -> None:
        self.between: list[LayerConfig] = []
        self._origins = origins
        self._owners: dict[Value, str] = {}
        for layer in layers:
            self._owners |= {layer.output: layer.name, layer.after: layer.name}
            if layer.recurrence is not None:
                self._owners |= dict.fromkeys(layer.recurrence.node.outputs, layer.name)
        self._names = {layer.name for layer in layers}
        self._normalising = {layer.data: layer for layer in layers if layer.kind.endswith("Normalization")}

    def into(self, layer: Layer) -> list[str]:
        """Returns the names of what feeds a layer."""
        if layer.data is None:
            return []
        return self._beyond(layer.data) if layer.data in self._normalising else self._ends(layer.data)

    def _ends(self, value: Value) -> list[str]:
        """What a value shows or joins, and else a layer that is made up for how it is computed."""
        if value in self._owners:
            return [self._owners[value]]
        node = value.producer
        if node is None or not self._origins.is_data(value):
            return []
        if node.name in _JOINED:
            found = [self._ends(each) for each in node.inputs]
            names = list(dict.fromkeys(name for each in found for name in each))
            return names if node.name != "concatenate" or len(names) < 2 else self._made_up("Concatenate", value, names)
        read = [each for each in node.inputs if self._origins.is_data(each)]
        if node.name in ("add", "add_any") and len(read) == 2:
            both = [self._ends(each) for each in read]
            if all(both):
                names = list(dict.fromkeys(name for each in both for name in each))
                return self._made_up("Add", value, names)
        names = self._beyond(value)
        if not names:
            return []
        dropped = self._dropped(value)
        return self._made_up("Dropout" if dropped is not None else _OTHER, value, names if dropped is None else dropped)

    def _dropped(self, value: Value) -> list[str] | None:
        """What feeds a dropout: a choice, or a product, of which one part is random and knows no layer."""
        node = value.producer
        if node is None or node.name not in ("mul", "div", "select_n"):
            return None
        random = [each for each in node.inputs if not self._beyond(each) and self._is_random(each)]
        kept = [each for each in node.inputs if self._beyond(each)]
        if not random or len(kept) != 1:
            return None
        inner = kept[0]
        while (
            inner not in self._owners and inner.producer is not None and inner.producer.name in ("mul", "div", *VIEWS)
        ):
            read = [each for each in inner.producer.inputs if self._beyond(each)]
            if len(read) != 1 or any(self._is_random(each) for each in inner.producer.inputs if each is not read[0]):
                break
            inner = read[0]
        return self._ends(inner)

    def _is_random(self, value: Value) -> bool:
        return any(
            each.producer is not None and each.producer.name in _RANDOM for each in _upstream(value, self._owners)
        )

    def _beyond(self, value: Value) -> list[str]:
        """The layers that a value comes from, whatever lies between."""
        found = [self._owners[each] for each in _upstream(value, self._owners) if each in self._owners]
        return list(dict.fromkeys(found))

    def _made_up(self, kind: str, value: Value, inputs: list[str]) -> list[str]:
        name = kind.lower()
        count = 0
        while name in self._names:
            count += 1
            name = f"{kind.lower()}_{count}"
        self._names.add(name)
        self._owners[value] = name
        self.between.append(LayerConfig(name=name, kind=kind, inputs=inputs))
        return [name]


def _upstream(value: Value, stop: Any) -> list[Value]:
    """A value and all that it comes from, up to some, which are included."""
    seen: dict[Value, None] = {}
    ahead = [value]
    while ahead:
        each = ahead.pop()
        if each in seen:
            continue
        seen[each] = None
        if each not in stop and each.producer is not None:
            ahead += each.producer.inputs
    return list(seen)


def _first_uses(traced: TracedLoss) -> dict[tuple[str, ...], int]:
    """Where in the loss function each parameter is used first, views of it aside."""
    first: dict[tuple[str, ...], int] = {}
    for position, node in enumerate(traced.graph.nodes):
        if node.name in VIEWS:
            continue
        for value in node.inputs:
            leaf = traced.origins.leaf(value)
            if leaf is not None:
                first.setdefault(traced.paths[leaf], position)
    return first

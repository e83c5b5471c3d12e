"""A loss function as it was traced, and what could be recognised in it."""

import logging
import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from paramedic.describe.jax.graph import Graph, Value, graph_of
from paramedic.describe.jax.layers import Layer, layers_of
from paramedic.describe.jax.losses import KnownLoss, recognise
from paramedic.describe.jax.origins import Origins
from paramedic.describe.jax.tensors import paths

_LOG = logging.getLogger("paramedic")

MAX_SAMPLES = 32
"""Samples of the first batch that are kept, to look at the model with."""

MAX_NUMBERS = 4_000_000
"""Numbers that the largest value may have for them; fewer samples are kept of larger models, two at least."""


class TracedLoss:
    """What a loss function computes of some samples.

    Attributes:
        arguments: Its arguments behind the parameters, of samples of the first batch: those that are arrays, flat.
        graph: What it computes; arrays among the parameters come first, then the arguments.
        paths: The keys that lead to each array among the parameters.
        layers: What was recognised, in forward order.
        loss: What is minimised; None where that was not recognised.
        inputs: Places in `arguments` of what the layers read.
        targets: Places in `arguments` of what the loss reads besides.
        batch_size: Samples of the first batch; None where it is not known which axis counts them.
    """

    def __init__(self, function: Callable[..., Any], params: Any, arguments: Sequence[Any]) -> None:
        """Traces a loss function; nothing is computed.

        Args:
            function: Takes the parameters and the arguments; returns the loss, or it and something else.
            params: The parameters.
            arguments: The others, as the first step is given them.
        """
        self._call = _flat(function, params, arguments)
        shapes = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(params) if _is_array(leaf)]
        given = [leaf for leaf in jax.tree.leaves(arguments) if _is_array(leaf)]
        keys = paths(params)
        self.paths = [keys[place] for place, leaf in enumerate(jax.tree.leaves(params)) if _is_array(leaf)]
        self.batch_size: int | None = None
        self.arguments, self.graph, self._axes = self._trace(shapes, [_local(leaf) for leaf in given])
        leaves = {value: place for place, value in enumerate(self.graph.inputs[: len(shapes)])}
        data = self.graph.inputs[len(shapes) :]
        self.origins = Origins(self.graph, leaves, data)
        self.layers: list[Layer] = []
        self.loss: KnownLoss | None = None
        self.inputs: list[int] = []
        self.targets: list[int] = []
        try:
            self.layers = layers_of(self.graph, self.origins, self.paths)
            self.inputs, self.targets = self._roles(data)
        except Exception:
            _LOG.debug("the layers of the loss function cannot be recognised", exc_info=True)

    def sample_axis(self, value: Value) -> int | None:
        """Returns the axis of a value that counts samples; None when there is none, or it is not known."""
        return None if self._axes is None else self._axes.get(value)

    def recognise_loss(self, params: Sequence[Any]) -> None:
        """Recognises the loss, where the model has one output and one target; computes it a few times for that.

        Args:
            params: The arrays among the parameters.
        """
        ends = self.ends()
        if len(ends) != 1 or len(self.targets) != 1 or not self.graph.pure:
            return
        output, target = ends[0].output, self.graph.inputs[len(params) + self.targets[0]]
        if ends[0].unit_axis != len(output.shape) - 1 or math.prod(output.shape) > MAX_NUMBERS:
            return
        axes = self.sample_axis(output) or 0, self.sample_axis(target) or 0
        given = dict(zip(self.graph.inputs, [*params, *self.arguments], strict=True))
        del given[target]
        try:
            self.loss = recognise(self.graph, given, output, target, axes)
        except Exception:
            _LOG.debug("the loss cannot be recognised", exc_info=True)
        if self.loss is not None:
            ends[0].activation, ends[0].after = self.loss.activation, output

    def ends(self) -> list[Layer]:
        """Layers that feed no other."""
        feeding = {value for layer in self.layers if layer.data is not None for value in _values_behind(layer.data)}
        return [layer for layer in self.layers if layer.output not in feeding]

    def _trace(self, params: list[Any], given: list[Any]) -> tuple[list[Any], Graph, dict[Value, int] | None]:
        """Traces it for some samples and for one less: the axes that differ count samples."""
        for size in _batch_sizes(given):
            count = min(size, MAX_SAMPLES)
            try:
                some, graph, axes = self._trace_samples(params, given, size, count)
                largest = max(math.prod(value.shape) for node in graph.nodes for value in node.outputs)
                if largest > MAX_NUMBERS and count > 2:
                    count = max(2, count * MAX_NUMBERS // largest)
                    some, graph, axes = self._trace_samples(params, given, size, count)
            except Exception:
                _LOG.debug("the loss function does not take %d of %d samples", count, size, exc_info=True)
                continue
            self.batch_size = size
            return [jnp.array(leaf, copy=True) for leaf in some], graph, axes
        graph = graph_of(jax.make_jaxpr(self._call)(params, given), [0])
        return [jnp.array(leaf, copy=True) for leaf in given], graph, None

    def _trace_samples(
        self, params: list[Any], given: list[Any], size: int, count: int
    ) -> tuple[list[Any], Graph, dict[Value, int]]:
        some, fewer = (
            [leaf[:number] if leaf.shape[:1] == (size,) else leaf for leaf in given] for number in (count, count - 1)
        )
        graph, other = (graph_of(jax.make_jaxpr(self._call)(params, each), [0]) for each in (some, fewer))
        return some, graph, _differing(graph, other)

    def _roles(self, data: Sequence[Value]) -> tuple[list[int], list[int]]:
        """Divides the arguments into inputs and targets."""
        read = {value for layer in self.layers if layer.data is not None for value in _values_behind(layer.data)}
        made = {layer.output for layer in self.layers}
        beside = set(_values_behind(self.graph.outputs[0], made))
        numeric = [
            place
            for place, value in enumerate(data)
            if _is_numeric(value) and (self._axes is None or value in self._axes)
        ]
        inputs = [place for place in numeric if data[place] in read]
        return inputs, [place for place in numeric if data[place] in beside and data[place] not in read]


def _flat(function: Callable[..., Any], params: Any, arguments: Sequence[Any]) -> Callable[..., Any]:
    """The function of arrays only; whatever else is given stays as it is."""
    leaves, structure = jax.tree.flatten((params, tuple(arguments)))

    def call(*arrays: Any) -> Any:
        filled = iter(jax.tree.leaves(arrays))
        params, arguments = structure.unflatten([next(filled) if _is_array(leaf) else leaf for leaf in leaves])
        return function(params, *arguments)

    return call


def _is_array(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and hasattr(leaf, "dtype")


def _is_numeric(value: Value) -> bool:
    return bool(jnp.issubdtype(value.dtype, np.number) or value.dtype == np.bool_)


def _local(leaf: Any) -> Any:
    """What this process has of an array."""
    return leaf.addressable_data(0) if isinstance(leaf, jax.Array) and not leaf.is_fully_addressable else leaf


def _batch_sizes(given: Sequence[Any]) -> list[int]:
    """Sizes that a batch may have, the likeliest first: that of the most arrays."""
    sizes = Counter(leaf.shape[0] for leaf in given if len(leaf.shape) and leaf.shape[0] > 1)
    return sorted(sizes, key=lambda size: (-sizes[size], -size))


def _differing(graph: Graph, other: Graph) -> dict[Value, int]:
    """The axis by which each value differs between two graphs of the same operations."""
    pairs = [*zip(graph.inputs, other.inputs, strict=True)]
    for node, twin in zip(graph.nodes, other.nodes, strict=True):
        if node.name != twin.name:
            raise ValueError(f"{node.name} for one number of samples is {twin.name} for another")
        pairs += zip(node.outputs, twin.outputs, strict=True)
    axes = {}
    for value, same in pairs:
        places = [place for place, (a, b) in enumerate(zip(value.shape, same.shape, strict=True)) if a != b]
        if len(places) == 1:
            axes[value] = places[0]
    return axes


def _values_behind(value: Value, stop: Collection[Value] = frozenset()) -> list[Value]:
    """A value and all that it comes from, no further than some."""
    seen: dict[Value, None] = {}
    ahead = [value]
    while ahead:
        each = ahead.pop()
        if each in seen or each in stop:
            continue
        seen[each] = None
        if each.producer is not None:
            ahead += each.producer.inputs
    return list(seen)

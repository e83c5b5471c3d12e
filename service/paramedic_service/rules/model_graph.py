"""A model as a graph of layers: who feeds whom, where it begins and where it ends.

A description lists layers in forward order and names what feeds each, unless that is the layer before it. A model with
a forward pass of its own is no graph to its framework: its layers are listed in the order in which they were made, and
nothing about their neighbours can be concluded. Such a model is recognised by layers of the outermost level that have
no output shape although others have one, and its graph is not `known`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from paramedic_service.rules.description import Layer, Model
from paramedic_service.rules.layer_kinds import unwrapped


@dataclass(frozen=True, slots=True)
class ModelGraph:
    """The layers of a model and their connections.

    Attributes:
        layers: In forward order; those in wrappers in place of the wrappers.
        before: Places of the layers that feed each.
        after: Places of the layers that each feeds.
        known: Whether connections can be relied upon.
        places: By name of the layer.
    """

    layers: tuple[Layer, ...]
    before: tuple[tuple[int, ...], ...]
    after: tuple[tuple[int, ...], ...]
    known: bool
    places: Mapping[str, int]

    @property
    def ends(self) -> tuple[Layer, ...]:
        """Layers that feed no other: the outputs."""
        return tuple(layer for place, layer in enumerate(self.layers) if not self.after[place])

    def feeding(self, layer: Layer) -> tuple[Layer, ...]:
        """The layers that feed a layer."""
        return tuple(self.layers[place] for place in self.before[self.places[layer.name]])

    def fed_by(self, layer: Layer) -> tuple[Layer, ...]:
        """The layers that a layer feeds."""
        return tuple(self.layers[place] for place in self.after[self.places[layer.name]])

    def pairs(self) -> Iterator[tuple[Layer, Layer]]:
        """Every layer with the only one that it feeds, where that one is fed by nothing else."""
        if not self.known:
            return
        for place, layer in enumerate(self.layers):
            if len(self.after[place]) == 1 and len(self.before[self.after[place][0]]) == 1:
                yield layer, self.layers[self.after[place][0]]

    def only_input(self, layer: Layer) -> Layer | None:
        """The layer that alone feeds this one; None when there are several or none."""
        feeding = self.feeding(layer)
        return feeding[0] if len(feeding) == 1 else None

    def only_user(self, layer: Layer) -> Layer | None:
        """The layer that this one alone feeds, and that nothing else feeds; None when there is no such layer."""
        fed = self.fed_by(layer)
        return fed[0] if len(fed) == 1 and len(self.feeding(fed[0])) == 1 else None


def graph_of(model: Model | None) -> ModelGraph:
    """Returns the graph of a model; an empty one that is not known for None."""
    layers = tuple(unwrapped(layer) for layer in model.layers) if model is not None else ()
    place_of = {layer.name: place for place, layer in enumerate(layers)}
    before: list[tuple[int, ...]] = []
    after: list[list[int]] = [[] for _ in layers]
    known = bool(layers) and not _opaque(layers)
    for place, layer in enumerate(layers):
        if layer.inputs:
            # A layer that is used again behind one that it feeds closes a circle; a walk must not go round in it.
            sources = tuple(place_of[name] for name in layer.inputs if place_of.get(name, place) < place)
            known = known and len(sources) == len(layer.inputs)
        elif place and not (layer.kind == "InputLayer" and "/" not in layer.name):
            sources = (place - 1,)
        else:
            sources = ()
        before.append(sources)
        for source in sources:
            after[source].append(place)
    return ModelGraph(layers, tuple(before), tuple(map(tuple, after)), known, place_of)


def _opaque(layers: tuple[Layer, ...]) -> bool:
    """Whether the layers are those of a model with a forward pass of its own."""
    outermost = [layer for layer in layers if "/" not in layer.name]
    if not any(layer.input_shape or layer.output_shape for layer in layers):
        return False
    # A shared layer has no single output shape, but a graph of layers has others that do.
    return bool(outermost) and not any(layer.output_shape for layer in outermost)

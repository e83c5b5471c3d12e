"""What a model does with its input first, which decides what the input may look like.

A layer with weights feels the scale of its input. An embedding wants whole numbers; a normalisation, at the input or
right behind the first weights, takes any scale; and of a layer of another kind, or a frozen one that was trained on
whatever it was trained on, nothing is known. Only the first of these make the input's scale a fault.
"""

from paramedic_service.rules.description import Layer
from paramedic_service.rules.facts import Facts
from paramedic_service.rules.layer_kinds import (
    GLOBAL_POOLINGS,
    NORMALISATIONS,
    PASSING,
    POOLINGS,
    WEIGHTED,
    operations,
)

_CARRYING = PASSING | POOLINGS | GLOBAL_POOLINGS | {"InputLayer", "Concatenate"}
_AUGMENTING = ("Random", "CenterCrop", "Resizing")


def sensitive_heads(facts: Facts) -> tuple[Layer, ...]:
    """The trained layers with weights that every input enters as it is; none when some input enters anything else."""
    graph = facts.graph
    if not graph.known:
        return ()
    entries = [layer for place, layer in enumerate(graph.layers) if not graph.before[place]]
    heads: dict[str, Layer] = {}
    waiting, seen = list(entries), set()
    while waiting:
        layer = waiting.pop()
        if layer.name in seen:
            continue
        seen.add(layer.name)
        if layer.kind in WEIGHTED:
            normalised = any(_normalises(facts, user) for user in graph.fed_by(layer))
            if layer.frozen or normalised:
                return ()
            heads[layer.name] = layer
        elif (layer.kind in _CARRYING or layer.kind.startswith(_AUGMENTING)) and not operations(layer):
            waiting += graph.fed_by(layer)
        else:
            return ()
    return tuple(sorted(heads.values(), key=lambda layer: graph.places[layer.name]))


def _normalises(facts: Facts, layer: Layer) -> bool:
    """Whether a layer, or the next but one behind what only passes values on, normalises."""
    while layer.kind in PASSING:
        user = facts.graph.only_user(layer)
        if user is None:
            return False
        layer = user
    return layer.kind in NORMALISATIONS

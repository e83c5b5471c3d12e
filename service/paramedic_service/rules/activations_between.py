"""Activations between layers: missing, doubled, or a softmax where none belongs.

Affine maps compose to an affine map: layers without a nonlinearity between them are worth one layer, however many they
are. What a bottleneck (fewer units than before and after) does to the rank is its purpose, and is no fault. A layer
that applies two nonlinearities in a row is a slip: relu(relu(x)) is relu(x), and softmax(softmax(x)) is nearly uniform.
Sources: NeuraLint's checks on activations (Nikanjam et al. 2021), AUTOTRAINER, UMLAUT.
"""

from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.description import Layer
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.facts import Facts, fact
from paramedic_service.rules.finding import Severity
from paramedic_service.rules.layer_kinds import (
    ACTIVATION_LAYERS,
    CONVOLUTIONS,
    DENSE,
    GLOBAL_POOLINGS,
    LINEAR,
    NORMALISATIONS,
    PASSING,
    POOLINGS,
    RECURRENT,
    WEIGHTED,
    activation,
    width,
)
from paramedic_service.rules.model_graph import ModelGraph

MISSING_ACTIVATION = RuleDeclaration(
    id="missing_activation",
    family="config",
    severity=Severity.WARNING,
    summary="Hidden layers follow each other without a nonlinearity and are worth one linear layer.",
    requires=("model",),
    parameters=(),
    remedies=(
        "Give hidden Dense and convolutional layers activation='relu'.",
        "Give recurrent layers their default activation, tanh.",
    ),
)

DOUBLED_ACTIVATION = RuleDeclaration(
    id="doubled_activation",
    family="config",
    severity=Severity.WARNING,
    summary="Two nonlinearities follow each other with nothing between them.",
    requires=("model",),
    parameters=(),
    remedies=("Remove the activation of the layer, or the activation layer behind it.",),
)

HIDDEN_SOFTMAX = RuleDeclaration(
    id="hidden_softmax",
    family="config",
    severity=Severity.WARNING,
    summary="A hidden Dense layer applies softmax: its units compete, and their gradients are tiny.",
    requires=("model",),
    parameters=(),
    remedies=("Use activation='relu' in hidden layers and softmax in the last one only.",),
)

# Between these and the layers with weights, nothing but what is known here happens.
_LINEAR_KINDS = PASSING | POOLINGS | GLOBAL_POOLINGS | WEIGHTED | {"BatchNormalization", "InputLayer", "Activation"}


def missing_activation(_: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges linear recurrences, pairs of Dense layers, and models that are linear throughout."""
    graph = facts.graph
    if not graph.known:
        return None
    for layer in graph.layers:
        if layer.kind in RECURRENT and layer.activation == "linear" and not layer.frozen:
            return _missing(layer, f"{layer.name} ({layer.kind}) has no activation: its state is not bounded.")
    for layer in graph.layers:
        follower = _dense_follower(graph, layer)
        if follower is not None and not _narrows(graph, layer, follower):
            return _missing(
                layer,
                f"{layer.name} has no activation and feeds {follower.name}: together they are one linear layer. "
                f"Use {layer.kind}({layer.units or '...'}, activation='relu').",
            )
    return _linear_throughout(graph)


def _missing(layer: Layer, summary: str) -> Verdict:
    return Verdict(summary, (fact("model", layer.units or 0, "units without activation", layer.name),))


def _dense_follower(graph: ModelGraph, layer: Layer) -> Layer | None:
    """The Dense layer behind a linear Dense layer, if that is all that happens to its output."""
    if layer.kind != "Dense" or layer.frozen or activation(layer) != "linear":
        return None
    follower = graph.only_user(layer)
    while follower is not None and follower.kind in PASSING - {"Reshape", "RepeatVector"}:
        follower = graph.only_user(follower)
    return follower if follower is not None and follower.kind == "Dense" else None


def _narrows(graph: ModelGraph, layer: Layer, follower: Layer) -> bool:
    """Whether a layer is a bottleneck, or whether it is unknown that it is none."""
    own, after = width(layer), width(follower)
    source = graph.only_input(layer)
    before = layer.input_shape[-1] if layer.input_shape else (width(source) if source is not None else None)
    return own is None or after is None or before is None or before < 1 or own < min(before, after)


def _linear_throughout(graph: ModelGraph) -> Verdict | None:
    """Convolutions of which none has a nonlinearity; pooling alone makes no network of them."""
    trained = [layer for layer in graph.layers if layer.kind in WEIGHTED]
    known = all(layer.kind in _LINEAR_KINDS and activation(layer) is not None for layer in graph.layers)
    convolutions = [layer for layer in trained[:-1] if layer.kind in CONVOLUTIONS]
    if not known or len(convolutions) < 2 or any(layer.kind in RECURRENT for layer in trained):
        return None
    last = {layer.name for layer in (*graph.ends, trained[-1])}
    hidden = [layer for layer in graph.layers if layer.name not in last]
    if any(activation(layer) not in LINEAR for layer in hidden) or any(layer.frozen for layer in trained):
        return None
    return Verdict(
        f"None of the {len(trained) - 1} hidden layers has an activation, so they compute a linear function at most "
        f"pooled; give them activation='relu', {convolutions[0].name} first.",
        (fact("model", len(trained) - 1, "hidden layers without activation", convolutions[0].name),),
    )


def doubled_activation(_: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges layers that are nothing but an activation by what feeds them."""
    for layer, follower in facts.graph.pairs():
        second = activation(follower)
        if follower.kind != "Activation" and follower.kind not in ACTIVATION_LAYERS:
            continue
        first = activation(layer)
        if first in LINEAR or second in LINEAR or first is None or second is None or layer.kind in RECURRENT:
            continue
        return Verdict(
            f"{layer.name} already applies {first} and {follower.name} applies {second} to that; remove one of them.",
            (fact("model", 2, "activations in a row", follower.name, threshold=1),),
        )
    return None


def hidden_softmax(_: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges Dense layers with softmax that feed another Dense layer directly; attention weights feed products."""
    graph = facts.graph
    for layer, follower in graph.pairs():
        if activation(layer) != "softmax":
            continue
        source = layer if layer.kind in DENSE else graph.only_input(layer)
        while follower.kind in PASSING | NORMALISATIONS and (user := graph.only_user(follower)) is not None:
            follower = user
        if source is not None and source.kind in DENSE and follower.kind in DENSE:
            return Verdict(
                f"{layer.name} applies softmax although {follower.name} follows; use activation='relu' there.",
                (fact("model", width(layer) or 0, "units with softmax before another layer", layer.name),),
            )
    return None

"""Dropout and normalisation: too strong, or in the wrong place.

Dropout at rate p multiplies the variance of what passes by 1 / (1 - p) in training and by 1 in inference; a batch
normalisation behind it learns statistics that inference does not have (Li et al. 2019, "Understanding the disharmony
between dropout and batch normalization by variance shift"). On the output itself it zeroes predictions. A bias in front
of a batch normalisation is subtracted again with the mean (Ioffe and Szegedy 2015, section 3.2).
"""

from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.facts import Facts, fact
from paramedic_service.rules.finding import Severity
from paramedic_service.rules.layer_kinds import DROPOUTS, LINEAR, RESHAPING, WEIGHTED, activation, number
from paramedic_service.rules.losses import CROSS_ENTROPIES, REGRESSION, canonical

STRONG_DROPOUT = RuleDeclaration(
    id="strong_dropout",
    family="config",
    severity=Severity.WARNING,
    summary="Dropout removes most of what a layer says.",
    requires=("model",),
    parameters=(
        Parameter("rate", 0.6, "share dropped; UMLAUT warns above 0.5, graph attention is trained with 0.6", "UMLAUT"),
        Parameter(
            "recurrent", 0.5, "share of a recurrent layer's inputs or state dropped at every time step", "UMLAUT"
        ),
    ),
    remedies=(
        "Use dropout of 0.2 to 0.5 between Dense layers, 0.1 to 0.3 in recurrent and convolutional ones.",
        "Use a smaller model, weight decay or early stopping instead.",
    ),
)

DROPOUT_BEFORE_NORMALISATION = RuleDeclaration(
    id="dropout_before_normalisation",
    family="config",
    severity=Severity.WARNING,
    summary="Batch normalisation right behind dropout learns statistics that inference does not have.",
    requires=("model",),
    parameters=(),
    remedies=("Move the dropout behind the normalisation and the activation, or remove one of them.",),
)

DROPOUT_ON_OUTPUT = RuleDeclaration(
    id="dropout_on_output",
    family="config",
    severity=Severity.WARNING,
    summary="Dropout zeroes predictions themselves.",
    requires=("model", "loss config"),
    parameters=(),
    remedies=("Move the dropout in front of the output layer.",),
)

BIAS_BEFORE_NORMALISATION = RuleDeclaration(
    id="bias_before_normalisation",
    family="config",
    severity=Severity.INFO,
    summary="Biases in front of a batch normalisation have no effect.",
    requires=("model",),
    parameters=(),
    remedies=("Set use_bias=False in the layers in front of a batch normalisation.",),
)


def strong_dropout(rule: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges the highest rate of dropout layers and of dropout within recurrent layers."""
    rates = []
    for layer in facts.graph.layers:
        if layer.kind in DROPOUTS:
            rates.append((number(layer.settings, "rate") or 0.0, rule["rate"], "dropout", layer.name))
        within = ("dropout", "recurrent_dropout")
        rates += [(number(layer.settings, name) or 0.0, rule["recurrent"], name, layer.name) for name in within]
    beyond = [rate for rate in rates if rate[0] > rate[1]]
    if not beyond:
        return None
    value, bound, name, layer_name = max(beyond)
    return Verdict(
        f"{layer_name} drops {value:.0%} of its values in training; use a rate of 0.2 to 0.5.",
        (fact("model", value, f"rate of {name}", layer_name, bound),),
    )


def dropout_before_normalisation(_: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges batch normalisations whose only input is dropped, but for activations between."""
    graph = facts.graph
    for layer, follower in graph.pairs():
        source = layer if follower.kind == "BatchNormalization" else None
        while source is not None and (source.kind in RESHAPING or source.kind in ("Activation", "ReLU", "LeakyReLU")):
            source = graph.only_input(source)
        rate = number(source.settings, "rate") if source is not None and source.kind in DROPOUTS else None
        if source is not None and rate:
            return Verdict(
                f"{source.name} drops {rate:.0%} of what {follower.name} normalises; move it behind {follower.name}.",
                (fact("model", rate, "rate of dropout before batch normalisation", source.name, 0.0),),
            )
    return None


def dropout_on_output(_: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges what lies between the last layer with weights and the loss."""
    graph = facts.graph
    for output in facts.outputs:
        if canonical(output.loss.name) not in CROSS_ENTROPIES | REGRESSION:
            continue  # a loss of one's own may judge an embedding, where dropout is as good as anywhere
        for end in graph.ends:
            layer = end
            while layer.kind in DROPOUTS | RESHAPING | {"Activation", "Softmax"} and layer.name != output.layer.name:
                rate = number(layer.settings, "rate")
                if layer.kind in DROPOUTS and rate and output.layer.kind in WEIGHTED:
                    return Verdict(
                        f"{layer.name} drops {rate:.0%} of the predictions of {output.layer.name}; move it in front of "
                        "that layer.",
                        (fact("model", rate, "rate of dropout on the output", layer.name, 0.0),),
                    )
                source = graph.only_input(layer)
                if source is None:
                    break
                layer = source
    return None


def bias_before_normalisation(_: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges layers with weights whose biases the next layer subtracts again."""
    useless = [
        layer
        for layer, follower in facts.graph.pairs()
        if layer.kind in WEIGHTED
        and follower.kind == "BatchNormalization"
        and layer.settings.get("use_bias") is True
        and activation(layer) in LINEAR
        and not layer.frozen
    ]
    if not useless:
        return None
    return Verdict(
        f"{len(useless)} layer(s) have a bias that the batch normalisation behind them removes, {useless[0].name} "
        "first; set use_bias=False there.",
        (fact("model", len(useless), "layers with a bias without effect", useless[0].name),),
    )

"""Capacity: too deep to be trained, too narrow to tell the classes apart, too large for the samples.

Depth multiplies Jacobians: without normalisation or residual connections that keep their product near one, signals and
gradients fade or grow with every layer (Glorot and Bengio 2010; He et al. 2016). A vector of n units that are on or off
has 2^n states, so fewer than log2(K) + 1 units are a bottleneck for K classes. Parameters far beyond the samples let a
network memorise them; image networks live well with hundreds a sample, and so does what is regularised with more.
"""

import math
from collections.abc import Callable, Mapping

from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.description import Layer
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.facts import Facts, fact
from paramedic_service.rules.finding import Severity
from paramedic_service.rules.layer_kinds import (
    DENSE,
    DROPOUTS,
    KNOWN,
    NORMALISATIONS,
    RECURRENT,
    SATURATING,
    WEIGHTED,
    activation,
    number,
    width,
)
from paramedic_service.rules.losses import CATEGORICAL, REGRESSION, SPARSE, canonical
from paramedic_service.rules.model_graph import ModelGraph

TOO_DEEP = RuleDeclaration(
    id="too_deep",
    family="config",
    severity=Severity.WARNING,
    summary="Many layers follow each other without normalisation or residual connections.",
    requires=("model",),
    parameters=(
        Parameter("layers", 20, "layers with weights; VGG19 trains with 19", "Simonyan and Zisserman 2015", "layers"),
        Parameter("saturating", 6, "of them with sigmoid or tanh", "Glorot and Bengio 2010 met it at 5", "layers"),
        Parameter("recurrent", 4, "recurrent layers", "Britz et al. 2017, Wu et al. 2016", "layers"),
    ),
    remedies=(
        "Use fewer layers.",
        "Add residual connections, or BatchNormalization or LayerNormalization between layers.",
        "Use activation='relu' with kernel_initializer='he_normal' in hidden layers.",
    ),
)

TOO_FEW_UNITS = RuleDeclaration(
    id="too_few_units",
    family="config",
    severity=Severity.WARNING,
    summary="A hidden layer is too narrow for what has to pass through it.",
    requires=("model", "loss config"),
    parameters=(
        Parameter("spare", 1, "units beyond log2 of the number of classes that a hidden layer needs", unit="units"),
        Parameter("recurrent", 3, "units that a recurrent layer needs, whatever the task", unit="units"),
    ),
    remedies=("Give the layer more units: 16 to 128 for small tasks.",),
)

TOO_MANY_PARAMETERS = RuleDeclaration(
    id="too_many_parameters",
    family="config",
    severity=Severity.WARNING,
    summary="The model has far more parameters than there are samples, and nothing that regularises it.",
    requires=("model", "data profile"),
    parameters=(
        Parameter("ratio", 1000, "trainable parameters a sample, embeddings apart", unit="parameters a sample"),
        Parameter("smallest", 100_000, "parameters that are never too many", unit="parameters"),
    ),
    remedies=(
        "Use fewer units or layers.",
        "Regularise: dropout of 0.2 to 0.5, weight decay, early stopping, augmentation.",
        "Freeze what was trained before, or collect more data.",
    ),
)


def too_deep(rule: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges models without any normalisation, and chains within them that no connection jumps over."""
    graph = facts.graph
    settled = any(layer.kind in NORMALISATIONS or activation(layer) == "selu" for layer in graph.layers)
    if not graph.known or settled:
        return None
    ends = {layer.name for layer in graph.ends}
    chains: tuple[tuple[str, str, Callable[[Layer], bool]], ...] = (
        ("recurrent", "recurrent layers", lambda layer: layer.kind in RECURRENT),
        (
            "saturating",
            "hidden layers with sigmoid or tanh",
            lambda layer: layer.name not in ends and _saturates(graph, layer),
        ),
        ("layers", "layers with weights", lambda layer: layer.kind in WEIGHTED),
    )
    for name, meaning, counts in chains:
        deepest = _longest_chain(graph, counts)
        if deepest > rule[name]:
            return Verdict(
                f"{deepest} {meaning} follow each other without normalisation or residual connections; "
                f"use at most {rule[name]:g}, or add them.",
                (fact("model", deepest, f"{meaning} in a row", threshold=rule[name]),),
            )
    return None


def _saturates(graph: ModelGraph, layer: Layer) -> bool:
    if layer.kind in RECURRENT:
        return False
    if layer.kind == "Activation":
        source = graph.only_input(layer)
        return layer.activation in SATURATING and source is not None and activation(source) == "linear"
    return layer.kind in WEIGHTED and activation(layer) in SATURATING


def _longest_chain(graph: ModelGraph, counts: Callable[[Layer], bool]) -> int:
    """Layers that count on the longest path; a layer of several inputs or of unknown kind ends what leads to it."""
    lengths: list[int] = []
    for place, layer in enumerate(graph.layers):
        before = graph.before[place]
        ended = len(before) != 1 or before[0] >= place or layer.kind not in KNOWN
        carried = 0 if ended else lengths[before[0]]
        lengths.append(carried + (1 if counts(layer) and not layer.frozen else 0))
    return max(lengths, default=0)


def too_few_units(rule: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges hidden layers of vectors through which all that the output knows has to pass."""
    graph = facts.graph
    for output in facts.outputs:
        layer = output.layer
        if layer.kind not in DENSE or not output.units or output.rank not in (None, 2):
            continue
        name = canonical(output.loss.name)
        classes = output.units if name in CATEGORICAL | SPARSE else 2
        needed = math.log2(classes) + rule["spare"]
        decodes = name in REGRESSION and output.units > 1
        for hidden in _trunk(graph, layer):
            recurrent = hidden.kind in RECURRENT
            bound = max(needed, rule["recurrent"]) if recurrent else needed
            units = hidden.units
            if units is None or units >= bound or hidden.frozen or (decodes and units > 1 and not recurrent):
                continue
            task = f"{classes} classes" if name not in REGRESSION else "a regression"
            return Verdict(
                f"{hidden.name} has {units} unit(s), through which all that is known for {task} has to pass; "
                f"use at least {2 ** math.ceil(math.log2(4 * bound))}.",
                (fact("model", units, "units of a hidden layer", hidden.name, bound),),
            )
    return None


def _trunk(graph: ModelGraph, layer: Layer) -> list[Layer]:
    """Hidden Dense and recurrent layers that lie on every path to a layer, the nearest first."""
    trunk = []
    source = graph.only_input(layer)
    for _ in graph.layers:
        if source is None:
            break
        vectors = source.kind == "Dense" and len(source.output_shape) in (0, 2)
        if vectors or (source.kind in RECURRENT and "Conv" not in source.kind):
            trunk.append(source)
        source = graph.only_input(source)
    return trunk


def too_many_parameters(rule: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges trainable parameters a sample; what is frozen was trained on something else."""
    model, samples = facts.description.model, facts.samples
    if model is None or not model.layers or not samples or model.frozen_parameters > model.trainable_parameters:
        return None
    if any(_regularises(layer) for layer in facts.graph.layers) or _decays(facts):
        return None
    embedded = sum(layer.parameters for layer in facts.graph.layers if layer.kind == "Embedding")
    parameters = model.trainable_parameters - embedded
    if parameters <= max(rule["ratio"] * samples, rule["smallest"]):
        return None
    largest = max(facts.graph.layers, key=lambda layer: layer.parameters)
    return Verdict(
        f"{parameters:,} trainable parameters for {samples:,} samples, {parameters / samples:,.0f} a sample, without "
        f"regularisation; {largest.name} alone has {largest.parameters:,} (width {width(largest)}).",
        (fact("model", parameters / samples, "parameters a sample", largest.name, rule["ratio"]),),
    )


def _regularises(layer: Layer) -> bool:
    settings = layer.settings
    dropped = any(number(settings, name) for name in ("dropout", "recurrent_dropout"))
    penalised = any(isinstance(value, Mapping) for name, value in settings.items() if name.endswith("_regularizer"))
    augments = layer.kind.startswith("Random") or layer.kind == "GaussianNoise"
    return layer.kind in DROPOUTS | {"BatchNormalization"} or dropped or penalised or augments


def _decays(facts: Facts) -> bool:
    optimizer = facts.description.optimizer
    return optimizer is not None and bool(number(optimizer.settings, "weight_decay"))

"""Initial weights: alike, far too large, or biased so that ReLU is silent.

Units that begin with the same weights receive the same gradients and stay the same unit for ever (Goodfellow et al.
2016, section 8.4). A kernel of deviation s and n inputs multiplies the scale of its input by s sqrt(n): Glorot and He
make that 1 to 1.4, and what is many times more saturates or explodes with every layer, as does a recurrent kernel whose
singular values are well above 1 with every time step. A ReLU whose bias begins far below its input is off for every
sample and has no gradient.
"""

import math
from collections.abc import Mapping
from typing import Any

from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.description import Layer
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.facts import Facts, fact
from paramedic_service.rules.finding import Severity
from paramedic_service.rules.layer_kinds import (
    CONVOLUTIONS,
    DENSE,
    PLAIN_RECURRENT,
    RECURRENT,
    WEIGHTED,
    activation,
    class_name,
    number,
)

CONSTANT_INITIALISER = RuleDeclaration(
    id="constant_initialiser",
    family="config",
    severity=Severity.CRITICAL,
    summary="All weights of a hidden kernel begin alike, so that its units stay alike.",
    requires=("model",),
    parameters=(),
    remedies=("Use kernel_initializer='glorot_uniform', or 'he_normal' with ReLU.",),
)

INITIALISER_SCALE = RuleDeclaration(
    id="initialiser_scale",
    family="config",
    severity=Severity.WARNING,
    summary="Weights begin so large that signals explode or saturate from layer to layer or step to step.",
    requires=("model",),
    parameters=(
        Parameter("growth", 10.0, "factor by which a kernel scales its input; He et al. make it 1.4"),
        Parameter("recurrent", 2.0, "the same of a plain recurrent kernel, from one time step to the next"),
    ),
    remedies=(
        "Use kernel_initializer='glorot_uniform', or 'he_normal' with ReLU.",
        "Use recurrent_initializer='orthogonal' in recurrent layers.",
    ),
)

NEGATIVE_BIAS = RuleDeclaration(
    id="negative_bias",
    family="config",
    severity=Severity.WARNING,
    summary="ReLU units begin with a bias so far below zero that they are off for every sample.",
    requires=("model",),
    parameters=(Parameter("bias", -3.0, "initial bias, in deviations of a standardised pre-activation"),),
    remedies=("Use bias_initializer='zeros', or a small positive constant.",),
)

_CONSTANT = {"zeros": 0.0, "ones": 1.0, "constant": None}


def constant_initialiser(_: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges the kernels of hidden layers; a single layer, and the last one, learn from equal weights too."""
    graph = facts.graph
    ends = {output.layer.name for output in facts.outputs} | {layer.name for layer in graph.ends}
    for layer in graph.layers:
        name = class_name(layer.settings, "kernel_initializer")
        alike = name.lower() in _CONSTANT and layer.kind in DENSE | CONVOLUTIONS | RECURRENT
        if not alike or layer.frozen or (layer.units or 2) < 2 or not graph.known or layer.name in ends:
            continue
        # Zero layers in front of a sum are how residual and adapter branches begin as the identity.
        if any(len(graph.feeding(user)) > 1 for user in graph.fed_by(layer)):
            continue
        value = _constant(layer, "kernel_initializer")
        told = "the same constant" if value is None else f"{value:g}"
        return Verdict(
            f"All weights of {layer.name} begin as {told}; use kernel_initializer='glorot_uniform'.",
            (fact("model", layer.units or 0, "units that begin alike", layer.name),),
        )
    return None


def initialiser_scale(rule: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges initialisers that state a deviation by the inputs they are summed over."""
    for layer in facts.graph.layers:
        if layer.kind not in WEIGHTED or layer.frozen:
            continue
        deviation, inputs = _deviation(layer, "kernel_initializer"), _fan_in(layer)
        if deviation is not None and inputs is not None and deviation * math.sqrt(inputs) > rule["growth"]:
            growth = deviation * math.sqrt(inputs)
            return Verdict(
                f"The kernel of {layer.name} begins with a deviation of {deviation:g} over {inputs} inputs and scales "
                f"them by {growth:.3g}; use kernel_initializer='glorot_uniform', which scales them by about 1.",
                (fact("model", growth, "scale of outputs over inputs", layer.name, rule["growth"]),),
            )
        growth = _recurrent_growth(layer)
        if growth > rule["recurrent"]:
            return Verdict(
                f"The recurrent kernel of {layer.name} multiplies the state by about {growth:.3g} at every time step; "
                "use recurrent_initializer='orthogonal'.",
                (fact("model", growth, "scale of the state from step to step", layer.name, rule["recurrent"]),),
            )
    return None


def negative_bias(rule: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges biases of hidden layers with ReLU; on an output a negative bias states a prior."""
    ends = {output.layer.name for output in facts.outputs} | {layer.name for layer in facts.graph.ends}
    for layer in facts.graph.layers:
        value = _constant(layer, "bias_initializer") if layer.kind in DENSE | CONVOLUTIONS else None
        if value is None or value > rule["bias"] or activation(layer) != "relu" or layer.name in ends or layer.frozen:
            continue
        return Verdict(
            f"The ReLU units of {layer.name} begin with a bias of {value:g} and are off; use bias_initializer='zeros'.",
            (fact("model", value, "initial bias", layer.name, rule["bias"]),),
        )
    return None


def _config(layer: Layer, name: str) -> Mapping[str, Any]:
    initialiser = layer.settings.get(name)
    config = initialiser.get("config") if isinstance(initialiser, Mapping) else None
    return config if isinstance(config, Mapping) else {}


def _constant(layer: Layer, name: str) -> float | None:
    """The value that an initialiser gives every element; None when it gives different ones, or it is unknown."""
    kind = class_name(layer.settings, name).lower()
    if kind not in _CONSTANT:
        return None
    value = _CONSTANT[kind]
    return number(_config(layer, name), "value") if value is None else value


def _deviation(layer: Layer, name: str) -> float | None:
    """Standard deviation that an initialiser states; None for those that derive it from the fan."""
    kind, config = class_name(layer.settings, name), _config(layer, name)
    if kind in ("RandomNormal", "TruncatedNormal"):
        return number(config, "stddev")
    if kind == "RandomUniform":
        lowest, highest = number(config, "minval"), number(config, "maxval")
        return (highest - lowest) / math.sqrt(12) if lowest is not None and highest is not None else None
    return None


def _fan_in(layer: Layer) -> int | None:
    """Inputs that are summed in one output of a layer."""
    channels = layer.input_shape[-1] if layer.input_shape else -1
    kernel = layer.settings.get("kernel_size") if layer.kind in CONVOLUTIONS else ()
    if channels < 1 or not isinstance(kernel, list | tuple) or layer.kind.startswith(("Depthwise", "Separable")):
        return None
    return channels * math.prod(int(size) for size in kernel if isinstance(size, int | float))


def _recurrent_growth(layer: Layer) -> float:
    """Largest singular value of a plain recurrent kernel, roughly; 0 when unknown."""
    if layer.kind not in PLAIN_RECURRENT or not layer.units:
        return 0.0
    if class_name(layer.settings, "recurrent_initializer") in ("Orthogonal", "OrthogonalInitializer"):
        return number(_config(layer, "recurrent_initializer"), "gain") or 0.0
    return (_deviation(layer, "recurrent_initializer") or 0.0) * math.sqrt(layer.units)

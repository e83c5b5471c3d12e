"""Rules on activations, measured on a batch of samples that stays the same: dead, saturated, lost on the way, constant.

Healthy networks have dead and saturated units, and deviations far from 1; none of it is a fault by itself. It becomes
one when it is most of a layer and the loss is stuck, which is what every rule here asks for. A model whose output is
the same for every sample counts as stuck whatever its loss does: on its way down from an explosion a loss looks well.

Shares and thresholds: TheDeepChecker (dead: 95th percentile of |activation| below 1e-5 in more than half of the units;
saturated: more than 0.85; deviation outside [0.5, 2]).
"""

import math
from dataclasses import dataclass

from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.finding import Evidence, Severity
from paramedic_service.rules.telemetry import (
    ACTIVATION_DEVIATION,
    ACTIVATION_MEAN,
    DEAD_SHARE,
    LOSS,
    SAMPLE_DEVIATION,
    SATURATED_SHARE,
)

NAMED = 3
"""Layers named as evidence of one finding."""

TINY = 1e-30
"""A deviation below it is none."""

_PATIENCE = Parameter("patience", 2, "such measurements in a row", unit="measurements")
_RESOLVE = Parameter("resolve_after", 2, "other measurements in a row that resolve it", unit="measurements")

DEAD_UNITS = RuleDeclaration(
    id="dead_units",
    family="activations",
    severity=Severity.CRITICAL,
    summary="Most units of a hidden layer put out nothing for any sample, and the loss is stuck.",
    requires=(DEAD_SHARE, LOSS),
    parameters=(Parameter("share", 0.5, "dead units of a layer", "TheDeepChecker"), _PATIENCE, _RESOLVE),
    remedies=(
        "Lower the learning rate by a factor of 10: a step that was too large pushes biases far below zero.",
        "Use an activation with a slope below zero: leaky ReLU, ELU or GELU.",
        "Initialise biases with zeros and kernels by He; standardise the inputs.",
    ),
)

SATURATED_UNITS = RuleDeclaration(
    id="saturated_units",
    family="activations",
    severity=Severity.WARNING,
    summary="Nearly all activations of a bounded function lie at its bounds, and the loss is stuck.",
    requires=(SATURATED_SHARE, LOSS),
    parameters=(
        Parameter("share", 0.85, "saturated activations of a hidden layer", "TheDeepChecker"),
        Parameter("output", 0.99, "saturated activations of the output layer"),
        _PATIENCE,
        _RESOLVE,
    ),
    remedies=(
        "Standardise the inputs to mean 0 and standard deviation 1.",
        "Initialise kernels by Glorot; lower the learning rate.",
        "Use ReLU or GELU in feed-forward layers, and normalise between layers.",
        "Where it is the output layer: scale the targets to its range, or make it linear.",
    ),
)

ACTIVATION_SCALE = RuleDeclaration(
    id="activation_scale",
    family="activations",
    severity=Severity.WARNING,
    summary="What differs between samples is lost, or blown up, from layer to layer, and the loss is stuck.",
    requires=(ACTIVATION_DEVIATION, SAMPLE_DEVIATION, LOSS),
    parameters=(
        Parameter("lowest", 0.5, "standard deviation of activations that needs no look", "TheDeepChecker"),
        Parameter("highest", 2.0, "standard deviation of activations that needs no look", "TheDeepChecker"),
        Parameter("factor", 1e3, "deviation over samples against that in the first hidden layer", unit="ratio"),
        _PATIENCE,
        _RESOLVE,
    ),
    remedies=(
        "Initialise kernels by He (ReLU) or Glorot (tanh).",
        "Normalise between layers, or add residual connections.",
        "Use fewer layers, and activations that do not saturate.",
    ),
)

CONSTANT_OUTPUT = RuleDeclaration(
    id="constant_output",
    family="activations",
    severity=Severity.CRITICAL,
    summary="The model puts out the same for every sample, and the loss is stuck.",
    requires=(ACTIVATION_MEAN, ACTIVATION_DEVIATION, SAMPLE_DEVIATION, LOSS),
    parameters=(
        Parameter("share", 1e-3, "deviation over samples against the root mean square of the output", unit="ratio"),
        Parameter(
            "exactly", 1e-5, "the same where the output cannot be learning, whatever the loss does", unit="ratio"
        ),
        _PATIENCE,
        _RESOLVE,
    ),
    remedies=(
        "Look for dead or saturated layers in front of the output.",
        "Lower the learning rate by a factor of 10, and begin again from new weights.",
        "Standardise the inputs; scale the targets to the range of the output activation.",
    ),
)

RULES = (DEAD_UNITS, SATURATED_UNITS, ACTIVATION_SCALE, CONSTANT_OUTPUT)


@dataclass(frozen=True, slots=True)
class Probe:
    """One measurement of all probed layers.

    Attributes:
        step: At which it was taken.
        layers: Names, in forward order.
        hidden: Index of each layer that is not the output.
        output: Index of the output layer; None when it is not probed.
        signals: A value a layer, by signal name; NaN where a signal does not apply.
    """

    step: int
    layers: tuple[str, ...]
    hidden: tuple[int, ...]
    output: int | None
    signals: dict[str, list[float]]


def dead_units(rule: RuleDeclaration, probe: Probe) -> Verdict | None:
    """Judges hidden layers: those of the output may rightly be silent, as classes without samples are."""
    return _share(probe, DEAD_SHARE, dict.fromkeys(probe.hidden, rule["share"]), "units of {layer} are dead")


def saturated_units(rule: RuleDeclaration, probe: Probe) -> Verdict | None:
    """Judges every layer with a bounded activation; an output may lie at its bounds, as images and certainty do."""
    bounds = dict.fromkeys(probe.hidden, rule["share"])
    if probe.output is not None:
        bounds[probe.output] = rule["output"]
    return _share(probe, SATURATED_SHARE, bounds, "activations of {layer} are saturated")


def _share(probe: Probe, signal: str, bounds: dict[int, float], what: str) -> Verdict | None:
    """Names the layers whose share exceeds its bound, given by index of the layer."""
    shares = probe.signals[signal]
    guilty = sorted((index for index, bound in bounds.items() if shares[index] > bound), key=lambda i: -shares[i])
    if not guilty:
        return None
    worst = guilty[0]
    others = f", and {len(guilty) - 1} more layers are so" if len(guilty) > 1 else ""
    said = what.format(layer=probe.layers[worst])
    return Verdict(
        f"{shares[worst]:.0%} of the {said} at step {probe.step}{others}.",
        tuple(
            Evidence(signal, probe.step, shares[index], "share", threshold=bounds[index], layer=probe.layers[index])
            for index in guilty[:NAMED]
        ),
    )


def activation_scale(rule: RuleDeclaration, probe: Probe) -> Verdict | None:
    """Compares hidden layers with the first of them: layers without any deviation are dead, which is another rule."""
    samples, deviations = probe.signals[SAMPLE_DEVIATION], probe.signals[ACTIVATION_DEVIATION]
    alive = [index for index in probe.hidden if math.isfinite(samples[index]) and samples[index] > TINY]
    if len(alive) < 2:
        return None
    first = alive[0]
    ratios = {index: samples[index] / samples[first] for index in alive[1:]}
    guilty = [
        index
        for index, ratio in ratios.items()
        if max(ratio, 1 / ratio) > rule["factor"] and not rule["lowest"] <= deviations[index] <= rule["highest"]
    ]
    if not guilty:
        return None
    worst = max(guilty, key=lambda index: abs(math.log(ratios[index])))
    layer, ratio = probe.layers[worst], ratios[worst]
    threshold = rule["factor"] if ratio > 1 else 1 / rule["factor"]
    return Verdict(
        f"Samples differ {ratio:.2g} times as much in {layer} as in {probe.layers[first]} at step {probe.step}.",
        (
            Evidence(
                SAMPLE_DEVIATION,
                probe.step,
                ratio,
                f"deviation over samples against that of {probe.layers[first]}",
                threshold=threshold,
                layer=layer,
            ),
            Evidence(ACTIVATION_DEVIATION, probe.step, deviations[worst], "standard deviation", layer=layer),
        ),
    )


def constant_output(rule: RuleDeclaration, probe: Probe) -> Verdict | None:
    """Judges the output layer alone."""
    share = variation(probe)
    if share is None or probe.output is None or not share < rule["share"]:
        return None
    layer = probe.layers[probe.output]
    return Verdict(
        f"The output of {layer} is the same for every sample at step {probe.step}: {share:.2g} of it varies.",
        (
            Evidence(
                SAMPLE_DEVIATION,
                probe.step,
                share,
                "deviation over samples against the root mean square",
                threshold=rule["share"],
                layer=layer,
            ),
        ),
    )


def variation(probe: Probe) -> float | None:
    """Deviation of the output over samples, against its root mean square; None where that cannot be told."""
    if probe.output is None or not {ACTIVATION_MEAN, ACTIVATION_DEVIATION, SAMPLE_DEVIATION} <= probe.signals.keys():
        return None
    mean = probe.signals[ACTIVATION_MEAN][probe.output]
    deviation = probe.signals[ACTIVATION_DEVIATION][probe.output]
    samples = probe.signals[SAMPLE_DEVIATION][probe.output]
    size = math.hypot(mean, deviation)
    return samples / size if size > TINY and math.isfinite(samples / size) else None

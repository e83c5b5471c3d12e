"""Further structural faults: strides that skip, nothing to train, SELU without what makes it normalise itself.

A stride beyond the kernel leaves inputs that no weight ever sees. Those checks of NeuraLint (Nikanjam et al. 2021) that
are matters of taste, such as filters that must grow and kernels that must not, accuse networks that train well, and are
left out.
"""

from collections.abc import Sequence
from typing import Any

from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.facts import Facts, fact
from paramedic_service.rules.finding import Severity
from paramedic_service.rules.layer_kinds import (
    CONVOLUTIONS,
    DENSE,
    TRANSPOSED,
    activation,
    class_name,
)

SKIPPING_STRIDE = RuleDeclaration(
    id="skipping_stride",
    family="config",
    severity=Severity.WARNING,
    summary="A convolution strides beyond its kernel and never sees part of its input.",
    requires=("model",),
    parameters=(),
    remedies=("Use strides of at most the kernel size.",),
)

NOTHING_TRAINABLE = RuleDeclaration(
    id="nothing_trainable",
    family="config",
    severity=Severity.CRITICAL,
    summary="Every layer is frozen: the training can change nothing.",
    requires=("model",),
    parameters=(),
    remedies=("Set trainable=True on the layers to train, then compile again.",),
)

SELU_INITIALISER = RuleDeclaration(
    id="selu_initialiser",
    family="config",
    severity=Severity.INFO,
    summary="SELU normalises itself only with LeCun initialisation and AlphaDropout.",
    requires=("model",),
    parameters=(),
    remedies=("Use kernel_initializer='lecun_normal', and AlphaDropout in place of Dropout.",),
)


def skipping_stride(_: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges convolutions with kernels larger than 1; a kernel of 1 with strides is how residual shortcuts shrink."""
    for layer in facts.graph.layers:
        if layer.kind not in CONVOLUTIONS - TRANSPOSED or layer.frozen:
            continue
        kernel, strides = _sizes(layer.settings.get("kernel_size")), _sizes(layer.settings.get("strides"))
        skips = [stride for size, stride in zip(kernel, strides, strict=False) if stride > size > 1]
        if skips:
            return Verdict(
                f"{layer.name} moves its kernel of {max(kernel):g} by {max(skips):g} and skips what lies between.",
                (fact("model", max(skips), "stride", layer.name, max(kernel)),),
            )
    return None


def nothing_trainable(_: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges models that have parameters, all of them frozen."""
    model = facts.description.model
    if model is None or model.trainable_parameters or not model.frozen_parameters:
        return None
    if any(not layer.frozen for layer in model.layers if layer.parameters):
        return None
    return Verdict(
        f"All {model.frozen_parameters:,} parameters are frozen; set trainable=True where it should learn.",
        (fact("model", 0, "trainable parameters"),),
    )


def selu_initialiser(_: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges layers with SELU by their initialiser."""
    for layer in facts.graph.layers:
        name = class_name(layer.settings, "kernel_initializer")
        if layer.kind in DENSE | CONVOLUTIONS and activation(layer) == "selu" and name and "lecun" not in name.lower():
            return Verdict(
                f"{layer.name} has SELU with {name}; use kernel_initializer='lecun_normal'.",
                (fact("model", layer.units or 0, "units with SELU", layer.name),),
            )
    return None


def _sizes(value: Any) -> Sequence[float]:
    values = value if isinstance(value, list | tuple) else [value]
    return [float(size) for size in values if isinstance(size, int | float)]

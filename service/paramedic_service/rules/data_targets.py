"""Rules on targets: classes of unequal number, values the output cannot reach, labels the loss has no unit for.

A loss averaged over samples is governed by the classes that have most of them; evenness is the entropy of the class
frequencies over that of equal ones, ln K. An activation bounds what a model can say: sigmoid and softmax (0, 1), tanh
(-1, 1), ReLU and softplus nothing below 0. An index beyond the last unit raises on a CPU, and is a silent NaN on a GPU.
"""

import math

from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.facts import Facts, Output, fact
from paramedic_service.rules.finding import Severity
from paramedic_service.rules.layer_kinds import WEIGHTED, number
from paramedic_service.rules.losses import BINARY, REGRESSION, SPARSE, canonical, classifies
from paramedic_service.rules.output_layer import signs

CLASS_IMBALANCE = RuleDeclaration(
    id="class_imbalance",
    family="data",
    severity=Severity.WARNING,
    summary="A few classes have nearly all samples, and the loss does not weight them.",
    requires=("target statistics",),
    parameters=(
        Parameter("evenness", 0.5, "entropy of the class frequencies over ln K", "TheDeepChecker"),
        Parameter("ratio", 10.0, "samples of the largest class over the smallest", "SageMaker Debugger", "ratio"),
        Parameter("uneven", 0.6, "evenness below which the ratio counts; many classes always have a rare one"),
        Parameter("examined", 50, "samples from which frequencies are known", unit="samples"),
    ),
    remedies=(
        "Weight the classes: fit(class_weight={0: n / (2 * n0), 1: n / (2 * n1)}).",
        "Oversample the rare classes, or use a focal loss.",
        "Measure AUC, recall or F1 instead of accuracy.",
    ),
)

TARGET_SCALE = RuleDeclaration(
    id="target_scale",
    family="data",
    severity=Severity.CRITICAL,
    summary="Targets lie outside what the output activation can give.",
    requires=("model", "loss config", "target statistics"),
    parameters=(Parameter("margin", 0.05, "share of the targets' range that may lie outside"),),
    remedies=(
        "Regression: use a linear output layer.",
        "Or scale the targets into the activation's range, and the predictions back.",
    ),
)

LABEL_RANGE = RuleDeclaration(
    id="label_range",
    family="data",
    severity=Severity.CRITICAL,
    summary="Labels lie outside the classes that the output and the loss have.",
    requires=("model", "loss config", "target statistics"),
    parameters=(),
    remedies=(
        "Count classes from 0: y = y - y.min(), or numpy.unique(y, return_inverse=True)[1].",
        "Give the output layer as many units as there are classes.",
    ),
)

_REACH: dict[str, tuple[float, float]] = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "relu": (0.0, math.inf),
    "relu6": (0.0, 6.0),
    "softplus": (0.0, math.inf),
    "exponential": (0.0, math.inf),
}


def class_imbalance(rule: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges labels of one class a sample, unless the loss weights classes or samples, or is made for rare ones."""
    description = facts.description
    training = description.training
    focal = any("focal" in loss.name or loss.settings.get("alpha") for loss in description.losses)
    if description.data is None or (training is not None and training.weighted) or focal:
        return None
    if description.losses and not classifies(description):
        return None
    for target in description.data.targets:
        counts = [count for count in target.class_counts if count]
        single = target.encoding in ("integer", "one_hot", "binary") and _one_label(target.shape, target.encoding)
        total = sum(counts)
        if not single or len(counts) < 2 or total < rule["examined"]:
            continue
        evenness = -sum(count / total * math.log(count / total) for count in counts) / math.log(len(counts))
        ratio = max(counts) / min(counts)
        if evenness < rule["evenness"] or (ratio > rule["ratio"] and evenness < rule["uneven"]):
            majority = max(counts) / total
            weights = ", ".join(
                f"{label}: {total / (len(counts) * count):.3g}"
                for label, count in list(enumerate(target.class_counts))[:10]
                if count
            )
            return Verdict(
                f"The largest of {len(counts)} classes has {majority:.0%} of the samples, {ratio:.0f} times the "
                f"smallest; train with class_weight={{{weights}{', ...' if len(counts) > 10 else ''}}}.",
                (
                    fact("target", evenness, "evenness of the classes", threshold=rule["evenness"]),
                    fact("target", ratio, "largest over smallest class", threshold=rule["ratio"]),
                ),
            )
    return None


def _one_label(shape: tuple[int, ...], encoding: str) -> bool:
    """Whether there is one label a sample: those of a sequence's or an image's parts are never even."""
    return len(shape) <= (2 if encoding == "one_hot" else 1) or (len(shape) == 2 and shape[1] == 1)


def target_scale(rule: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges targets of a regression by the range of the output's activation."""
    for output in facts.outputs:
        target, reach = output.target, _REACH.get(output.activation or "")
        if canonical(output.loss.name) not in REGRESSION or reach is None or output.layer.kind not in WEIGHTED:
            continue
        if target is None or target.lowest is None or target.highest is None or target.encoding == "one_hot":
            continue
        if output.activation == "softmax" and target.encoding != "continuous":
            continue  # labels: then it is the loss that does not fit
        margin = rule["margin"] * (target.highest - target.lowest)
        for value, bound, beyond in (
            (target.lowest, reach[0], reach[0] - target.lowest),
            (target.highest, reach[1], target.highest - reach[1]),
        ):
            if beyond > max(margin, rule["margin"]) or beyond > 0.5:
                return Verdict(
                    f"Targets reach from {target.lowest:.4g} to {target.highest:.4g} and {output.layer.name}, with "
                    f"activation {output.activation}, only from {reach[0]:g} to {reach[1]:g}; use "
                    f"Dense({output.units or '...'}) without activation, or scale the targets.",
                    (fact("target", value, "value beyond the output's reach", output.layer.name, bound),),
                )
    return None


def label_range(_: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges integer labels by the units that stand for classes, and binary ones by 0 and 1."""
    for output in facts.outputs:
        target = output.target
        if target is None or target.lowest is None or target.highest is None or not target.examined:
            continue
        name = canonical(output.loss.name)
        if name in SPARSE and target.encoding in ("integer", "binary"):
            verdict = _beyond_units(output, target.lowest, target.highest)
        elif name in BINARY and output.units == 1 and (target.encoding in ("integer", "binary") or signs(target)):
            verdict = _not_binary(target.lowest, target.highest, len([c for c in target.class_counts if c]))
        else:
            continue
        if verdict is not None:
            return verdict
    return None


def _beyond_units(output: Output, lowest: float, highest: float) -> Verdict | None:
    if not output.units or output.units < 2 or output.layer.kind not in WEIGHTED:
        return None
    ignored = number(output.loss.settings, "ignore_class")
    if lowest < 0 and lowest != ignored:
        return Verdict(
            f"Labels begin at {lowest:g}; classes are counted from 0: y = y - y.min().",
            (fact("target", lowest, "lowest label", output.layer.name, 0.0),),
        )
    if highest >= output.units and highest != ignored:
        if lowest == 1 and highest == output.units:
            advice = "subtract 1 from the labels: y = y - 1"
        else:
            advice = f"use {output.layer.kind}({highest + 1:.0f}, activation='softmax')"
        return Verdict(
            f"Labels reach from {lowest:g} to {highest:g} and {output.layer.name} has {output.units} units, "
            f"for 0 to {output.units - 1}; {advice}.",
            (fact("target", highest, "highest label", output.layer.name, output.units - 1),),
        )
    return None


def _not_binary(lowest: float, highest: float, classes: int) -> Verdict | None:
    if lowest >= 0 and highest <= 1:
        return None
    if classes > 2 or (not classes and highest - lowest > 1 and lowest >= 0):
        return None  # then the output layer does not fit, whatever the labels are
    return Verdict(
        f"binary_crossentropy wants labels 0 and 1, and they are {lowest:g} to {highest:g}; "
        f"use y = (y == {highest:g}).astype('float32').",
        (fact("target", lowest if lowest < 0 else highest, "label", threshold=0.0 if lowest < 0 else 1.0),),
    )

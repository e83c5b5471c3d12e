"""Whether loss, output and labels fit the task, and what would."""

from typing import Any

from paramedic_service.incidents.incident import Remedy
from paramedic_service.incidents.network import ACTIVATIONS, LINEAR, REGRESSION_LOSSES, Network
from paramedic_service.incidents.situation import Situation

SPARSE = "sparse_categorical_crossentropy"
CATEGORICAL = "categorical_crossentropy"
BINARY = "binary_crossentropy"
Changes = dict[str, dict[str, Any]]

_LARGE_TARGETS = 10.0

CROSSENTROPIES = frozenset({SPARSE, CATEGORICAL, BINARY})


def regression_loss_on_classes(situation: Situation) -> str:
    """A regression loss on labels that are classes."""
    view = situation.network
    if view.loss in REGRESSION_LOSSES and _classification(view):
        return f"The labels are {_labels(view)}, but the loss {view.loss} is made for real numbers."
    return ""


def crossentropy_on_numbers(situation: Situation) -> str:
    """A cross-entropy on targets that are real numbers."""
    view = situation.network
    if view.loss in CROSSENTROPIES and view.encoding == "continuous":
        return f"The targets are real numbers, but the loss {view.loss} is made for classes."
    return ""


def loss_reads_other_labels(situation: Situation) -> str:
    """Integer labels where one column a class is wanted, or the other way round."""
    view = situation.network
    if view.loss == CATEGORICAL and view.encoding == "integer":
        return f"{CATEGORICAL} reads one column a class, but the labels are integers."
    if view.loss == SPARSE and view.encoding in ("one_hot", "multi_hot"):
        return f"{SPARSE} reads integers, but the labels have one column a class."
    return ""


def output_does_not_fit(situation: Situation) -> str:
    """Units or activation of the output that the loss and the labels do not go with."""
    view = situation.network
    output, activation = view.output, view.output_activation
    if output is None or not view.loss:
        return ""
    classes = view.classes
    if view.loss in (SPARSE, CATEGORICAL):
        if classes is not None and output.units is not None and output.units < classes:
            return f"The output {output.name} has {output.units} units for {classes} classes."
        if view.logits and activation == "softmax":
            return f"The loss reads logits, but the output {output.name} ends with softmax."
        if not view.logits and activation not in ("softmax", "sigmoid"):
            return f"The loss reads probabilities, but the output {output.name} ends with {activation}."
        if activation == "sigmoid":
            return f"The output {output.name} ends with sigmoid, where exclusive classes want softmax."
    if view.loss == BINARY:
        if classes is not None and classes > 2 and output.units == 1:
            return f"The output {output.name} has one unit for {classes} classes."
        if activation == "softmax":
            return f"The output {output.name} ends with softmax, where {BINARY} wants sigmoid."
        if not view.logits and activation != "sigmoid":
            return f"The loss reads probabilities, but the output {output.name} ends with {activation}."
    if view.loss in REGRESSION_LOSSES and view.encoding == "continuous":
        return _unreachable(view)
    return ""


def fitting_loss(situation: Situation) -> Remedy | None:
    """The loss for the labels."""
    view = situation.network
    loss = {
        "integer": SPARSE,
        "one_hot": CATEGORICAL,
        "binary": BINARY,
        "multi_hot": BINARY,
        "continuous": "mean_squared_error",
    }.get(view.encoding)
    if loss is None:
        return Remedy("Choose the loss by the task: cross-entropy for classes, squared error for real numbers.")
    if loss == view.loss or not view.loss:
        return None
    patch: Changes = {"losses[0].name": {"set": loss}}
    activation = _activation_for(loss)
    text = f"Use {loss}"
    if view.output is not None and view.output_activation != activation and not view.logits:
        return Remedy(f"{text}, and let the output end with {activation}.", patch | _output(view, loss))
    return Remedy(f"{text}.", patch)


def fitting_output(situation: Situation) -> Remedy | None:
    """The output for loss and labels."""
    view = situation.network
    if view.output is None or not view.loss:
        return Remedy("Give the output one unit a class with softmax; one unit with sigmoid for two classes.")
    if view.loss in REGRESSION_LOSSES and _classification(view):
        return None  # it is the loss that does not fit
    if view.loss == BINARY and view.classes is not None and view.classes > 2:
        loss = CATEGORICAL if view.encoding == "one_hot" else SPARSE
        patch: Changes = {"losses[0].name": {"set": loss}} | _output(view, loss)
        return Remedy(f"Give the output {view.classes} units with softmax, and use {loss}.", patch)
    if view.logits:
        patch = {"model.output": {"set": {"activation": "linear"}}}
        return Remedy("Leave the activation of the output out: the loss reads logits.", patch)
    patch = _output(view, view.loss)
    wanted = patch["model.output"]["set"]
    if (wanted["activation"], wanted.get("units", view.output.units)) == (view.output_activation, view.output.units):
        return None
    units = f"{wanted['units']} units with " if "units" in wanted else ""
    return Remedy(f"Give the output {units}{wanted['activation']}, as {view.loss} wants.", patch)


def fitting_labels(situation: Situation) -> Remedy | None:
    """The labels for the loss."""
    view = situation.network
    encoding = {SPARSE: "integer", CATEGORICAL: "one_hot"}.get(view.loss)
    if encoding is None or encoding == view.encoding:
        return Remedy("Number the classes 0 to K - 1, and give the output K units.")
    patch = {"data.targets": {"encode": encoding}} if view.description.data else {}
    return Remedy(f"Encode the labels as {encoding.replace('_', '-')}.", patch)


def scaled_targets(situation: Situation) -> Remedy | None:
    """Targets that the output can reach."""
    view = situation.network
    if view.encoding != "continuous":
        return None
    return Remedy("Standardise the targets.", {"data.targets": {"standardise": True}})


def one_activation(situation: Situation) -> Remedy | None:
    """The output without the activations that stand behind its own."""
    view = situation.network
    output = view.output
    if output is None or output.activation in LINEAR:
        return None
    behind = view.layers[view.layers.index(output) + 1 :]
    spare = [layer for layer in behind if layer.kind in ACTIVATIONS]
    if not spare:
        return None
    names = " and ".join(layer.name for layer in spare)
    return Remedy(
        f"Leave out {names}: the output {output.name} ends with {output.activation} already.",
        {f"model.layers[{layer.name}]": {"remove": True} for layer in spare},
    )


def tamed_targets(situation: Situation) -> Remedy | None:
    """Targets of a size that a network begins at."""
    target = situation.network.target
    if target is None or target.encoding != "continuous":
        return None
    size = max(abs(target.mean or 0.0), target.deviation or 0.0)
    if size < _LARGE_TARGETS:
        return None
    return Remedy(
        f"Standardise the targets, which are about {size:.3g} where a network begins at about 0.",
        {"data.targets": {"standardise": True}},
    )


def _classification(view: Network) -> bool:
    return view.encoding in ("integer", "one_hot", "multi_hot", "binary") or view.output_activation == "softmax"


def _labels(view: Network) -> str:
    return f"{view.classes} classes" if view.classes else "classes"


def _activation_for(loss: str) -> str:
    return "softmax" if loss in (SPARSE, CATEGORICAL) else "sigmoid" if loss == BINARY else "linear"


def _output(view: Network, loss: str) -> Changes:
    change: dict[str, int | str] = {"activation": _activation_for(loss)}
    if loss in (SPARSE, CATEGORICAL) and view.classes is not None:
        change["units"] = view.classes
    return {"model.output": {"set": change}}


def _unreachable(view: Network) -> str:
    target, activation = view.target, view.output_activation
    if target is None or target.lowest is None or target.highest is None or activation in LINEAR:
        return ""
    reach = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, float("inf"))}
    low, high = reach.get(activation, (float("-inf"), float("inf")))
    if target.lowest >= low and target.highest <= high:
        return ""
    return (
        f"Targets range from {target.lowest:.4g} to {target.highest:.4g}, which an output that ends with {activation}"
        " cannot reach."
    )

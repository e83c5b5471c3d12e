"""The output layer against the loss and the labels: one matrix of loss x activation x units x encoding.

A loss on probabilities wants an activation that gives them, and only one of the two may apply it:

    loss                             activation            units            labels
    binary_crossentropy              sigmoid               1, or one each   0 or 1, one column a label
    categorical_crossentropy         softmax               classes          one-hot
    sparse_categorical_crossentropy  softmax               classes          integers 0 to classes - 1
    any of them, from_logits=True    none                  as above         as above
    mean_squared_error and kin       none, or one whose    dimensions       real numbers
                                     range holds them

Where labels are not known, activation and units still are. A layer, an activation or a loss that is not known is no
fault. Sources: UMLAUT (Schoop et al. 2021), NeuraLint (Nikanjam et al. 2021), DeepDiagnosis (Wardat et al. 2022), and
the Keras documentation of the losses.
"""

from paramedic_service.rules.declaration import RuleDeclaration
from paramedic_service.rules.description import ArrayProfile
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.facts import Facts, Output, fact
from paramedic_service.rules.finding import Evidence, Severity
from paramedic_service.rules.layer_kinds import RECURRENT, WEIGHTED
from paramedic_service.rules.losses import BINARY, CATEGORICAL, REGRESSION, SPARSE, canonical, classifies

OUTPUT_LAYER = RuleDeclaration(
    id="output_layer",
    family="config",
    severity=Severity.CRITICAL,
    summary="The output layer's units or activation do not fit the loss or the labels.",
    requires=("model", "loss config"),
    parameters=(),
    remedies=(
        "Two classes: Dense(1, activation='sigmoid') with binary_crossentropy.",
        "K classes: Dense(K, activation='softmax') with sparse_categorical_crossentropy (integer labels) or "
        "categorical_crossentropy (one-hot labels).",
        "Several labels a sample: Dense(K, activation='sigmoid') with binary_crossentropy.",
        "Regression: a linear Dense layer with mean_squared_error or huber.",
        "Apply softmax or sigmoid either in the model or, by from_logits=True, in the loss; never in both.",
    ),
)


def output_layer(_: RuleDeclaration, facts: Facts) -> Verdict | None:
    """Judges every output; tells of the first fault of each."""
    faults = [(output, fault) for output in facts.outputs if (fault := _fault(output, facts))]
    if not faults:
        return None
    return Verdict(
        " ".join(f"{output.layer.name}: {fault}" for output, fault in faults),
        tuple(evidence for output, _ in faults for evidence in _evidence(output)),
    )


def _fault(output: Output, facts: Facts) -> str | None:
    if output.layer.kind not in WEIGHTED or output.activation is None or not output.units:
        return None
    name = canonical(output.loss.name)
    if output.activation == "softmax" and output.units == 1 and name in CATEGORICAL | SPARSE | BINARY | REGRESSION:
        return f"a softmax over one unit is always 1, so nothing can be learned; use {_advice(output)}."
    if name in CATEGORICAL | SPARSE | BINARY | REGRESSION and (fault := _one_each_step(output)):
        return fault
    if name in BINARY:
        return _probabilities(output, name) or _binary(output)
    if name in SPARSE:
        return _one_class(output, name) or _probabilities(output, name) or _sparse(output)
    if name in CATEGORICAL:
        return _one_class(output, name) or _probabilities(output, name) or _categorical(output)
    if name in REGRESSION:
        return _regression(output, name, facts)
    return None


def _one_each_step(output: Output) -> str | None:
    """Predictions a time step, labels a sample: mean squared error would even broadcast them silently."""
    target, shape = output.target, output.layer.output_shape
    if target is None or len(shape) != 3 or shape[1] == 1 or target.dtype == "object":
        return None
    a_sample = len(target.shape) == 1 or (len(target.shape) == 2 and target.shape[1] == 1)
    if not a_sample:
        return None
    return (
        f"it predicts at every time step, {_shape(shape)}, while there is one label a sample, "
        f"{_shape(target.shape)}; set return_sequences=False in the last recurrent layer, or pool over time before it."
    )


def _probabilities(output: Output, name: str) -> str | None:
    """The loss wants probabilities or logits, and gets the other."""
    activation, wanted = output.activation, _wanted(output)
    if output.loss.from_logits:
        if activation in ("softmax", "sigmoid", "relu"):
            return (
                f"{name} has from_logits=True but the layer already applies {activation}; remove the activation, "
                f"Dense({output.units}), or set from_logits=False."
            )
        return None
    if activation in ("linear", "relu", "tanh", "elu", "leaky_relu"):
        gives = "no activation" if activation == "linear" else f"activation {activation}"
        return (
            f"{name} wants probabilities and the layer has {gives}; use {_advice(output, wanted)}, or keep it linear "
            "and set from_logits=True."
        )
    return None


def _one_class(output: Output, name: str) -> str | None:
    if output.units != 1:
        return None
    return f"{name} needs one unit a class and the layer has 1; use {_advice(output)}."


def _binary(output: Output) -> str | None:
    target = output.target
    if target is None:
        return None
    classes = class_count(target)
    if target.encoding == "integer" and classes is not None and classes > 2:
        return (
            f"{output.units} unit(s) with binary_crossentropy cannot tell {classes} classes apart; "
            f"use {_advice(output)}."
        )
    if target.encoding == "one_hot" and output.rank in (None, 2) and (output.units or 0) > 1:
        if output.units != _columns(target):
            return f"{output.units} units for one-hot labels of {_columns(target)} classes; use {_advice(output)}."
        return f"classes exclude each other (one-hot labels), which binary_crossentropy ignores; use {_advice(output)}."
    if target.encoding == "continuous" and _beyond_probabilities(target) and not signs(target):
        return f"binary_crossentropy is for labels in [0, 1] and targets reach {_range(target)}; use {_advice(output)}."
    return None


def _sparse(output: Output) -> str | None:
    target = output.target
    if target is not None:
        if target.encoding in ("one_hot", "multi_hot") and len(target.shape) == output.rank:
            return (
                f"sparse_categorical_crossentropy wants integer labels and they are {_encoding(target)}; "
                f"use {_advice(output)}."
            )
        if target.encoding == "continuous":
            return f"sparse_categorical_crossentropy wants classes and targets are real; use {_advice(output)}."
        classes = class_count(target)
        if target.encoding == "integer" and classes is not None and classes > (output.units or 0):
            return f"{output.units} units for {classes} classes; use {_advice(output)}."
    return _sigmoid(output)


def _categorical(output: Output) -> str | None:
    target = output.target
    if target is not None:
        columns = _columns(target)
        if target.encoding in ("integer", "binary") and columns == 1:
            return (
                "categorical_crossentropy wants one-hot labels and they are integers; "
                f"use {_advice(output)}, or one-hot encode the labels by keras.utils.to_categorical(y, {output.units})."
            )
        if target.encoding == "one_hot" and len(target.shape) == 2 and columns != output.units:
            return f"{output.units} units for one-hot labels of {columns} classes; use {_advice(output)}."
        if target.encoding == "multi_hot":
            return f"samples have several labels at once, which a softmax excludes; use {_advice(output)}."
        if target.encoding == "continuous" and _beyond_probabilities(target):
            return f"categorical_crossentropy wants classes and targets are real; use {_advice(output)}."
    return _sigmoid(output)


def _sigmoid(output: Output) -> str | None:
    if output.activation != "sigmoid":
        return None
    return f"classes exclude each other and sigmoids do not; use {_advice(output, 'softmax')}."


def _regression(output: Output, name: str, facts: Facts) -> str | None:
    """Squared and absolute errors on class labels: flat where the prediction is surely wrong."""
    target = output.target
    if output.rank not in (None, 2):
        return None
    if target is None or not target.encoding:
        suspect = output.activation == "softmax" or (output.activation == "sigmoid" and classifies(facts.description))
        return f"{name} on class probabilities; use {_advice(output)}." if suspect else None
    labels = target.encoding in ("integer", "one_hot", "binary")
    if not labels or (target.encoding == "one_hot" and output.units != _columns(target)):
        return None
    # Whole numbers are also what counts and ages are: they are classes when something else says so.
    meant = target.encoding == "one_hot" or output.activation in ("softmax", "sigmoid")
    both = target.encoding == "binary" and sum(map(bool, target.class_counts)) == 2
    several = target.encoding == "integer" and _columns(target) == 1 and (output.units or 0) > 1
    if meant or both or several or classifies(facts.description):
        return f"{name} is for regression and the labels are {_encoding(target)} classes; use {_advice(output)}."
    return None


def _wanted(output: Output) -> str:
    return "sigmoid" if canonical(output.loss.name) in BINARY else "softmax"


def _advice(output: Output, activation: str | None = None) -> str:
    """Names the layer and the loss that fit the labels, or the loss where there are none."""
    target, units = output.target, output.units or 1
    kind = "Dense" if output.layer.kind in RECURRENT else output.layer.kind
    encoding = target.encoding if target is not None else ""
    classes = (class_count(target) if target is not None else None) or units
    if encoding == "multi_hot":
        return f"{kind}({classes}, activation='sigmoid') with binary_crossentropy"
    if encoding == "continuous" and target is not None and (_beyond_probabilities(target) or not _wanted(output)):
        return f"{kind}({max(_columns(target), 1)}) without activation with mean_squared_error"
    if encoding == "one_hot":
        return f"{kind}({classes}, activation='softmax') with categorical_crossentropy"
    if encoding == "integer" and classes > 2:
        return f"{kind}({classes}, activation='softmax') with sparse_categorical_crossentropy"
    if encoding in ("integer", "binary"):
        if activation == "softmax" and units == 2:
            return f"{kind}(2, activation='softmax') with sparse_categorical_crossentropy"
        return f"{kind}(1, activation='sigmoid') with binary_crossentropy"
    if units == 1:
        return f"{kind}(1, activation='sigmoid') with binary_crossentropy"
    name = canonical(output.loss.name)
    loss = name if name in BINARY | CATEGORICAL | SPARSE else "categorical_crossentropy"
    return f"{kind}({units}, activation='{activation or _wanted(output)}') with {loss}"


def class_count(target: ArrayProfile) -> int | None:
    """Number of classes of labels; None when they are no labels or it is unknown."""
    match target.encoding:
        case "binary":
            return 2
        case "one_hot" | "multi_hot":
            return target.shape[-1] if target.shape and target.shape[-1] > 0 else len(target.class_counts) or None
        case "integer":
            observed = [label for label, count in enumerate(target.class_counts) if count]
            if observed:
                # Labels that begin at 1 make as many classes as there are, not one more.
                return len(target.class_counts) - (observed[0] == 1)
            return int(target.highest) + 1 if target.highest is not None else None
    return None


def signs(target: ArrayProfile) -> bool:
    """Whether targets are labels written as -1 and 1."""
    return target.whole_share == 1 and target.lowest == -1 and target.highest == 1


def _columns(target: ArrayProfile) -> int:
    return target.shape[-1] if len(target.shape) > 1 else 1


def _beyond_probabilities(target: ArrayProfile) -> bool:
    return (target.lowest is not None and target.lowest < -0.01) or (
        target.highest is not None and target.highest > 1.01
    )


def _encoding(target: ArrayProfile) -> str:
    return target.encoding.replace("_", "-")


def _range(target: ArrayProfile) -> str:
    return f"from {target.lowest:.4g} to {target.highest:.4g}"


def _shape(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join("batch" if place == 0 else "?" if n < 0 else str(n) for place, n in enumerate(shape)) + ")"


def _evidence(output: Output) -> tuple[Evidence, ...]:
    evidence = [fact("model", output.units or 0, f"units with activation {output.activation}", output.layer.name)]
    if output.target is not None and (classes := class_count(output.target)):
        evidence.append(fact("target", classes, f"classes, {_encoding(output.target)}"))
    return tuple(evidence)

"""Loss, output layer and labels that do not fit the task or each other."""

from paramedic.v1.description_pb2 import ArrayProfile, RunDescription
from paramedic.v1.reproduction_pb2 import ReproductionSpec
from paramedic_service.reproduction.scenarios.describing import (
    CATEGORICAL,
    SPARSE,
    SQUARED,
    arm,
    description,
    labels,
    one_hot,
    optimizer,
    output,
    recurrent,
    spec,
)
from paramedic_service.reproduction.scenarios.scenario import Scenario, fixed_by, no_remedy

SOFTMAX, CROSSENTROPY, INTEGERS, COLUMNS, FOURTH_UNIT = (
    "three units with softmax", "cross-entropy", "integer labels", "one column a class", "a unit for every label"
)  # fmt: skip

_COUNTS = (400, 400, 400)
_SOFTMAX = arm(
    SOFTMAX,
    "Give the output three units with softmax.",
    {"model.output": {"set": {"units": 3, "activation": "softmax"}}},
)


def _one_unit(samples: int) -> RunDescription:
    """Example 2 of the source on LSTM errors."""
    return description(
        (20, 10),
        [recurrent("LSTM", 64, "lstm"), output(1, "sigmoid")],
        SPARSE,
        optimizer("adam", 0.001),
        labels([samples // 3] * 3),
        samples=samples,
        metrics=["accuracy"],
    )


def _sigmoid_as_given() -> ReproductionSpec:
    title = "One sigmoid unit for three classes, as the source has it"
    return spec(title, _one_unit(100), "random-three-classes", _SOFTMAX, steps=40)


def _sigmoid() -> ReproductionSpec:
    return spec("One sigmoid unit for three classes", _one_unit(800), "uniform-three-classes", _SOFTMAX)


def _classifier(loss: str, target: ArrayProfile, activation: str = "softmax", units: int = 3) -> RunDescription:
    return description(
        (10, 8),
        [recurrent("LSTM", 16, "lstm"), output(units, activation)],
        loss,
        optimizer("adam", 0.01),
        target,
        metrics=["accuracy"],
    )


def _three_sigmoids() -> ReproductionSpec:
    softmax = arm(SOFTMAX, "Let the output end with softmax.", {"model.output": {"set": {"activation": "softmax"}}})
    return spec("Sigmoid where softmax belongs", _classifier(SPARSE, labels(_COUNTS), "sigmoid"), "largest", softmax)


def _squared_error() -> ReproductionSpec:
    crossentropy = arm(CROSSENTROPY, "Use categorical_crossentropy.", {"losses[0].name": {"set": CATEGORICAL}})
    return spec("Mean squared error for classes", _classifier(SQUARED, one_hot(_COUNTS)), "largest", crossentropy)


def _squared_error_of_indices() -> ReproductionSpec:
    known = _classifier(SQUARED, labels(_COUNTS), "linear", 1)
    crossentropy = arm(
        CROSSENTROPY,
        "Give the output three units with softmax, and use sparse_categorical_crossentropy.",
        {"losses[0].name": {"set": SPARSE}, "model.output": {"set": {"units": 3, "activation": "softmax"}}},
    )
    return spec("Mean squared error of class indices", known, "largest", crossentropy)


def _one_hot_for_sparse() -> ReproductionSpec:
    return spec(
        "One column a class for a loss that reads integers",
        _classifier(SPARSE, one_hot(_COUNTS)),
        "largest",
        arm(INTEGERS, "Encode the labels as integers.", {"data.targets": {"encode": "integer"}}),
        arm(CROSSENTROPY, "Use categorical_crossentropy.", {"losses[0].name": {"set": CATEGORICAL}}),
    )


def _integers_for_categorical() -> ReproductionSpec:
    return spec(
        "Integer labels for a loss that reads one column a class",
        _classifier(CATEGORICAL, labels(_COUNTS)),
        "largest",
        arm(COLUMNS, "Encode the labels as one column a class.", {"data.targets": {"encode": "one_hot"}}),
        arm(CROSSENTROPY, "Use sparse_categorical_crossentropy.", {"losses[0].name": {"set": SPARSE}}),
    )


def _out_of_range() -> ReproductionSpec:
    return spec(
        "Classes that are numbered from 1",
        _classifier(SPARSE, labels([0, *_COUNTS])),
        "largest-from-one",
        arm(
            FOURTH_UNIT, "Give the output a unit for every label, 0 included.", {"model.output": {"set": {"units": 4}}}
        ),
    )


SCENARIOS = (
    Scenario(
        "one-sigmoid-for-three-classes-as-given",
        "One sigmoid unit for three classes of random labels, exactly as the source has it; softmax should help.",
        "One sigmoid unit cannot tell three classes; three units with softmax are needed.",
        _sigmoid_as_given,
        expected=fixed_by(SOFTMAX),
    ),
    Scenario(
        "one-sigmoid-for-three-classes",
        "The same with labels that can be learned; three units with softmax should help.",
        "One sigmoid unit cannot tell three classes; three units with softmax are needed.",
        _sigmoid,
        expected=fixed_by(SOFTMAX),
    ),
    Scenario(
        "sigmoid-instead-of-softmax",
        "Three sigmoid units for exclusive classes; softmax should help.",
        "Several classes want softmax, whose outputs are a distribution; sigmoid is wrong.",
        _three_sigmoids,
        expected=fixed_by(SOFTMAX),
        measured=no_remedy(),
        differs="With Keras both train alike, to the last digit: its cross-entropy reads the logits behind either"
        " activation. What is wrong is what the model puts out afterwards, which sums to more than 1.",
    ),
    Scenario(
        "mse-for-classification",
        "Mean squared error of class probabilities; cross-entropy should help.",
        "Mean squared error for a classification is nonsensical; cross-entropy belongs there.",
        _squared_error,
        expected=fixed_by(CROSSENTROPY),
        measured=no_remedy(),
        differs="Of softmax and one column a class it learns as well: on fresh samples a share of 0.18 is wrong after"
        " either loss. It is nonsense of a single unit, as in mse-of-class-indices.",
    ),
    Scenario(
        "mse-of-class-indices",
        "Mean squared error of a single unit and the numbers of three classes; cross-entropy should help.",
        "Mean squared error for a classification is nonsensical; cross-entropy belongs there.",
        _squared_error_of_indices,
        expected=fixed_by(CROSSENTROPY),
    ),
    Scenario(
        "one-hot-labels-for-sparse-loss",
        "One column a class for sparse cross-entropy; integers, or the other cross-entropy, should help.",
        "Labels and loss have to go together, or shapes do not match.",
        _one_hot_for_sparse,
        expected=fixed_by(INTEGERS, CROSSENTROPY),
    ),
    Scenario(
        "integer-labels-for-one-hot-loss",
        "Integer labels for categorical cross-entropy; one column a class, or the sparse loss, should help.",
        "Labels and loss have to go together, or shapes do not match.",
        _integers_for_categorical,
        expected=fixed_by(COLUMNS, CROSSENTROPY),
    ),
    Scenario(
        "labels-out-of-range",
        "Three classes numbered from 1 for three units; a unit for every label should help.",
        "The output needs as many units as there are classes.",
        _out_of_range,
        expected=fixed_by(FOURTH_UNIT),
    ),
)

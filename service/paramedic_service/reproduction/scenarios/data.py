"""Inputs: their shape, their scale, and how often each class is among them."""

from paramedic.v1.description_pb2 import ArrayProfile, RunDescription
from paramedic.v1.reproduction_pb2 import ReproductionSpec
from paramedic_service.reproduction.scenarios.describing import (
    BINARY,
    SPARSE,
    SQUARED,
    arm,
    description,
    labels,
    numbers,
    optimizer,
    output,
    recurrent,
    spec,
    targets,
    yes_or_no,
)
from paramedic_service.reproduction.scenarios.scenario import Scenario, fixed_by, not_reproduced

PADDED, TRUNCATED, WINDOWED = "padded", "truncated", "windowed"
FEATURE_AXIS, TIME_AXIS, OTHER_WIDTH = "with an axis of features", "with an axis of time", "input of five features"
STANDARDISED, BALANCED = "standardised", "balanced class weights"

RAISED = ("training_error", "input_shape")


def _classifier(shape: tuple[int, int], given: ArrayProfile, counts: tuple[int, ...]) -> RunDescription:
    layers = [recurrent("LSTM", 16, "lstm"), output(len(counts), "softmax")]
    return description(
        shape, layers, SPARSE, optimizer("adam", 0.01), labels(counts), given=given, metrics=["accuracy"]
    )


def _unequal_pair() -> ReproductionSpec:
    layers = [recurrent("LSTM", 64, "lstm"), output(1, "sigmoid")]
    known = description((3, 2), layers, BINARY, optimizer("adam", 0.001), yes_or_no(1), given=numbers(-1, 2), samples=2)
    return spec(
        "Two sequences of unequal length, as the source has them",
        known,
        "unequal-pair",
        arm(PADDED, "Pad sequences to three steps.", {"data.inputs": {"pad": 3}}),
        arm(
            TRUNCATED,
            "Truncate sequences to two steps.",
            {"data.inputs": {"truncate": 2}, "model.input": {"set": {"shape": [2, 2]}}},
        ),
        rules=RAISED,
        steps=20,
    )


def _unequal_lengths() -> ReproductionSpec:
    return spec(
        "Sequences of 6 to 10 steps",
        _classifier((10, 8), numbers(-1, 8), (400, 400, 400)),
        "largest-of-unequal-length",
        arm(PADDED, "Pad sequences to ten steps.", {"data.inputs": {"pad": 10}}),
        arm(
            TRUNCATED,
            "Truncate sequences to six steps.",
            {"data.inputs": {"truncate": 6}, "model.input": {"set": {"shape": [6, 8]}}},
        ),
        rules=RAISED,
    )


def _unequal_series() -> ReproductionSpec:
    return spec(
        "Time series of 24 to 60 steps",
        _classifier((24, 1), numbers(-1, 1), (160, 160)),
        "waves-of-unequal-length",
        arm(WINDOWED, "Cut series into windows of 24 steps.", {"data.inputs": {"window": 24}}),
        arm(TRUNCATED, "Truncate series to 24 steps.", {"data.inputs": {"truncate": 24}}),
        arm(
            PADDED,
            "Pad series to 60 steps.",
            {"data.inputs": {"pad": 60}, "model.input": {"set": {"shape": [60, 1]}}},
        ),
        rules=RAISED,
    )


def _no_feature_axis() -> ReproductionSpec:
    layers = [recurrent("LSTM", 16, "lstm"), output()]
    known = description((10, 1), layers, SQUARED, optimizer("adam", 0.01), targets(1), given=numbers(10))
    reshaped = arm(FEATURE_AXIS, "Reshape to (samples, 10, 1).", {"data.inputs": {"reshape": [10, 1]}})
    return spec("Samples without an axis of features", known, "sum", reshaped, rules=RAISED)


def _no_time_axis() -> ReproductionSpec:
    known = _classifier((10, 8), numbers(80), (400, 400, 400))
    reshaped = arm(TIME_AXIS, "Reshape to (samples, 10, 8).", {"data.inputs": {"reshape": [10, 8]}})
    return spec("Samples without an axis of time", known, "largest-flat", reshaped, rules=RAISED)


def _other_width() -> ReproductionSpec:
    known = _classifier((10, 8), numbers(10, 5), (400, 400, 400))
    other = arm(OTHER_WIDTH, "Declare what is there: Input((10, 5)).", {"model.input": {"set": {"shape": [10, 5]}}})
    return spec("Five features for a model of eight", known, "largest-narrow", other, rules=RAISED)


def _raw_units() -> ReproductionSpec:
    known = _classifier((10, 8), numbers(10, 8), (400, 400, 400))
    standardised = arm(STANDARDISED, "Standardise every feature.", {"data.inputs": {"standardise": True}})
    return spec("Features from hundredths to thousands", known, "largest-in-raw-units", standardised)


def _imbalance() -> ReproductionSpec:
    known = _classifier((10, 8), numbers(10, 8), (1200, 80, 80))
    balanced = arm(
        BALANCED, "Weight classes by the inverse of their frequency.", {"training.class_weights": {"set": "balanced"}}
    )
    return spec(
        "Thirty samples of one class to one of the others", known, "largest-imbalanced", balanced, steps=150, seeds=5
    )


SCENARIOS = (
    Scenario(
        "shape-mismatch-as-given",
        "Two sequences of unequal length for an LSTM, as the source has them; padding or truncation should help.",
        "Sequences of unequal length raise a ValueError; padding or truncating them to one length is crucial.",
        _unequal_pair,
        expected=fixed_by(PADDED, TRUNCATED),
    ),
    Scenario(
        "sequences-of-unequal-length",
        "Sequences of 6 to 10 steps for an LSTM; padding or truncation should help.",
        "Sentences have to be padded or truncated to one length.",
        _unequal_lengths,
        expected=fixed_by(PADDED, TRUNCATED),
    ),
    Scenario(
        "series-of-unequal-length",
        "Time series of 24 to 60 steps for an LSTM; windows of one length should help.",
        "Time series need one length, or windows that have one.",
        _unequal_series,
        expected=fixed_by(WINDOWED, TRUNCATED, PADDED),
    ),
    Scenario(
        "missing-feature-axis",
        "Samples [time steps] where an LSTM reads [time steps, features]; the third axis should help.",
        "The input has to be (batch, time steps, features); anything else raises an error.",
        _no_feature_axis,
        expected=fixed_by(FEATURE_AXIS),
        measured=not_reproduced(),
        differs="Keras adds an axis of one feature by itself, and the training is the same to the last digit. Any other"
        " axis that is missing raises an error, as in missing-time-axis.",
    ),
    Scenario(
        "missing-time-axis",
        "Flat samples where an LSTM reads [time steps, features]; the axis of time should help.",
        "The input has to be (batch, time steps, features); anything else raises an error.",
        _no_time_axis,
        expected=fixed_by(TIME_AXIS),
    ),
    Scenario(
        "wrong-number-of-features",
        "Five features for an LSTM that was declared for eight; declaring five should help.",
        "The input has to be (batch, time steps, features); anything else raises an error.",
        _other_width,
        expected=fixed_by(OTHER_WIDTH),
    ),
    Scenario(
        "unnormalised-features",
        "Features of vastly different scales; standardising them should help.",
        "Features of vastly different scales dominate the gradients; standardisation prevents that.",
        _raw_units,
        expected=fixed_by(STANDARDISED),
    ),
    Scenario(
        "class-imbalance",
        "Thirty samples of one class to one of the others; balanced class weights should help.",
        "Imbalanced data sets bias learning, and the loss misleads.",
        _imbalance,
        expected=fixed_by(BALANCED),
    ),
)

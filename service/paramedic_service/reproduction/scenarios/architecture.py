"""Depth, width and dropout."""

from collections.abc import Sequence

from paramedic.v1.description_pb2 import LayerConfig, RunDescription
from paramedic.v1.reproduction_pb2 import ReproductionSpec
from paramedic_service.reproduction.scenarios.describing import (
    SPARSE,
    arm,
    description,
    labels,
    layer,
    optimizer,
    output,
    recurrent,
    spec,
)
from paramedic_service.reproduction.scenarios.scenario import Scenario, fixed_by, no_remedy

SHALLOWER, NORMALISED, RELU = "fewer layers", "normalised layers", "ReLU in dense layers"
WIDER, NARROWER, DROPPED, PENALISED = "more units", "fewer units", "dropout", "a penalty on weights"
LESS_DROPOUT, NO_DROPOUT, BEHIND = "less dropout", "no dropout on the output", "no dropout in front of normalisation"

_DEPTH = 7


def _classifier(layers: Sequence[LayerConfig], samples: int = 1200, *, validated: bool = False) -> RunDescription:
    return description(
        (10, 8),
        layers,
        SPARSE,
        optimizer("adam", 0.01),
        labels([samples // 3] * 3),
        samples=samples,
        metrics=["accuracy"],
        validated=validated,
    )


def _lstm(units: int = 16) -> LayerConfig:
    return recurrent("LSTM", units, "lstm")


def _too_deep() -> ReproductionSpec:
    names = [f"dense_{number}" for number in range(_DEPTH)]
    hidden = [layer("Dense", 16, "sigmoid", name) for name in names]
    return spec(
        "An LSTM and seven sigmoid layers",
        _classifier([_lstm(), *hidden, output(3, "softmax")]),
        "largest",
        arm(SHALLOWER, "Use one hidden layer.", {f"model.layers[{name}]": {"remove": True} for name in names[1:]}),
        arm(
            NORMALISED,
            "Insert LayerNormalization behind every hidden layer.",
            {f"model.layers[{name}]": {"insert_after": {"kind": "LayerNormalization"}} for name in names},
        ),
        arm(
            RELU,
            "Use ReLU in place of sigmoid.",
            {f"model.layers[{name}].activation": {"set": "relu"} for name in names},
        ),
    )


def _too_narrow() -> ReproductionSpec:
    known = _classifier([recurrent("SimpleRNN", 1), output(3, "softmax")])
    wider = arm(WIDER, "Use 16 units.", {"model.layers[rnn].units": {"set": 16}})
    return spec("A recurrent layer of one unit", known, "largest", wider)


def _too_few_units() -> ReproductionSpec:
    known = _classifier([_lstm(1), output(3, "softmax")])
    wider = arm(WIDER, "Use 16 units.", {"model.layers[lstm].units": {"set": 16}})
    return spec("An LSTM of one unit", known, "largest", wider)


def _too_many_units() -> ReproductionSpec:
    known = _classifier([_lstm(160), output(3, "softmax")], 100, validated=True)
    behind = {"model.layers[lstm]": {"insert_after": {"kind": "Dropout"}}}
    penalties = {f"model.layers[lstm].{each}_regularizer": {"set": "l2"} for each in ("kernel", "recurrent")}
    return spec(
        "A thousand parameters a sample",
        known,
        "largest-few",
        arm(NARROWER, "Use 8 units.", {"model.layers[lstm].units": {"set": 8}}),
        arm(DROPPED, "Drop half of what the LSTM puts out.", behind),
        arm(PENALISED, "Add the squares of the LSTM's weights to the loss.", penalties),
        rules=("overfit",),
        steps=150,
    )


def _strong_dropout() -> ReproductionSpec:
    known = _classifier([layer("Dropout", name="dropout", rate=0.95), _lstm(), output(3, "softmax")])
    less = arm(LESS_DROPOUT, "Drop a tenth.", {"model.layers[dropout].rate": {"set": 0.1}})
    return spec("Dropout that leaves one input in twenty", known, "largest", less, steps=150)


def _dropout_on_output() -> ReproductionSpec:
    known = _classifier([_lstm(), output(3, "softmax"), layer("Dropout", name="dropout", rate=0.7)])
    without = arm(NO_DROPOUT, "Remove dropout behind the output.", {"model.layers[dropout]": {"remove": True}})
    return spec("Dropout of the probabilities", known, "largest", without, steps=100)


def _dropout_before_normalisation() -> ReproductionSpec:
    layers = [
        _lstm(),
        layer("Dropout", name="dropout", rate=0.5),
        layer("BatchNormalization", name="normalisation"),
        output(3, "softmax"),
    ]
    without = arm(BEHIND, "Remove dropout in front of normalisation.", {"model.layers[dropout]": {"remove": True}})
    return spec("Dropout in front of batch normalisation", _classifier(layers), "largest", without)


SCENARIOS = (
    Scenario(
        "too-deep",
        "Seven sigmoid layers behind an LSTM; fewer layers, normalisation or ReLU should help.",
        "Overly deep networks often hinder learning.",
        _too_deep,
        expected=fixed_by(SHALLOWER),
    ),
    Scenario(
        "too-narrow",
        "A plain recurrent layer of one unit for three classes; more units should help.",
        "Overly small hidden layers often hinder learning.",
        _too_narrow,
        expected=fixed_by(WIDER),
    ),
    Scenario(
        "too-few-lstm-units",
        "An LSTM of one unit for three classes; more units should help.",
        "Too few LSTM units underfit.",
        _too_few_units,
        expected=fixed_by(WIDER),
    ),
    Scenario(
        "too-many-lstm-units",
        "An LSTM of 160 units for a hundred samples; fewer units or dropout should help.",
        "Too many LSTM units overfit, and cost.",
        _too_many_units,
        expected=fixed_by(NARROWER),
        measured=no_remedy(),
        differs="160 units overfit, as claimed, and so do 8, with or without dropout or a penalty: a hundred samples"
        " with unreliable labels are memorised by either, and no patch adds to them.",
    ),
    Scenario(
        "dropout-too-strong",
        "Dropout that leaves one input in twenty; less of it should help.",
        "Badly configured dropout disrupts learning and makes it inconsistent; it can even raise an error.",
        _strong_dropout,
        expected=fixed_by(LESS_DROPOUT),
        differs="It disrupts learning, as claimed, but never raises an error: rates outside 0 to 1 are refused before"
        " the training, by Keras as by Paramedic.",
    ),
    Scenario(
        "dropout-on-output",
        "Dropout behind softmax drops the probabilities themselves; removing it should help.",
        "Badly configured dropout disrupts learning and makes it inconsistent.",
        _dropout_on_output,
        expected=fixed_by(NO_DROPOUT),
    ),
    Scenario(
        "dropout-before-normalisation",
        "Dropout in front of batch normalisation, which learns a variance that inference does not have.",
        "Badly configured dropout disrupts learning and makes it inconsistent.",
        _dropout_before_normalisation,
        expected=fixed_by(BEHIND),
        measured=no_remedy(),
        differs="It does no harm that can be told from chance here: the share of fresh samples that are wrong is about"
        " 0.18 with it and without. A dropout of the kind hides in the loss of the training only.",
    ),
)

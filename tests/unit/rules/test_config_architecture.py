"""Each rule on the architecture fires on its fault, and leaves the healthy model that comes closest."""

import pytest

from paramedic_service.rules.config_monitor import ConfigMonitor
from paramedic_service.rules.description import Description, Layer, Model, Optimizer, Training
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.finding import Change
from support.described import (
    BINARY,
    SPARSE,
    abstentions,
    array,
    dense,
    described,
    findings,
    labels,
    layer,
    recurrent,
    sequential,
)

OUT = dense(3, "softmax")
PENALTY = {"class_name": "L2", "config": {"l2": 0.01}}


def initialiser(name: str, **config: float) -> dict:
    return {"class_name": name, "config": config}


def model(*layers: Layer, inputs: tuple[int, ...] = (20,), parameters: int = 1000) -> Description:
    return described(sequential(*layers, inputs=inputs, parameters=parameters), SPARSE, array(*inputs))


def residual(depth: int) -> Description:
    """Pairs of layers that a connection jumps over."""
    layers = [Layer("input", "InputLayer", output_shape=(-1, 16))]
    for place in range(depth):
        before = layers[-1].name
        layers += [
            Layer(f"a{place}", "Dense", "relu", 16, (-1, 16), (-1, 16)),
            Layer(f"b{place}", "Dense", "relu", 16, (-1, 16), (-1, 16)),
            Layer(f"sum{place}", "Add", "", None, (), (-1, 16), inputs=(before, f"b{place}")),
        ]
    layers.append(Layer("out", "Dense", "softmax", 3, (-1, 16), (-1, 3)))
    return described(Model(tuple(layers), 1000), SPARSE)


def gated(activation: str) -> Description:
    """A branch that is multiplied with what it came from, as squeeze-and-excitation has it."""
    layers = (
        Layer("input", "InputLayer", output_shape=(-1, 16)),
        Layer("squeeze", "Dense", "relu", 1, (-1, 16), (-1, 1)),
        Layer("excite", "Dense", activation, 16, (-1, 1), (-1, 16)),
        Layer("scale", "Multiply", "", None, (), (-1, 16), inputs=("input", "excite")),
        Layer("out", "Dense", "softmax", 10, (-1, 16), (-1, 10)),
    )
    return described(Model(layers, 1000), SPARSE)


ZEROS, NORMAL = initialiser("Zeros"), initialiser("RandomNormal", mean=0.0, stddev=5.0)

CASES = {
    "linear hidden layer": ("missing_activation", model(dense(64, "linear"), OUT), model(dense(64), OUT)),
    "linear bottleneck": (
        "missing_activation",
        model(dense(64, "linear"), dense(64), OUT),
        model(dense(2, "linear"), OUT),
    ),
    "linear convolutions": (
        "missing_activation",
        model(*[Layer("", "Conv1D", "linear", 8)] * 2, layer("Flatten"), OUT, inputs=(20, 4)),
        model(*[Layer("", "Conv1D", "linear", 8), layer("ReLU")] * 2, layer("Flatten"), OUT, inputs=(20, 4)),
    ),
    "linear recurrence": (
        "missing_activation",
        model(recurrent("GRU", 8, "linear"), OUT, inputs=(20, 4)),
        model(recurrent("GRU", 8), OUT, inputs=(20, 4)),
    ),
    "softmax twice": (
        "doubled_activation",
        model(dense(64), OUT, layer("Softmax")),
        model(dense(64), dense(3, "linear"), layer("Softmax")),
    ),
    "relu after normalised relu": (
        "doubled_activation",
        model(dense(64), layer("ReLU"), OUT),
        model(dense(64), layer("BatchNormalization"), layer("ReLU"), OUT),
    ),
    "softmax inside": ("hidden_softmax", model(dense(64, "softmax"), OUT), gated("softmax")),
    "relu in a recurrent layer": (
        "recurrent_relu",
        model(recurrent("LSTM", 8, "relu"), OUT, inputs=(20, 4)),
        model(recurrent("LSTM", 8), dense(8, "relu"), OUT, inputs=(20, 4)),
    ),
    "relu with identity": (
        "recurrent_relu",
        model(recurrent("SimpleRNN", 8, "relu"), OUT, inputs=(20, 4)),
        model(recurrent("SimpleRNN", 8, "relu", recurrent_initializer=initialiser("Identity")), OUT, inputs=(20, 4)),
    ),
    "plain cell over long sequences": (
        "long_plain_recurrence",
        model(recurrent("SimpleRNN", 8), OUT, inputs=(81, 4)),
        model(recurrent("SimpleRNN", 8), OUT, inputs=(80, 4)),
    ),
    "gated cell over very long sequences": (
        "long_plain_recurrence",
        model(recurrent("LSTM", 8), OUT, inputs=(1001, 4)),
        model(recurrent("LSTM", 8), OUT, inputs=(1000, 4)),
    ),
    "open length, long data": (
        "long_plain_recurrence",
        described(sequential(recurrent("SimpleRNN", 8), OUT, inputs=(-1, 4)), SPARSE, array(300, 4)),
        described(sequential(recurrent("SimpleRNN", 8), OUT, inputs=(-1, 4)), SPARSE, array(30, 4)),
    ),
    "last output into a recurrent layer": (
        "missing_return_sequences",
        model(recurrent("LSTM", 8), recurrent("LSTM", 8), OUT, inputs=(20, 4)),
        model(recurrent("LSTM", 8), layer("RepeatVector"), recurrent("LSTM", 8), OUT, inputs=(20, 4)),
    ),
    "deep relu": ("too_deep", model(*[dense(16)] * 20, OUT), model(*[dense(16)] * 18, OUT)),
    "deep sigmoid": ("too_deep", model(*[dense(16, "sigmoid")] * 7, OUT), model(*[dense(16, "sigmoid")] * 6, OUT)),
    "deep without connections": ("too_deep", model(*[dense(16)] * 40, OUT), residual(20)),
    "deep without normalisation": (
        "too_deep",
        model(*[dense(16)] * 40, OUT),
        model(*[dense(16), layer("LayerNormalization")] * 40, OUT),
    ),
    "deep recurrence": (
        "too_deep",
        model(*[recurrent("GRU", 8, sequences=True)] * 5, OUT, inputs=(20, 4)),
        model(*[recurrent("GRU", 8, sequences=True)] * 4, OUT, inputs=(20, 4)),
    ),
    "narrow hidden layer": (
        "too_few_units",
        described(sequential(dense(4), dense(10, "softmax")), SPARSE),
        described(sequential(dense(5), dense(10, "softmax")), SPARSE),
    ),
    "narrow branch": ("too_few_units", described(sequential(dense(1), dense(10, "softmax")), SPARSE), gated("sigmoid")),
    "narrow recurrence": (
        "too_few_units",
        described(sequential(recurrent("LSTM", 1), dense(1, "linear"), inputs=(20, 4)), "mean_squared_error"),
        described(sequential(recurrent("LSTM", 4), dense(1, "linear"), inputs=(20, 4)), "mean_squared_error"),
    ),
    "narrow code": (
        "too_few_units",
        described(sequential(dense(1), dense(64, "sigmoid")), "mean_squared_error"),
        described(sequential(dense(2), dense(64, "sigmoid")), BINARY),
    ),
    "parameters beyond samples": (
        "too_many_parameters",
        model(dense(64), OUT, parameters=1_000_001),
        model(dense(64), OUT, parameters=1_000_000),
    ),
    "regularised parameters": (
        "too_many_parameters",
        model(dense(64), OUT, parameters=2_000_000),
        model(dense(64, kernel_regularizer=PENALTY), OUT, parameters=2_000_000),
    ),
    "strong dropout": (
        "strong_dropout",
        model(dense(64), layer("Dropout", rate=0.7), OUT),
        model(dense(64), layer("Dropout", rate=0.5), OUT),
    ),
    "strong recurrent dropout": (
        "strong_dropout",
        model(recurrent("LSTM", 8, recurrent_dropout=0.6), OUT, inputs=(20, 4)),
        model(recurrent("LSTM", 8, recurrent_dropout=0.3), OUT, inputs=(20, 4)),
    ),
    "dropout before normalisation": (
        "dropout_before_normalisation",
        model(dense(64), layer("Dropout", rate=0.2), layer("BatchNormalization"), OUT),
        model(dense(64), layer("BatchNormalization"), layer("Dropout", rate=0.2), OUT),
    ),
    "dropout on predictions": (
        "dropout_on_output",
        model(dense(64), OUT, layer("Dropout", rate=0.2)),
        model(dense(64), layer("Dropout", rate=0.2), OUT),
    ),
    "dropout on an embedding": (
        "dropout_on_output",
        model(dense(64), dense(3, "linear"), layer("Dropout", rate=0.2), layer("Softmax")),
        described(sequential(dense(64), dense(8, "linear"), layer("Dropout", rate=0.2)), "triplet_loss"),
    ),
    "bias before normalisation": (
        "bias_before_normalisation",
        model(dense(64, "linear"), layer("BatchNormalization"), layer("ReLU"), OUT),
        model(dense(64, "relu"), layer("BatchNormalization"), OUT),
    ),
    "zero weights": (
        "constant_initialiser",
        model(dense(64, kernel_initializer=ZEROS), OUT),
        model(dense(64), dense(3, "softmax", kernel_initializer=ZEROS)),
    ),
    "huge weights": (
        "initialiser_scale",
        model(dense(64, kernel_initializer=NORMAL), OUT),
        model(dense(64, kernel_initializer=initialiser("RandomNormal", stddev=0.05)), OUT),
    ),
    "huge recurrent weights": (
        "initialiser_scale",
        model(recurrent("SimpleRNN", 8, recurrent_initializer=initialiser("Orthogonal", gain=4.0)), OUT, inputs=(9, 4)),
        model(recurrent("SimpleRNN", 8, recurrent_initializer=initialiser("Orthogonal", gain=1.0)), OUT, inputs=(9, 4)),
    ),
    "units born dead": (
        "negative_bias",
        model(dense(64, bias_initializer=initialiser("Constant", value=-10.0)), OUT),
        model(dense(64), dense(3, "softmax", bias_initializer=initialiser("Constant", value=-4.6))),
    ),
    "stride beyond the kernel": (
        "skipping_stride",
        model(Layer("", "Conv1D", "relu", 8, settings={"kernel_size": [3], "strides": [4]}), OUT, inputs=(20, 4)),
        model(Layer("", "Conv1D", "relu", 8, settings={"kernel_size": [1], "strides": [2]}), OUT, inputs=(20, 4)),
    ),
    "nothing to train": (
        "nothing_trainable",
        described(Model((Layer("a", "Dense", "relu", 3, parameters=9, frozen=True),), 0, 9)),
        described(Model((Layer("a", "BatchNormalization", parameters=9),), 0, 9)),
    ),
    "selu without its initialiser": (
        "selu_initialiser",
        model(dense(64, "selu", kernel_initializer=initialiser("GlorotUniform")), OUT),
        model(dense(64, "selu", kernel_initializer=initialiser("LecunNormal")), OUT),
    ),
}


@pytest.mark.parametrize(("rule", "faulty", "healthy"), CASES.values(), ids=CASES.keys())
def test_a_fault_is_found_and_the_healthy_model_next_to_it_is_left(rule, faulty, healthy) -> None:
    finding = findings(faulty)[rule]
    assert finding.evidence
    assert finding.remedies
    assert rule not in findings(healthy)


def test_every_rule_on_the_architecture_has_a_case() -> None:
    elsewhere = {"output_layer", "learning_rate_range", "optimizer_choice", "adam_epsilon", "batch_size"}
    assert {rule for rule, _, _ in CASES.values()} | elsewhere == {rule.id for rule in ConfigMonitor.rules}


@pytest.mark.parametrize("rule", sorted({rule for rule, _, _ in CASES.values()}))
def test_without_a_model_a_rule_says_that_it_cannot_judge(rule) -> None:
    assert "model" in abstentions(Description())[rule]


def test_frozen_layers_are_left_as_they_were_trained() -> None:
    frozen = Layer("", "LSTM", "relu", 1, settings={"return_sequences": False}, frozen=True)
    found = findings(model(frozen, OUT, inputs=(2000, 4)))
    assert not {"recurrent_relu", "long_plain_recurrence", "too_few_units"} & set(found)


def test_layers_of_unknown_kind_silence_what_lies_around_them() -> None:
    custom = [dense(16), layer("MyBlock")] * 30
    assert findings(model(*custom, OUT)) == {}


def test_strange_settings_are_no_reason_to_fail() -> None:
    strange = dense(8, kernel_initializer=["?"], dropout="much", recurrent_dropout=float("nan"))
    description = described(
        sequential(strange, layer("Dropout", rate="half"), layer("TimeDistributed", layer="?"), OUT),
        SPARSE,
        array(),
        labels("integer", ()),
        Optimizer("adam", settings={"epsilon": "tiny", "momentum": None}),
        Training(batch_size=0),
        samples=0,
    )
    assert findings(description) == {}


def test_a_fault_that_another_description_mends_is_resolved() -> None:

    diagnosis = Diagnosis()
    faulty, healthy = model(dense(64, "softmax"), OUT), model(dense(64), OUT)
    assert [found.change for found in diagnosis.describe(faulty)] == [Change.OPENED]
    assert diagnosis.describe(faulty) == []
    assert [found.change for found in diagnosis.describe(healthy)] == [Change.RESOLVED]

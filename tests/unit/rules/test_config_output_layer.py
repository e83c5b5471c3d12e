"""The output layer against loss and labels: every fault is named with what to change, everything that fits is left."""

from dataclasses import replace

import pytest

from paramedic_service.rules.description import ArrayProfile, Data, Description, Layer, Loss, Model, Training
from paramedic_service.rules.finding import Severity
from support.described import (
    BINARY,
    CATEGORICAL,
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

THREE = labels("integer", (300, 400, 300))
TWO = labels("binary", (500, 500))
ONE_HOT = labels("one_hot", (300, 400, 300), 3)
MULTI_HOT = labels("multi_hot", (300, 400, 300), 3)
REAL = array(1, encoding="continuous", lowest=-40.0, highest=90.0, whole_share=0.0)
UNIT_REAL = array(20, encoding="continuous", lowest=0.0, highest=1.0, whole_share=0.0)
LOGITS = {name: Loss(name, from_logits=True) for name in (BINARY, CATEGORICAL, SPARSE)}


def found(units: int, activation: str, loss: str | Loss, y: ArrayProfile | None, metrics: tuple[str, ...] = ()):
    model = sequential(dense(16), dense(units, activation))
    known = findings(described(model, loss, array(20), y, training=Training(metrics=metrics)))
    return known.get("output_layer")


@pytest.mark.parametrize(
    ("units", "activation", "loss", "y", "advice"),
    [
        (1, "sigmoid", BINARY, THREE, "Dense(3, activation='softmax') with sparse_categorical_crossentropy"),
        (1, "softmax", BINARY, TWO, "Dense(1, activation='sigmoid') with binary_crossentropy"),
        (1, "softmax", "mean_squared_error", REAL, "Dense(1) without activation with mean_squared_error"),
        (1, "linear", BINARY, TWO, "Dense(1, activation='sigmoid')"),
        (1, "tanh", BINARY, TWO, "Dense(1, activation='sigmoid')"),
        (1, "sigmoid", LOGITS[BINARY], TWO, "set from_logits=False"),
        (3, "softmax", LOGITS[SPARSE], THREE, "set from_logits=False"),
        (3, "linear", SPARSE, THREE, "from_logits=True"),
        (3, "relu", CATEGORICAL, ONE_HOT, "Dense(3, activation='softmax')"),
        (3, "sigmoid", CATEGORICAL, ONE_HOT, "Dense(3, activation='softmax') with categorical_crossentropy"),
        (3, "sigmoid", SPARSE, None, "activation='softmax'"),
        (3, "sigmoid", BINARY, ONE_HOT, "Dense(3, activation='softmax') with categorical_crossentropy"),
        (3, "softmax", SPARSE, ONE_HOT, "categorical_crossentropy"),
        (3, "softmax", CATEGORICAL, THREE, "to_categorical(y, 3)"),
        (2, "softmax", SPARSE, THREE, "Dense(3, activation='softmax')"),
        (4, "softmax", CATEGORICAL, ONE_HOT, "Dense(3, activation='softmax')"),
        (1, "sigmoid", SPARSE, TWO, "Dense(1, activation='sigmoid') with binary_crossentropy"),
        (3, "softmax", CATEGORICAL, MULTI_HOT, "Dense(3, activation='sigmoid') with binary_crossentropy"),
        (3, "softmax", "mean_squared_error", ONE_HOT, "with categorical_crossentropy"),
        (3, "softmax", "mean_squared_error", None, "activation='softmax'"),
        (1, "sigmoid", "mse", TWO, "with binary_crossentropy"),
        (3, "linear", "mean_absolute_error", THREE, "with sparse_categorical_crossentropy"),
        (1, "sigmoid", BINARY, REAL, "Dense(1) without activation with mean_squared_error"),
        (2, "softmax", SPARSE, REAL, "mean_squared_error"),
        (1, "softmax", CATEGORICAL, None, "always 1"),
    ],
)
def test_what_does_not_fit_is_named_with_what_fits(units, activation, loss, y, advice) -> None:
    finding = found(units, activation, loss, y)
    assert finding is not None
    assert finding.severity is Severity.CRITICAL
    assert advice in finding.summary
    assert "dense_1" in finding.summary
    assert finding.evidence


@pytest.mark.parametrize(
    ("units", "activation", "loss", "y"),
    [
        (1, "sigmoid", BINARY, TWO),
        (1, "linear", LOGITS[BINARY], TWO),
        (3, "softmax", SPARSE, THREE),
        (10, "softmax", SPARSE, THREE),
        (3, "linear", LOGITS[SPARSE], THREE),
        (2, "softmax", SPARSE, TWO),
        (3, "softmax", CATEGORICAL, ONE_HOT),
        (3, "linear", LOGITS[CATEGORICAL], ONE_HOT),
        (3, "sigmoid", BINARY, MULTI_HOT),
        (20, "sigmoid", BINARY, UNIT_REAL),
        (20, "sigmoid", "mean_squared_error", UNIT_REAL),
        (1, "linear", "mean_squared_error", REAL),
        (1, "linear", "huber", labels("integer", (10,) * 20)),
        (1, "softplus", "poisson", labels("integer", (10,) * 20)),
        (3, "softmax", "kl_divergence", ONE_HOT),
        (8, "linear", "triplet_loss", THREE),
        (3, "softmax", "my_loss", REAL),
        (3, "softmax", SPARSE, labels("integer", (0, 300, 400, 300), lowest=1.0)),
    ],
)
def test_what_fits_is_left_alone(units, activation, loss, y) -> None:
    assert found(units, activation, loss, y) is None


def test_whole_numbers_are_classes_when_the_accuracy_is_measured() -> None:
    assert found(1, "linear", "mean_squared_error", THREE) is None
    assert found(1, "linear", "mean_squared_error", THREE, metrics=("accuracy",)) is not None


def test_a_softmax_in_a_layer_of_its_own_belongs_to_the_output() -> None:
    model = sequential(dense(3, "linear"), layer("Activation", "softmax"))
    assert "output_layer" not in findings(described(model, SPARSE, y=THREE))
    assert "output_layer" in findings(described(model, LOGITS[SPARSE], y=THREE))


def test_a_softmax_that_is_no_layer_counts_and_an_unknown_operation_silences() -> None:
    for operations, faulty in ((["Softmax"], False), (["Multiply"], False), ([], True)):
        model = sequential(dense(3, "linear", operations=operations))
        assert ("output_layer" in findings(described(model, SPARSE, y=THREE))) is faulty


def test_predictions_a_time_step_do_not_fit_one_label_a_sample() -> None:
    many = sequential(recurrent("LSTM", 8, sequences=True), dense(3, "softmax"), inputs=(20, 4))
    finding = findings(described(many, SPARSE, y=THREE))["output_layer"]
    assert "return_sequences=False" in finding.summary
    tags = labels("integer", (300, 400, 300), 20)
    assert "output_layer" not in findings(described(many, SPARSE, y=tags))


def test_the_inner_layer_of_a_wrapper_is_judged() -> None:
    inner = {"class_name": "Dense", "config": {"units": 3, "activation": "linear"}}
    model = sequential(recurrent("GRU", 8, sequences=True), layer("TimeDistributed", layer=inner), inputs=(20, 4))
    assert "output_layer" in findings(described(model, SPARSE, y=labels("integer", (300, 400, 300), 20)))


def branched(activation: str) -> Model:
    trunk = Layer("trunk", "Dense", "relu", 16, (-1, 20), (-1, 16))
    kind = Layer("kind", "Dense", activation, 3, (-1, 16), (-1, 3), inputs=("trunk",))
    price = Layer("price", "Dense", "linear", 1, (-1, 16), (-1, 1), inputs=("trunk",))
    return Model((Layer("input", "InputLayer", output_shape=(-1, 20)), trunk, kind, price), 100)


def test_each_output_is_judged_by_its_own_loss_and_target() -> None:
    losses = (Loss(SPARSE, "kind"), Loss("mean_squared_error", "price"))
    data = Data((array(20),), (replace(THREE, name="kind"), replace(REAL, name="price")), 1000)
    healthy = Description(model=branched("softmax"), losses=losses, data=data)
    faulty = replace(healthy, model=branched("linear"))
    assert "output_layer" not in findings(healthy)
    summary = findings(faulty)["output_layer"].summary
    assert "kind:" in summary
    assert "price:" not in summary


def test_a_model_with_a_forward_pass_of_its_own_is_not_judged_by_the_order_of_its_layers() -> None:
    layers = (Layer("head", "Dense", "softmax", 3, (-1, 8)), Layer("first", "Dense", "linear", 8, (-1, 20)))
    assert "output_layer" not in findings(described(Model(layers, 100), SPARSE, y=THREE))


def test_without_a_loss_the_rule_abstains() -> None:
    assert "loss config" in abstentions(described(sequential(dense(3))))["output_layer"]

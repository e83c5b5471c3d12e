"""Rules on the optimizer and the batch size."""

import pytest

from paramedic_service.rules.description import Description, Layer, Model, Optimizer, Training
from paramedic_service.rules.finding import Severity
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


def found(name: str, rate: float | None, schedule: str = "", model: Model | None = None, **settings: float) -> set[str]:
    return set(findings(described(model, optimizer=Optimizer(name, rate, schedule, settings=settings))))


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("adam", 10.0),
        ("adam", 0.1),
        ("adam", 1e-6),
        ("adamw", 1e-7),
        ("rmsprop", 1.0),
        ("sgd", 5.0),
        ("sgd", 1e-7),
        ("adagrad", 0.001),
        ("adadelta", 0.001),
        ("lion", 0.1),
        ("mine", 10.0),
    ],
)
def test_an_unusual_learning_rate_is_found(name: str, rate: float) -> None:
    assert "learning_rate_range" in found(name, rate)


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("adam", 0.001),
        ("adam", 0.03),
        ("adam", 1e-5),
        ("nadam", 0.002),
        ("rmsprop", 0.045),
        ("sgd", 0.1),
        ("sgd", 1.0),
        ("sgd", 1e-4),
        ("adagrad", 0.01),
        ("adadelta", 1.0),
        ("lion", 1e-4),
        ("muon", 0.02),
        ("adam", None),
    ],
)
def test_a_usual_learning_rate_is_left(name: str, rate: float | None) -> None:
    assert "learning_rate_range" not in found(name, rate)


def test_a_warm_up_may_begin_at_nothing_but_not_at_too_much() -> None:
    assert "learning_rate_range" not in found("adam", 0.0, "CosineDecay")
    assert "learning_rate_range" in found("adam", 10.0, "CosineDecay")


def test_fine_tuning_next_to_frozen_layers_may_go_slower() -> None:
    frozen = Model((Layer("base", "Dense", "relu", 8, frozen=True), Layer("head", "Dense", "softmax", 3)), 10, 90)
    assert "learning_rate_range" not in found("adam", 1e-6, model=frozen)


def test_plain_descent_on_recurrent_layers_is_remarked_on_and_momentum_is_not() -> None:
    model = sequential(recurrent("LSTM", 8), dense(3, "softmax"), inputs=(20, 4))
    plain = described(model, optimizer=Optimizer("sgd", 0.01, settings={"momentum": 0.0}))
    assert findings(plain)["optimizer_choice"].severity is Severity.INFO
    assert "optimizer_choice" not in found("sgd", 0.01, model=model, momentum=0.9)
    assert "optimizer_choice" not in found("adam", 0.001, model=model)
    assert "optimizer_choice" not in found("sgd", 0.01, model=sequential(dense(3)), momentum=0.0)


@pytest.mark.parametrize(("name", "epsilon"), [("adam", 1.0), ("adam", 0.0), ("rmsprop", 2.0)])
def test_an_epsilon_that_rules_or_does_nothing_is_found(name: str, epsilon: float) -> None:
    assert "adam_epsilon" in found(name, 0.001, epsilon=epsilon)


@pytest.mark.parametrize(("name", "epsilon"), [("adam", 1e-7), ("adam", 1e-3), ("rmsprop", 1.0), ("sgd", 5.0)])
def test_an_epsilon_within_reason_is_left(name: str, epsilon: float) -> None:
    assert "adam_epsilon" not in found(name, 0.001, epsilon=epsilon)


def batches(size: int, epochs: int | None = 10, samples: int = 1000, **kwargs: Model) -> set[str]:
    model = kwargs.get("model", sequential(dense(8), dense(3, "softmax")))
    y = labels("integer", (300, 400, 300))
    training = Training(batch_size=size, epochs=epochs)
    return set(findings(described(model, SPARSE, array(20), y, training=training, samples=samples)))


def test_batches_of_everything_leave_too_few_updates() -> None:
    assert "batch_size" in batches(1000)
    assert "batch_size" in batches(500, epochs=50)
    assert "batch_size" not in batches(1000, epochs=300)
    assert "batch_size" not in batches(1000, epochs=None)
    assert "batch_size" not in batches(128)
    assert "batch_size" not in batches(150, samples=150)


def test_batches_of_one_are_noise_unless_a_sample_holds_many_predictions() -> None:
    assert "batch_size" in batches(1)
    assert "batch_size" not in batches(2)
    each_step = sequential(recurrent("GRU", 8, sequences=True), dense(3, "softmax"), inputs=(20, 4))
    assert "batch_size" not in batches(1, model=each_step)
    stateful = sequential(recurrent("GRU", 8, stateful=True), dense(3, "softmax"), inputs=(20, 4))
    assert "batch_size" not in batches(1, model=stateful)


def test_what_is_not_described_is_not_judged() -> None:
    missing = abstentions(described(sequential(dense(3), layer("Dropout", rate=0.1)), BINARY))
    assert "optimizer" in missing["learning_rate_range"]
    assert "optimizer" in missing["adam_epsilon"]
    assert "optimizer" in missing["optimizer_choice"]
    assert missing["batch_size"] == "not reported: training config, data profile"
    assert findings(Description()) == {}

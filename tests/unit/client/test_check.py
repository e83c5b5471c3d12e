"""paramedic.check: what it takes, what it gives, and what it leaves alone."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import paramedic
from paramedic.check import CheckReport, Problem
from paramedic_service.rules.catalogue import RULES

X = np.random.default_rng(0).normal(size=(300, 20)).astype("float32")
Y = np.random.default_rng(1).integers(0, 3, 300)


def network(units: int = 3, activation: str = "softmax", loss: str = "sparse_categorical_crossentropy"):
    model = keras.Sequential(
        [
            keras.Input((20,)),
            keras.layers.Dense(16, activation="relu"),
            keras.layers.Dense(units, activation=activation),
        ]
    )
    model.compile("adam", loss)
    return model


def rules(report: CheckReport) -> list[str]:
    return [problem.rule for problem in report]


def test_a_healthy_model_and_its_data_have_no_problems() -> None:
    report = paramedic.check(network(), X, Y, batch_size=32)
    assert list(report) == []
    assert str(report) == "No problems found."
    assert not report.critical


def test_what_is_wrong_comes_worst_first_with_what_to_change() -> None:
    model = network(1, "sigmoid", "binary_crossentropy")
    model.optimizer.learning_rate = 10.0
    report = paramedic.check(model, 255 * X, Y)
    assert report[0].rule == "output_layer"
    assert set(rules(report)) == {"output_layer", "unnormalised_input", "learning_rate_range"}
    assert report.critical
    assert "Dense(3, activation='softmax') with sparse_categorical_crossentropy" in report[0].summary
    assert all(problem.rule in str(report) for problem in report)
    assert all(remedy in str(report) for problem in report for remedy in problem.remedies)


def test_without_data_the_model_is_judged_and_the_rest_is_said_to_be_unknown() -> None:
    report = paramedic.check(network(activation="linear"))
    assert rules(report) == ["output_layer"]
    assert report.abstentions["unnormalised_input"] == "not reported: input statistics"
    assert "Not judged:" in str(report)
    families = {rule.id: rule.family for rule in RULES}
    assert {families[rule] for rule in report.abstentions} == {"config", "data"}


def test_a_model_that_is_not_compiled_is_judged_by_what_it_is() -> None:
    recurrent = keras.layers.LSTM(8, activation="relu")
    model = keras.Sequential([keras.Input((30, 2)), recurrent, keras.layers.Dense(1)])
    report = paramedic.check(model)
    assert rules(report) == ["recurrent_relu"]
    assert "output_layer" in report.abstentions


def test_sequences_of_unequal_length_are_told_how_to_be_padded() -> None:
    model = keras.Sequential([keras.layers.LSTM(8), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    report = paramedic.check(model, [X[:length, :4] for length in range(1, 200)], X[:199, 0])
    assert "pad_sequences(x, maxlen=199" in report[0].summary


def test_classes_by_accuracy_are_recognised_before_a_fit() -> None:
    model = network(1, "linear")
    model.compile("adam", "mse", metrics=["accuracy"])
    assert rules(paramedic.check(model, X, Y)) == ["output_layer"]


def test_checking_changes_nothing_and_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    model = keras.Sequential([keras.layers.Dense(3)])
    paramedic.check(model, X, Y)
    assert not model.built
    built = network()
    before = [weight.numpy() for weight in built.weights]
    paramedic.check(built, X, Y)
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(before, built.weights, strict=True))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("model", [None, "model.keras", {"layers": []}, keras.layers.Dense(3)])
def test_what_is_no_model_is_refused_by_name(model: object) -> None:
    with pytest.raises(TypeError, match=r"takes a keras\.Model, not "):
        paramedic.check(model, X, Y)


def test_a_report_is_a_sequence() -> None:
    low, high = Problem("a", "info", "first", ("x",)), Problem("b", "critical", "second", ("y",))
    report = CheckReport([low, high], {})
    assert (len(report), report[0], report[-1], list(report[:1])) == (2, high, low, [high])
    assert low in report
    assert repr(report) == "<CheckReport: b, a>"


def test_importing_the_client_loads_no_rules() -> None:
    program = "import sys, paramedic; paramedic.check; print(any('paramedic_service' in name for name in sys.modules))"
    printed = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "False"

"""Remedies are made to fit the training they are for, and are left out where they would change nothing."""

from typing import Any

import pytest

from paramedic_service.incidents import remedies, task
from paramedic_service.incidents.situation import Situation
from paramedic_service.rules.description import (
    ArrayProfile,
    Data,
    Description,
    Layer,
    Loss,
    Model,
    Optimizer,
)
from paramedic_service.rules.finding import Change, Evidence, Finding, Severity


def a_situation(**known: Any) -> Situation:
    return Situation({}, {}, Description(**known))


@pytest.mark.parametrize(("name", "rate", "usual"), [("adam", 10.0, 1e-3), ("adam", 1e-7, 1e-3), ("sgd", 5.0, 1e-2)])
def test_a_learning_rate_that_is_far_off_goes_back_to_the_usual_one(name: str, rate: float, usual: float) -> None:
    made = remedies.usual_learning_rate(a_situation(optimizer=Optimizer(name=name, learning_rate=rate)))
    assert made is not None
    assert made.patch == {"optimizer.learning_rate": {"set": usual}}


@pytest.mark.parametrize("optimizer", [Optimizer("adam", 5e-3), Optimizer("adam"), Optimizer("own", 10.0), None])
def test_a_learning_rate_that_is_not_known_to_be_far_off_is_left_to_smaller_steps(optimizer: Optimizer | None) -> None:
    assert remedies.usual_learning_rate(a_situation(optimizer=optimizer)) is None


def test_an_epsilon_is_set_back_only_where_it_was_changed() -> None:
    make = remedies.setting("epsilon", 1e-7, "Set it back.")
    assert make(a_situation(optimizer=Optimizer("adam", settings={"epsilon": 1e-7}))) is None
    assert make(a_situation(optimizer=Optimizer("sgd", settings={"momentum": 0.0}))) is None
    made = make(a_situation(optimizer=Optimizer("adam", settings={"epsilon": 1.0})))
    assert made is not None
    assert made.patch == {"optimizer.epsilon": {"set": 1e-7}}


def test_biases_that_do_not_begin_at_zero_are_told_to() -> None:
    shifted = {"bias_initializer": {"class_name": "Constant", "config": {"value": -10}}}
    plain = {"bias_initializer": {"class_name": "Zeros", "config": {}}}
    layers = (Layer("a", "Dense", units=8, settings=shifted), Layer("b", "Dense", units=2, settings=plain))
    assert remedies.fresh_weights(a_situation(model=Model(layers))).patch == {
        "model.layers[a].kernel_initializer": {"set": "he_normal"},
        "model.layers[b].kernel_initializer": {"set": "he_normal"},
        "model.layers[a].bias_initializer": {"set": "zeros"},
    }


@pytest.mark.parametrize(
    ("given", "wanted", "patch"),
    [
        ((-1, 24), (-1, 24, 1), {"data.inputs": {"reshape": [24, 1]}}),
        ((-1, 27), (-1, 30), {"model.input": {"set": {"shape": [27]}}}),
        ((-1, 30), (-1, 30), None),
        ((-1, 27), (-1, 5, 6), None),
        ((-1, -1, 8), (-1, 10, 8), None),
    ],
)
def test_samples_get_the_axes_that_the_model_reads_or_the_model_those_of_the_samples(
    given: tuple[int, ...], wanted: tuple[int, ...], patch: object
) -> None:
    data = Data(inputs=(ArrayProfile(shape=given),))
    made = remedies.shaped(a_situation(model=Model((Layer("a", "InputLayer", output_shape=wanted),)), data=data))
    assert (None if made is None else made.patch) == patch


def test_activations_behind_an_output_that_has_one_are_left_out() -> None:
    output, twice = Layer("out", "Dense", activation="softmax", units=3), Layer("again", "Softmax")
    made = task.one_activation(a_situation(model=Model((output, twice))))
    assert made is not None
    assert made.patch == {"model.layers[again]": {"remove": True}}
    bare = Layer("out", "Dense", activation="linear", units=3)
    assert task.one_activation(a_situation(model=Model((bare, twice)))) is None
    assert task.one_activation(a_situation(model=Model((output,)))) is None


def test_targets_far_from_where_a_network_begins_are_standardised() -> None:
    large = ArrayProfile(encoding="continuous", mean=150.0, deviation=70.0)
    small = ArrayProfile(encoding="continuous", mean=0.2, deviation=1.0)
    made = task.tamed_targets(a_situation(data=Data(targets=(large,))))
    assert made is not None
    assert made.patch == {"data.targets": {"standardise": True}}
    assert task.tamed_targets(a_situation(data=Data(targets=(small,)))) is None


def test_an_output_is_not_fitted_to_a_loss_that_does_not_fit_itself() -> None:
    known = a_situation(
        model=Model((Layer("out", "Dense", activation="softmax", units=3),)),
        losses=(Loss("mean_squared_error"),),
        data=Data(targets=(ArrayProfile(encoding="one_hot", class_counts=(5, 5, 5)),)),
    )
    assert task.fitting_output(known) is None


def test_layers_that_saturate_get_a_rectifier_and_the_kernels_that_one_wants() -> None:
    layers = (
        Layer("a", "Dense", activation="sigmoid", units=8),
        Layer("b", "Dense", activation="relu", units=8),
        Layer("c", "Dense", activation="softmax", units=3),
    )
    made = remedies.rectify(a_situation(model=Model(layers)))
    assert made is not None
    assert made.patch == {
        "model.layers[a].activation": {"set": "relu"},
        "model.layers[a].kernel_initializer": {"set": "he_normal"},
    }


def test_layers_get_as_many_units_as_the_finding_says_that_they_need() -> None:
    layers = tuple(Layer(name, "Dense", units=units) for name, units in (("a", 1), ("b", 64), ("c", 10)))
    evidence = Evidence("model", 0, 1.0, "units of a hidden layer", layer="a", threshold=5.3)
    finding = Finding(
        "too_few_units", "config", Severity.WARNING, Change.OPENED, 0, 0, None, 1, 1, "a is narrow.", (evidence,), ()
    )
    made = remedies.roomy(Situation({"too_few_units": finding}, {}, Description(model=Model(layers))))
    assert made is not None
    assert made.patch == {"model.layers[a].units": {"set": 32}}
    assert remedies.roomy(a_situation(model=Model(layers))) is None


@pytest.mark.parametrize(("bound", "patch"), [(1e-3, {"optimizer.global_clipnorm": {"set": 1.0}}), (0.5, None)])
def test_a_bound_on_gradients_that_is_far_too_low_goes_back_to_the_usual_one(bound: float, patch: object) -> None:
    made = remedies.usual_clip(a_situation(optimizer=Optimizer("sgd", global_clipnorm=bound)))
    assert (None if made is None else made.patch) == patch

"""Every cause comes first in a situation that it makes, and does not in one that looks like it."""

from typing import Any

import pytest

from paramedic_service.incidents.catalogue import CAUSES
from paramedic_service.rules.errors_messages import Fault
from support.incidents import (
    dense,
    dropout,
    features,
    finding,
    first_cause,
    labels,
    mlp,
    numbers,
    recurrent,
    training,
)

Case = tuple[list[Any], dict[str, Any]]


def case(*found: Any, **known: Any) -> Case:
    return list(found), known


CATEGORICAL, SPARSE = "categorical_crossentropy", "sparse_categorical_crossentropy"
EXPLODED = ("exploding_gradient", "nonfinite_gradient", "nonfinite_loss")

# By cause: a situation that it makes, and one that comes close but is something else.
SITUATIONS: dict[str, tuple[Case, Case]] = {
    "learning_rate_too_high": (
        case("divergence", "oscillation", description=training(*mlp(), rate=10.0)),
        case("divergence", "nonfinite_input", description=training(*mlp())),
    ),
    "learning_rate_too_low": (
        case("stagnation", "loss_not_decreasing", description=training(*mlp(), rate=1e-7)),
        case("loss_not_decreasing", "vanishing_gradient", description=training(*mlp(6, "sigmoid"))),
    ),
    "exploding_gradients": (
        case(*EXPLODED, description=training(recurrent("rnn", steps=60), dense("output", 1))),
        case(*EXPLODED, description=training(recurrent("rnn", steps=60), dense("output", 1), rate=10.0)),
    ),
    "vanishing_gradients": (
        case(
            "vanishing_gradient",
            finding("layer_imbalance", 150, value=1e-5, threshold=1e-3),
            "loss_not_decreasing",
            description=training(*mlp(5, "sigmoid")),
        ),
        case("vanishing_gradient", "too_deep", "loss_not_decreasing", description=training(*mlp(20, "sigmoid"))),
    ),
    "vanishing_through_time": (
        case("vanishing_through_time", "loss_plateau", description=training(recurrent("rnn", steps=60))),
        case("loss_plateau", "stagnation", description=training(recurrent("rnn"), rate=1e-7)),
    ),
    "dead_units": (
        case("dead_units", "dead_tensor", "loss_not_decreasing", description=training(*mlp())),
        case("dead_tensor", description=training(*mlp(activation="tanh"))),
    ),
    "saturated_units": (
        case("saturated_units", "loss_not_decreasing", description=training(*mlp(activation="tanh"))),
        case("unnormalised_input", "saturated_units", description=training(*mlp(activation="tanh"))),
    ),
    "wrong_output_layer": (
        case("output_layer", description=training(*mlp(output=1, ends="sigmoid"), loss="binary_crossentropy")),
        case("output_layer", description=training(*mlp(), loss="mean_squared_error")),
    ),
    "wrong_loss": (
        case("output_layer", "loss_metric_disagreement", description=training(*mlp(), loss="mean_squared_error")),
        case("output_layer", description=training(*mlp(ends="linear"), loss=SPARSE)),
    ),
    "label_encoding": (
        case("output_layer", description=training(*mlp(), loss=CATEGORICAL)),
        case("output_layer", description=training(*mlp(output=2), loss=SPARSE)),
    ),
    "unnormalised_input": (
        case(finding("unnormalised_input", 0), "loss_not_decreasing", description=training(*mlp())),
        case("loss_not_decreasing", finding("learning_rate_range", 0, value=1e-9, threshold=1e-7)),
    ),
    "bad_input_values": (
        case(finding("nonfinite_input", 0), finding("nonfinite_loss", 1), description=training(*mlp())),
        case(*EXPLODED, description=training(*mlp(), inputs=features())),
    ),
    "corrupt_batch": (
        case(finding("gradient_spike", 80, is_open=False), finding("loss_spike", 81, is_open=False)),
        case("loss_spike", "divergence", description=training(*mlp(), rate=1.0)),
    ),
    "class_imbalance": (
        case(finding("class_imbalance", 0), "constant_prediction", description=training(*mlp())),
        case("constant_prediction", "loss_not_decreasing", description=training(*mlp())),
    ),
    "unlearnable_labels": (
        case("loss_not_decreasing", "constant_prediction", description=training(*mlp())),
        case("loss_not_decreasing", "constant_prediction", description=training(*mlp(), rate=1e-8)),
    ),
    "too_deep": (
        case(finding("too_deep", 0), "vanishing_gradient", "loss_not_decreasing", description=training(*mlp(20))),
        case("vanishing_gradient", "loss_not_decreasing", description=training(*mlp(4, "sigmoid"))),
    ),
    "too_narrow": (
        case("underfit", "loss_plateau", description=training(*mlp(units=2))),
        case("loss_plateau", description=training(*mlp())),
    ),
    "too_large": (
        case(finding("too_many_parameters", 0), "overfit", description=training(*mlp(units=512))),
        case("overfit", description=training(*mlp())),
    ),
    "overfitting": (
        case("overfit", description=training(*mlp())),
        case("overfit", finding("too_many_parameters", 0), description=training(*mlp())),
    ),
    "excess_dropout": (
        case(finding("strong_dropout", 0), "underfit", description=training(dropout("dropout", 0.9), *mlp())),
        case("underfit", description=training(dropout("dropout", 0.2), *mlp())),
    ),
    "recurrent_relu": (
        case(finding("recurrent_relu", 0), *EXPLODED, description=training(recurrent("rnn", activation="relu"))),
        case(*EXPLODED, description=training(recurrent("rnn"))),
    ),
    "long_plain_recurrence": (
        case(
            finding("long_plain_recurrence", 0),
            "vanishing_through_time",
            "loss_plateau",
            description=training(recurrent("rnn", steps=400)),
        ),
        case("vanishing_through_time", "loss_plateau", description=training(recurrent("lstm", kind="LSTM"))),
    ),
    "unsuitable_optimizer": (
        case(finding("optimizer_choice", 0), "loss_plateau", description=training(recurrent("lstm", kind="LSTM"))),
        case("loss_plateau", "vanishing_through_time", description=training(recurrent("rnn", steps=60))),
    ),
    "batch_size_too_small": (
        case(finding("batch_size", 0, value=1, threshold=4), "oscillation", description=training(batch_size=1)),
        case("oscillation", description=training(rate=1.0)),
    ),
    "batch_size_too_large": (
        case(finding("batch_size", 0, value=900, threshold=100), description=training(batch_size=900)),
        case(finding("batch_size", 0, value=1, threshold=4), description=training(batch_size=1)),
    ),
    "bad_initialisation": (
        case(finding("initial_weights", 0), "saturated_units", description=training(*mlp(activation="tanh"))),
        case("saturated_units", description=training(*mlp(activation="tanh"))),
    ),
    "disconnected_tensor": (
        case("dead_tensor", "unchanged_tensor", description=training(*mlp())),
        case(finding("exploding_gradient", 20), finding("dead_tensor", 40), description=training(*mlp())),
    ),
    "input_shape": (
        case(
            finding("input_shape", 0),
            finding("training_error", 1, meaning=Fault.SHAPE.value),
        ),
        case(finding("training_error", 1, meaning=Fault.OTHER.value)),
    ),
    "out_of_memory": (
        case(finding("training_error", 1, meaning=Fault.MEMORY.value)),
        case(finding("training_error", 1, meaning=Fault.OTHER.value)),
    ),
    "training_error": (
        case(finding("training_error", 1, meaning=Fault.OTHER.value)),
        case(finding("training_error", 1, meaning=Fault.MEMORY.value)),
    ),
    "accumulating_gradients": (
        case("accumulating_gradient", "growing_gradient", description=training(*mlp())),
        case("growing_gradient", "divergence", description=training(*mlp())),
    ),
    "clipping_too_tight": (
        case("clipping_saturated", "stagnation", description=training(*mlp(), global_clipnorm=1e-4)),
        case("clipping_saturated", "divergence", "exploding_gradient", description=training(global_clipnorm=1.0)),
    ),
    "data_leakage": (
        case("suspicious_validation", description=training(*mlp())),
        case(
            "suspicious_validation",
            finding("strong_dropout", 0),
            description=training(dropout("dropout", 0.8), *mlp()),
        ),
    ),
    "stalled": (case("stalled_run"), case("loss_plateau")),
    "killed_process": (
        case("lost_rank"),
        case("lost_rank", finding("training_error", 1, meaning=Fault.MEMORY.value)),
    ),
    "lost_peer": (
        case(finding("training_error", 1, meaning=Fault.PEER.value)),
        case(finding("training_error", 1, meaning=Fault.OTHER.value)),
    ),
    "uneven_input": (case("straggling_rank"), case("straggling_rank", "slow_steps")),
    "slow_machine": (case("straggling_rank", "slow_steps"), case("straggling_rank")),
    "replicas_not_averaged": (case(finding("diverging_replicas", 2)), case(finding("diverging_replicas", 500))),
    "replica_drift": (case(finding("diverging_replicas", 500)), case(finding("diverging_replicas", 2))),
    "converged": (
        case("loss_plateau", description=training(*mlp())),
        case("loss_plateau", "vanishing_gradient", description=training(*mlp(5, "sigmoid"))),
    ),
    "contradictory_layers": (case(finding("bias_before_normalisation", 0)), case("dropout_before_normalisation")),
    "misplaced_activation": (
        case(finding("missing_activation", 0), "underfit", description=training(*mlp(activation="linear"))),
        case("underfit", description=training(*mlp())),
    ),
}


@pytest.mark.parametrize("cause", [cause.id for cause in CAUSES])
def test_a_cause_comes_first_where_it_is_at_work(cause: str) -> None:
    found, known = SITUATIONS[cause][0]
    assert first_cause(*found, **known) == cause


@pytest.mark.parametrize("cause", [cause.id for cause in CAUSES])
def test_a_cause_does_not_come_first_where_something_like_it_is_at_work(cause: str) -> None:
    found, known = SITUATIONS[cause][1]
    assert first_cause(*found, **known) != cause


def test_targets_that_the_output_cannot_reach_are_the_output_layers_fault() -> None:
    described = training(*mlp(output=1, ends="sigmoid"), loss="mean_squared_error", targets=numbers(-50.0, 900.0))
    assert first_cause("target_scale", "loss_not_decreasing", description=described) == "wrong_output_layer"


def test_one_hot_labels_under_a_sparse_loss_are_a_matter_of_encoding() -> None:
    described = training(*mlp(), loss=SPARSE, targets=labels(3, "one_hot"))
    assert first_cause("output_layer", description=described) == "label_encoding"


def test_a_label_without_an_output_unit_is_the_output_layers_fault_where_units_are_fewer_than_classes() -> None:
    error = finding("training_error", 0, meaning=Fault.LABEL_RANGE.value)
    described = training(*mlp(output=1, ends="sigmoid"), loss=SPARSE)
    assert first_cause(error, finding("output_layer", 0), description=described) == "wrong_output_layer"
    counted_from_one = finding("label_range", 0)
    assert first_cause(error, counted_from_one, description=training(*mlp(), loss=SPARSE)) == "label_encoding"


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (Fault.SHAPE, "input_shape"),
        (Fault.RAGGED, "input_shape"),
        (Fault.LABEL_RANGE, "label_encoding"),
        (Fault.MEMORY, "out_of_memory"),
        (Fault.PEER, "lost_peer"),
        (Fault.DISCONNECTED, "disconnected_tensor"),
        (Fault.OTHER, "training_error"),
    ],
)
def test_an_error_alone_tells_its_cause(fault: Fault, cause: str) -> None:
    assert first_cause(finding("training_error", 1, meaning=fault.value)) == cause


def test_an_error_over_shapes_is_a_matter_of_encoding_where_it_is_over_those_of_labels() -> None:
    described = training(*mlp(), loss=CATEGORICAL)
    assert first_cause(finding("training_error", 1, meaning=Fault.SHAPE.value), description=described) == (
        "input_shape"
    )
    wrong = finding("training_error", 1, meaning=Fault.SHAPE.value, summary="The targets (32, 3) are one-hot.")
    assert first_cause(wrong, description=described) == "label_encoding"


def test_a_negative_cross_entropy_is_a_matter_of_labels_and_a_vanished_one_of_leakage() -> None:
    assert first_cause(finding("impossible_loss", value=-3.0)) == "label_encoding"
    assert first_cause(finding("impossible_loss", value=1e-9)) == "data_leakage"


def test_ids_are_unique() -> None:
    ids = [cause.id for cause in CAUSES]
    assert len(ids) == len(set(ids))

"""Sessions train as if nobody watched, and what is said of them is what a plain look at them gives."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from paramedic.v1.telemetry_pb2 import TENSOR_SIGNAL_GRADIENT_NORM
from support.probed import layer_signal, paths, zero_shares
from support.spooled import Told

TESTS = Path(__file__).parents[2]


class Trainings:
    """What support.tensorflow1_sessions left."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.results: dict[str, Any] = json.loads((directory / "results.json").read_text())

    def told(self, name: str) -> Told:
        (run,) = (self._directory / name).glob("*/*")
        return Told(run)


@pytest.fixture(scope="module")
def trainings(tmp_path_factory: pytest.TempPathFactory) -> Trainings:
    """Made in a process of its own, as this one may have TensorFlow 2's."""
    directory = tmp_path_factory.mktemp("trainings")
    command = [sys.executable, "-m", "support.tensorflow1_sessions", str(directory)]
    environment = os.environ | {"PYTHONPATH": str(TESTS), "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return Trainings(directory)


@pytest.mark.parametrize("name", ["lstm", "convolutional", "embedding"])
def test_training_leaves_the_same_bits_with_the_watch(name: str, trainings: Trainings) -> None:
    told = trainings.told(name)
    assert told.steps() == list(range(1, 111))
    assert list(layer_signal(told, "activation_mean")) == [1, 5, 20, 50, 100]
    assert list(zero_shares(told)) == [1, 5, 20, 50, 100]
    assert trainings.results[name]["bare"] == trainings.results[name]["watched"]


@pytest.mark.parametrize(
    "name",
    ["sgd_plain", "sgd_by_norm", "sgd_by_value", "sgd_by_global_norm", "rmsprop", "rows_sgd", "rows_adam", "scaled"],
)
def test_norms_and_loss_are_those_of_a_plain_look(name: str, trainings: Trainings) -> None:
    told, expected = trainings.told(name), trainings.results[name]
    assert told.steps() == list(range(1, 8))
    assert sorted(told.tensors) == sorted(expected["variables"])
    assert list(told.scalar("loss").values()) == pytest.approx(expected["loss"], rel=1e-4)
    order = [expected["variables"].index(tensor) for tensor in told.tensors]
    gradients = np.array(expected["gradient_norm"])[:, order]
    np.testing.assert_allclose(told.norms("gradient_norm"), gradients, rtol=1e-4, atol=1e-6)
    # Those of the weights come in the first steps, and in some of the later ones.
    for signal in ("weight_norm", "update_norm"):
        np.testing.assert_allclose(
            told.norms(signal), np.array(expected[signal])[:4, order], rtol=1e-3, atol=1e-6, err_msg=signal
        )


@pytest.mark.parametrize("kind", ["loop", "unrolled", "lengths", "lstm"])
def test_the_path_through_time_is_what_perturbing_each_output_shows(kind: str, trainings: Trainings) -> None:
    (path,) = paths(trainings.told(f"path_{kind}")).values()
    np.testing.assert_allclose(path[1], trainings.results[f"path_{kind}"]["path"], rtol=1e-2)


def test_what_does_not_train_is_asked_of_the_session_as_it_came(trainings: Trainings) -> None:
    result = trainings.results["other_runs"]
    assert result["untouched"] == 5
    assert result["kinds"] == [["dict", "tuple", "list"]] * 5


def test_what_the_loop_says_stands_beside_its_steps(trainings: Trainings) -> None:
    told = trainings.told("other_runs")
    assert told.steps() == [1, 2, 3, 4, 5]
    assert told.scalar("accuracy") == {1: 0.0, 2: 0.1, 3: 0.2, 4: 0.3, 5: 0.4}
    assert told.scalar("val_loss") == {5: 0.5}
    losses = told.scalar("loss")
    assert list(losses) == [1, 2, 3, 4, 5]
    assert losses[4] == 7.0 != losses[3]
    assert told.scalar("learning_rate") == pytest.approx(dict.fromkeys(range(1, 6), 0.1))


def test_a_removed_watch_leaves_the_session_as_it_was(trainings: Trainings) -> None:
    assert trainings.results["other_runs"]["last"]
    assert trainings.results["other_runs"]["shape"] == "tuple"


def test_optimizers_that_train_in_turn_make_one_step_together(trainings: Trainings) -> None:
    told = trainings.told("in_turn")
    assert {name.partition("/")[0] for name in told.tensors} == {"critic", "generator"}
    # The first step is of the critic alone, as the other optimizer was not known; then every second one has both.
    assert len(told.scalar("loss")) == 20
    assert len(told.scalar("loss/TrainGenerator")) == 10
    blocks = [block for batch in told.batches for block in batch.tensors if block.signal == TENSOR_SIGNAL_GRADIENT_NORM]
    assert len(blocks[0].values) == 2
    together = np.concatenate([np.reshape(block.values, (-1, 4)) for block in blocks[2:]])
    assert len(together) == 10
    assert (together > 0).all()


def test_a_hook_reports_steps_and_goes_on_where_a_checkpoint_left_off(trainings: Trainings) -> None:
    assert trainings.told("hooked").steps() == list(range(1, 13))
    assert trainings.told("resumed").steps() == list(range(13, 18))
    assert trainings.told("hooked").description.optimizer.name == "adagrad"


def test_an_error_is_reported_and_raised_and_the_training_goes_on(trainings: Trainings) -> None:
    assert trainings.results["failing"]["raised"] == "InvalidArgumentError"
    told = trainings.told("failing")
    assert told.error.kind.endswith("InvalidArgumentError")
    assert list(told.scalar("loss")) == [1, 2, 3]


def test_a_finalised_graph_is_left_alone(trainings: Trainings) -> None:
    assert trainings.results["finalised"]["off"]
    assert trainings.told("finalised").batches == []


def test_layers_losses_and_optimizer_are_read_from_the_graph(trainings: Trainings) -> None:
    lstm = trainings.told("lstm").description
    kinds = [(layer.kind, layer.activation, layer.units) for layer in lstm.model.layers]
    assert kinds[:2] == [("LSTM", "tanh", 6), ("LSTM", "tanh", 5)]
    assert kinds[-1] == ("Dense", "linear", 1)
    assert list(lstm.model.layers[0].input_shape) == [-1, 7, 3]
    assert [loss.name for loss in lstm.losses] == ["mean_squared_error"]
    assert (lstm.optimizer.name, lstm.optimizer.global_clipnorm) == ("adam", pytest.approx(0.1))
    assert lstm.optimizer.learning_rate == pytest.approx(0.01)
    assert list(lstm.data.inputs[0].shape) == [-1, 7, 3]

    images = trainings.told("convolutional").description
    kinds = [(layer.kind, layer.activation) for layer in images.model.layers]
    assert kinds == [
        ("Conv2D", "relu"),
        ("MaxPooling2D", ""),
        ("BatchNormalization", ""),
        ("Dropout", ""),
        ("Dense", "linear"),
    ]
    assert [(loss.name, loss.from_logits) for loss in images.losses] == [("sparse_categorical_crossentropy", True)]
    assert list(images.data.targets[0].class_counts)
    assert images.training.batch_size == 16

    words = trainings.told("embedding").description
    assert [layer.kind for layer in words.model.layers] == ["Embedding", "GRU", "Dense"]
    assert [(loss.name, loss.from_logits) for loss in words.losses] == [("binary_crossentropy", True)]

"""The Monitor on Keras's JAX and torch backends: what was measured, named and left alone."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support.common_faults import TRIALS
from support.folding import alarms, folded, told
from support.keras_backends import FAULTS, plain_loop
from support.probed import layer_signal, paths, zero_shares
from support.spooled import Told

TESTS = Path(__file__).parents[2]
EVERY_PROBE = [1, 5, 20, 50, 100]


class Trained:
    """What the trainings on one backend left."""

    def __init__(self, backend: str, directory: Path) -> None:
        self.backend = backend
        self.directory = directory
        script = TESTS / "support" / "keras_trainings.py"
        environment = os.environ | {
            "KERAS_BACKEND": backend,
            "JAX_PLATFORMS": "cpu",
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(TESTS),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        done = subprocess.run(
            [sys.executable, str(script), str(directory)], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        self.said = done.stdout + done.stderr
        self.left = np.load(directory / "left.npz")

    def told(self, name: str) -> Told:
        """What the run of one training said."""
        (directory,) = (self.directory / name).glob("*/*")
        return Told(directory)


@pytest.fixture(scope="module", params=["jax", "torch"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    return Trained(request.param, tmp_path_factory.mktemp(request.param))


def test_faults_are_named_and_healthy_twins_raise_no_alarm(trained: Trained) -> None:
    for name in FAULTS[trained.backend]:
        live = folded(trained.directory / name)
        causes = [alarm.causes[0].id for alarm in alarms(live)[:1]]
        assert all(cause in TRIALS[name].causes for cause in causes), f"{name}\n{told(live)}"
        assert bool(causes) == bool(TRIALS[name].causes), f"{name}\n{told(live)}"


@pytest.mark.parametrize("name", ["mlp", "cnn", "lstm"])
def test_training_leaves_the_same_bits_with_the_monitor(trained: Trained, name: str) -> None:
    monitored = trained.told(f"identity/{name}/True")
    assert monitored.steps() == list(range(1, 9 * 12 + 1))
    assert list(monitored.scalar("probe_seconds")) == EVERY_PROBE
    assert list(monitored.scalar("macro_gradient_norm")) == [100]
    bare = [key for key in trained.left if key.startswith(name) and key.endswith("False")]
    assert len(bare) > 5
    for key in bare:
        assert trained.left[key].tobytes() == trained.left[key.replace("False", "True")].tobytes(), key


def test_nothing_is_said_of_problems(trained: Trained) -> None:
    assert "paramedic" not in trained.said.lower()
    assert "monitor" not in trained.said.lower()


def test_norms_and_loss_are_those_of_a_plain_loop(trained: Trained) -> None:
    expected = plain_loop([trained.left[f"network/{place}"] for place in range(4)], clipnorm=True)
    for loop in ("clipped", "several steps an execution") if trained.backend == "jax" else ("clipped",):
        told = trained.told(f"norms/{loop}")
        assert told.steps() == list(range(1, 8))
        assert list(told.scalar("loss").values()) == pytest.approx(expected["loss"], rel=1e-4)
        assert list(told.scalar("learning_rate").values()) == pytest.approx([0.1] * 7)
        for signal in ("gradient_norm", "weight_norm", "update_norm"):
            np.testing.assert_allclose(told.norms(signal), expected[signal], rtol=1e-3, atol=1e-6, err_msg=signal)


def test_mixed_precision_reports_gradients_without_the_loss_scale(trained: Trained) -> None:
    expected = plain_loop([trained.left[f"network/{place}"] for place in range(4)])
    told = trained.told("norms/mixed")
    assert told.description.optimizer.dynamic_loss_scale
    assert list(told.scalar("loss").values()) == pytest.approx(expected["loss"], rel=0.01)
    np.testing.assert_allclose(told.norms("gradient_norm"), expected["gradient_norm"], rtol=0.05)
    np.testing.assert_allclose(told.norms("update_norm"), expected["update_norm"], rtol=0.05)


def test_the_path_through_time_is_the_gradient_by_each_step_s_output(trained: Trained) -> None:
    kernel, recurrent, bias, out, offset = (trained.left[f"path/{place}"].astype(float) for place in range(5))
    x = np.random.default_rng(1).normal(size=(32, 5, 2)).astype("float32")
    states = [np.zeros((32, 4))]
    for time in range(5):
        states.append(np.tanh(x[:, time] @ kernel + states[-1] @ recurrent + bias))
    gradient = 2 / 32 * (states[-1] @ out + offset - 1) @ out.T
    expected = [np.linalg.norm(gradient)]
    for time in range(4, 0, -1):
        gradient = (gradient * (1 - states[time + 1] ** 2)) @ recurrent.T
        expected.insert(0, np.linalg.norm(gradient))
    told = trained.told("path")
    np.testing.assert_allclose(paths(told)["rnn"][1], expected, rtol=1e-4)
    mean = layer_signal(told, "activation_mean")[1]
    assert mean["rnn"] == pytest.approx(states[-1].mean(), rel=1e-4)
    assert np.isnan(layer_signal(told, "saturated_share")[1]["out"])
    assert zero_shares(told)[1] == pytest.approx(dict.fromkeys(told.tensors, 0.0))


def test_a_fit_is_described_in_neutral_terms(trained: Trained) -> None:
    told = trained.told("identity/cnn/True").description
    assert told.environment.framework == "keras"
    assert f"({trained.backend} " in told.environment.framework_version
    kinds = [layer.kind for layer in told.model.layers]
    assert kinds == ["Conv2D", "BatchNormalization", "MaxPooling2D", "Flatten", "Dropout", "Dense"]
    assert [tensor.element_count for tensor in told.tensors] == [162, 6, 6, 6, 270, 5]
    assert [(loss.name, loss.from_logits) for loss in told.losses] == [("sparse_categorical_crossentropy", True)]
    assert (told.data.samples, list(told.data.inputs[0].shape)) == (192, [-1, 8, 8, 3])
    assert (told.training.epochs, told.training.steps_per_epoch, told.training.batch_size) == (9, 12, 16)
    assert list(told.training.metrics) == ["accuracy"]


def test_epochs_validation_and_first_batches_are_reported(trained: Trained) -> None:
    told = trained.told("validation")
    assert told.steps() == list(range(1, 17))
    assert [event.step for event in told.events if event.HasField("epoch_ended")] == [4, 8, 12, 16]
    assert list(told.scalar("val_loss")) == [4, 8, 12, 16]
    assert list(told.scalar("val_loss").values())[2:] == pytest.approx(trained.left["val_loss"], rel=1e-5)
    assert told.description.data.inputs[0].examined == 16
    assert list(told.scalar("probe_seconds")) == [1, 5, 9]  # every fit has a Monitor of its own


def test_what_a_layer_raises_is_reported_after_the_steps_before_it(trained: Trained) -> None:
    told = trained.told("failing")
    assert told.steps() == [1, 2]
    assert (told.error.kind, told.error.message.splitlines()[0]) != ("", "")
    assert "a mistake in a layer" in told.error.message

"""A training that ends by an error, and a Monitor that meets one."""

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import paramedic
from paramedic.integrations.keras import Monitor
from paramedic.integrations.keras.backend.tensorflow import taps
from paramedic.v1.finding_pb2 import FINDING_CHANGE_OPENED, SEVERITY_CRITICAL, SEVERITY_WARNING, Finding
from paramedic.v1.run_pb2 import RUN_STATE_FAILED, RUN_STATE_FINISHED
from support.spooled import Told
from support.waiting import wait_until

BATCH = 8


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return rng.normal(size=(6 * BATCH, 6)).astype("float32"), rng.integers(0, 3, 6 * BATCH)


def compiled(model_class: Any = keras.Sequential, **arguments: Any) -> Any:
    model = model_class([keras.Input((6,)), layers.Dense(5, "tanh"), layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(**{"optimizer": keras.optimizers.SGD(0.1), "loss": loss, "jit_compile": False} | arguments)
    return model


def fit(model: Any, *callbacks: Any, **arguments: Any) -> Any:
    x, y = data()
    return model.fit(x, y, **{"batch_size": BATCH, "verbose": 0, "callbacks": list(callbacks)} | arguments)


def test_an_error_in_the_graph_is_reported_after_the_steps_before_it(recording) -> None:
    model = keras.Sequential([keras.Input((2,)), layers.Embedding(10, 3), layers.Flatten(), layers.Dense(1)])
    model.compile("adam", "mse", jit_compile=False)
    words = np.zeros((6 * BATCH, 2), "int64")
    words[4 * BATCH] = 99  # the table has ten rows
    with pytest.raises(Exception, match="indices"):
        model.fit(words, np.zeros(len(words)), BATCH, shuffle=False, verbose=0, callbacks=[Monitor(recording.run)])
    told = recording.told()
    assert told.steps() == [1, 2, 3, 4]
    assert told.error.kind == "InvalidArgumentError"
    assert "99" in told.error.message
    assert "Embedding" in told.error.traceback or "embedding" in told.error.traceback
    assert told.order.index("error") > max(index for index, kind in enumerate(told.order) if kind == "batch")
    assert "training_ended" not in told.order


def test_training_goes_on_after_an_error_as_if_nothing_had_been_patched(recording) -> None:
    class Failing(keras.Sequential):
        fails = True

        def train_step(self, data: Any) -> Any:
            if self.fails:
                raise RuntimeError("no")
            return super().train_step(data)

    model, monitor = compiled(Failing), Monitor(recording.run)
    with pytest.raises(RuntimeError):
        fit(model, monitor)
    assert not {"apply", "scale_loss"} & set(vars(model.optimizer))
    model.fails = False
    fit(model)
    fit(model, monitor)
    assert len(recording.told().steps()) == 6


def test_an_interruption_from_the_keyboard_is_reported(recording) -> None:
    class Interrupted(keras.Sequential):
        def train_step(self, data: Any) -> Any:
            if int(self.optimizer.iterations) == 3:
                raise KeyboardInterrupt
            return super().train_step(data)

    with pytest.raises(KeyboardInterrupt):
        fit(compiled(Interrupted, run_eagerly=True), Monitor(recording.run))
    told = recording.told()
    assert told.steps() == [1, 2, 3]
    assert told.error.kind == "KeyboardInterrupt"


class FailingCallback(keras.callbacks.Callback):  # type: ignore[misc]
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if batch == 3:
            raise ValueError("a mistake in another callback")


def test_a_fit_that_another_callback_ended_is_reported_by_the_next_one(recording) -> None:
    model, monitor = compiled(), Monitor(recording.run)
    with pytest.raises(ValueError, match="another callback"):
        fit(model, FailingCallback(), monitor)
    fit(model)  # is not for the Monitor to see
    fit(model, monitor)
    told = recording.told()
    assert told.steps() == [1, 2, 3, *range(10, 16)]
    assert told.error.kind == "FitAbandonedError"


def test_a_monitor_that_went_on_to_another_model_leaves_the_first_to_itself(recording) -> None:
    first, second, monitor = compiled(), compiled(), Monitor(recording.run)
    with pytest.raises(ValueError, match="another callback"):
        fit(first, monitor, FailingCallback())
    fit(second, monitor)
    before = second.get_weights()
    fit(first)
    for a, b in zip(before, second.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert recording.told().steps() == [1, 2, 3, *range(4, 10)]


def test_a_runs_with_block_reports_what_any_callback_raised(recording) -> None:
    with pytest.raises(ValueError, match="another callback"), recording.run:
        fit(compiled(), FailingCallback(), Monitor(recording.run))
    told = recording.told()
    assert told.error.kind == "ValueError"
    assert told.state == RUN_STATE_FAILED


def test_the_last_steps_before_the_process_died_are_kept(tmp_path: Path) -> None:
    script = f"""
import sys
sys.path[:0] = [{str(Path(__file__).parents[2])!r}]
import keras, numpy, paramedic
from paramedic.integrations.keras import Monitor

class Failing(keras.callbacks.Callback):
    def on_train_batch_begin(self, batch, logs=None):
        if batch == 5:
            raise ValueError("a mistake in another callback")

run = paramedic.init("keras", mode="offline", spool_dir={str(tmp_path)!r})
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
model.compile("sgd", "mse", jit_compile=False)
x = numpy.ones((80, 2))
model.fit(x, x[:, :1], batch_size=8, verbose=0, callbacks=[Failing(), Monitor(run)])
"""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert "a mistake in another callback" in done.stderr
    (directory,) = tmp_path.glob("*/*")
    told = Told(directory)
    assert told.steps() == [1, 2, 3, 4, 5]
    assert told.error.kind == "ValueError"
    assert told.state == RUN_STATE_FAILED


def finding(severity: int) -> Finding:
    return Finding(rule="rule", severity=severity, change=FINDING_CHANGE_OPENED, summary="it broke")


class Finds(keras.callbacks.Callback):  # type: ignore[misc]
    """Lets a finding arrive during the third step."""

    def __init__(self, run: Any, severity: int) -> None:
        super().__init__()
        self.run, self.severity = run, severity

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        if batch == 2:
            self.run._findings.add(finding(self.severity))


def test_a_finding_as_severe_as_stop_on_ends_the_training_at_the_next_step(recording) -> None:
    run = recording.run
    model = compiled()
    fit(model, Finds(run, SEVERITY_CRITICAL), Monitor(run, stop_on="critical"), epochs=3)
    told = recording.told()
    assert told.steps() == [1, 2, 3]
    assert told.order[-2:] == ["training_ended", "finish"]


@pytest.mark.parametrize(("severity", "stop_on"), [(SEVERITY_WARNING, "critical"), (SEVERITY_CRITICAL, None)])
def test_a_finding_ends_nothing_unless_it_was_asked_to(severity: int, stop_on: str | None, recording) -> None:
    fit(compiled(), Finds(recording.run, severity), Monitor(recording.run, stop_on=stop_on))
    assert recording.told().steps() == list(range(1, 7))


def weights_after_a_bare_fit() -> list[np.ndarray]:
    keras.utils.set_random_seed(1)
    model = compiled()
    fit(model)
    return model.get_weights()


def assert_trained_but_off(monitor: Monitor, caplog: pytest.LogCaptureFixture) -> None:
    expected = weights_after_a_bare_fit()
    keras.utils.set_random_seed(1)
    model = compiled()
    with caplog.at_level(logging.WARNING, "paramedic"):
        fit(model, monitor)
        fit(model, monitor)
    assert [record.message for record in caplog.records].count(
        "the Keras monitor met a problem and is off; the training goes on without it"
    ) == 1
    keras.utils.set_random_seed(1)
    again = compiled()
    fit(again, monitor)
    for a, b in zip(expected, again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_run_that_raises_costs_the_monitor_and_not_the_training(recording, caplog) -> None:
    class Broken(paramedic.Run):
        def log_rows(self, *arguments: Any, **more: Any) -> None:
            raise OSError("no")

    recording.run.__class__ = Broken
    assert_trained_but_off(Monitor(recording.run), caplog)


def test_a_mistake_inside_the_train_step_costs_the_monitor_and_not_the_training(recording, caplog, monkeypatch) -> None:
    def mistaken(tensor: Any) -> Any:
        raise AttributeError("no")

    monkeypatch.setattr(taps, "half_square", mistaken)
    assert_trained_but_off(Monitor(recording.run), caplog)


def test_a_model_that_cannot_be_described_is_monitored_all_the_same(recording) -> None:
    class Secretive(layers.Dense):
        def get_config(self) -> Any:
            raise NotImplementedError

    model = keras.Sequential([keras.Input((6,)), Secretive(3)])
    model.compile("sgd", "sparse_categorical_crossentropy", jit_compile=False)
    model.fit(*data(), verbose=0, callbacks=[Monitor(recording.run)])
    told = recording.told()
    assert len(told.steps()) == 2
    assert told.description.model.layers[0].kind == "Secretive"
    assert told.description.model.framework_json == ""


def test_without_a_run_every_fit_is_a_run_of_its_own(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PARAMEDIC_MODE", "offline")
    monkeypatch.setenv("PARAMEDIC_SPOOL_DIR", str(tmp_path))
    model, monitor = compiled(), Monitor(project="mine", name="digits")
    fit(model, monitor)
    fit(model, monitor)

    def told() -> list[Told]:
        return [Told(directory) for directory in tmp_path.glob("mine/*")]

    wait_until(lambda: [each.state for each in told()] == [RUN_STATE_FINISHED] * 2)
    assert sorted(each.steps() for each in told()) == [list(range(1, 7)), list(range(7, 13))]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({}, "either a run"),
        ({"project": "p", "every": 0}, "every"),
        ({"project": "p", "stop_on": "never"}, "stop_on"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_at_once(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Monitor(**arguments)


def test_importing_the_client_imports_no_framework() -> None:
    script = "import sys, paramedic; sys.exit(bool({'keras', 'tensorflow'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

"""Fits of every shape, one after the other, with the Monitor among their callbacks."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from paramedic.integrations.keras import Monitor

BATCH = 8


class Counting(keras.Sequential):
    """Counts how often its train step is traced."""

    traces = 0

    def train_step(self, data: Any) -> Any:
        self.traces += 1
        return super().train_step(data)


def data(batches: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    return rng.normal(size=(batches * BATCH, 6)).astype("float32"), rng.integers(0, 3, batches * BATCH)


def compiled(**arguments: Any) -> Counting:
    model = Counting([keras.Input((6,)), layers.Dense(5, "tanh"), layers.Dense(3)])
    compile_model(model, **arguments)
    return model


def compile_model(model: Any, **arguments: Any) -> None:
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(**{"optimizer": keras.optimizers.Adam(), "loss": loss, "jit_compile": False} | arguments)


def fit(model: Any, *callbacks: Any, **arguments: Any) -> Any:
    x, y = data()
    return model.fit(x, y, **{"batch_size": BATCH, "verbose": 0, "callbacks": list(callbacks)} | arguments)


def test_several_fits_with_one_monitor_trace_no_more_than_one_without_it(recording) -> None:
    bare, model, monitor = compiled(), compiled(), Monitor(recording.run)
    fit(bare)
    for _ in range(3):
        fit(model, monitor)
    assert model.traces == bare.traces
    told = recording.told()
    assert told.steps() == list(range(1, 19))
    assert told.order.count("training_began") == told.order.count("training_ended") == 3


def test_each_fit_may_have_a_monitor_of_its_own(recording) -> None:
    model = compiled()
    fit(model, Monitor(recording.run))
    fit(model, Monitor(recording.run))
    assert recording.told().steps() == list(range(1, 13))


def test_a_model_that_was_trained_without_the_monitor_is_monitored_from_then_on(recording) -> None:
    model = compiled()
    fit(model)
    fit(model, Monitor(recording.run))
    assert recording.told().steps() == list(range(7, 13))  # the optimizer has made six steps already


def test_a_fit_without_the_monitor_runs_the_models_own_train_function(recording) -> None:
    model, monitor = compiled(), Monitor(recording.run)
    fit(model)
    own = model.train_function
    fit(model, monitor)
    assert model.train_function is own
    traces = model.traces
    fit(model)
    assert model.traces == traces
    assert len(recording.told().steps()) == 6


def test_a_model_may_be_compiled_anew_between_fits(recording) -> None:
    model, monitor = compiled(), Monitor(recording.run)
    fit(model, monitor)
    model.layers[0].trainable = False
    compile_model(model, optimizer=keras.optimizers.SGD(0.5), metrics=["accuracy"])
    fit(model, monitor)
    told = recording.told()
    assert told.steps() == list(range(1, 13))
    widths = {step: len(b.tensors[0].values) // len(b.steps) for b in told.batches for step in b.steps}
    assert list(widths.values()) == [4] * 6 + [2] * 6
    assert told.description.optimizer.name == "sgd"
    assert sorted(told.scalar("accuracy")) == list(range(7, 13))


def test_fits_in_a_loop_over_epochs_are_one_sequence_of_steps(recording) -> None:
    model, monitor = compiled(), Monitor(recording.run)
    for epoch in range(3):
        fit(model, monitor, initial_epoch=epoch, epochs=epoch + 1)
    told = recording.told()
    assert told.steps() == list(range(1, 19))
    assert [event.epoch_ended.epoch for event in told.events if event.HasField("epoch_ended")] == [0, 1, 2]


def test_every_step_arrives_however_it_divides_the_fetches(recording) -> None:
    fit(compiled(steps_per_execution=4), Monitor(recording.run, every=3), epochs=3)
    assert recording.told().steps() == list(range(1, 19))


def a_dataset() -> dict[str, Any]:
    return {"x": tf.data.Dataset.from_tensor_slices(data()).batch(BATCH)}


def a_generator() -> dict[str, Any]:
    x, y = data()
    batches = ((x[i : i + BATCH], y[i : i + BATCH]) for i in range(0, len(x), BATCH))
    return {"x": batches, "steps_per_epoch": 6}


def weighted_arrays() -> dict[str, Any]:
    x, y = data()
    return {"x": x, "y": y, "sample_weight": np.ones(len(y)), "batch_size": BATCH}


@pytest.mark.parametrize("source", [a_dataset, a_generator, weighted_arrays])
def test_data_may_come_from(source: Callable[[], dict[str, Any]], recording) -> None:
    compiled().fit(**source(), verbose=0, callbacks=[Monitor(recording.run)])
    told = recording.told()
    assert told.steps() == list(range(1, 7))
    assert told.description.training.steps_per_epoch == 6
    assert [list(profile.shape) for profile in told.description.data.inputs] == [[-1, 6]]


def test_validation_is_reported_once_an_epoch_at_the_last_step(recording) -> None:
    model = compiled(metrics=["accuracy"])
    history = fit(model, Monitor(recording.run), epochs=2, validation_data=data(2))
    told = recording.told()
    assert list(told.scalar("val_loss")) == [6, 12]
    assert list(told.scalar("val_accuracy").values()) == pytest.approx(history.history["val_accuracy"])
    assert told.description.training.validated
    assert told.order[-4:] == ["batch", "epoch_ended", "training_ended", "finish"]


def test_early_stopping_ends_the_fit_as_it_would_without_the_monitor(recording) -> None:
    stopping = keras.callbacks.EarlyStopping("loss", patience=0, min_delta=1e9)
    fit(compiled(), stopping, Monitor(recording.run), epochs=9)
    assert recording.told().steps() == list(range(1, 13))


def test_arguments_of_the_fit_are_described(recording) -> None:
    fit(compiled(metrics=["accuracy"]), Monitor(recording.run), epochs=2)
    description = recording.told().description
    assert description.training.batch_size == BATCH
    assert description.training.epochs == 2
    assert description.training.steps_per_epoch == 6
    assert list(description.training.metrics) == ["accuracy"]
    assert not description.training.validated
    assert not description.training.weighted
    assert description.data.samples == 48
    assert description.environment.framework == "keras"
    assert description.environment.python_version
    assert description.model.layers[0].name == "dense"
    assert description.losses[0].name == "sparse_categorical_crossentropy"


def test_frozen_nested_and_shared_layers_stand_in_the_table_as_they_are_trained(recording) -> None:
    encoder = keras.Sequential([keras.Input((6,)), layers.Dense(4, name="frozen"), layers.Dense(4)], name="encoder")
    encoder.layers[0].trainable = False
    shared, inputs = layers.Dense(4, name="shared"), keras.Input((6,))
    model = keras.Model(inputs, layers.Dense(3, name="head")(shared(shared(encoder(inputs)))))
    compile_model(model)
    fit(model, Monitor(recording.run))
    told = recording.told()
    layer_names = [tensor.layer for tensor in told.description.tensors]
    assert layer_names == ["encoder/dense", "encoder/dense", "shared", "shared", "head", "head"]
    assert [tensor.role for tensor in told.description.tensors] == [1, 3] * 3
    assert told.norms("gradient_norm").shape == (6, 6)


def test_optimizer_and_model_are_untouched_between_steps_and_afterwards(recording, tmp_path: Path) -> None:
    seen = []

    class Watching(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            seen.append(set(vars(self.model.optimizer)) & {"apply", "scale_loss"})

    model = compiled()
    fit(model, Watching(), Monitor(recording.run))
    assert not any(seen)
    assert "train_step" not in vars(model)
    pickle.loads(pickle.dumps(model.optimizer))
    model.save(tmp_path / "model.keras")
    x, _ = data(1)
    loaded = keras.models.load_model(tmp_path / "model.keras", custom_objects={"Counting": Counting})
    np.testing.assert_array_equal(loaded(x), model(x))

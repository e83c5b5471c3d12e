"""A training leaves the same bits, with and without the watch and all that it measures."""

import copy
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from support.tape_loops import MODES, run_loop, tape_step

STEPS = 102
"""By which every probe has run."""

BATCH = 16


def mlp() -> list[Any]:
    return [layers.Flatten(), layers.Dense(13, "relu"), layers.BatchNormalization(), layers.Dropout(0.3)]


def recurrent() -> list[Any]:
    return [layers.LSTM(5, return_sequences=True), layers.GRU(6, dropout=0.2)]


def convolution() -> list[Any]:
    return [layers.Conv1D(6, 3, activation="relu"), layers.GlobalMaxPooling1D(), layers.GaussianNoise(0.1)]


class Own(keras.Model):
    """Draws random numbers by itself, and has a step of its own within a tf.function."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = layers.Dense(9, "tanh"), layers.Dense(5)

    def call(self, inputs: Any, training: bool = False) -> Any:
        hidden = self.hidden(tf.reshape(inputs, [tf.shape(inputs)[0], 24]))
        return self.out(hidden + 0.01 * tf.random.normal(tf.shape(hidden)) if training else hidden)


def sequential(hidden: Callable[[], list[Any]]) -> Callable[[], Any]:
    return lambda: keras.Sequential([keras.Input((6, 4)), *hidden(), layers.Dense(5)])


CASES: dict[str, tuple[Callable[[], Any], Callable[[], Any], str]] = {
    "mlp, xla": (sequential(mlp), lambda: keras.optimizers.Adam(0.01, global_clipnorm=0.5), "xla"),
    "recurrent, graph": (sequential(recurrent), lambda: keras.optimizers.RMSprop(0.01), "graph"),
    "convolution, eager": (sequential(convolution), lambda: keras.optimizers.SGD(0.1, momentum=0.9), "eager"),
    "a model of one's own, graph": (Own, lambda: keras.optimizers.AdamW(0.01), "graph"),
}


def trained(model_of: Callable[[], Any], optimizer_of: Callable[[], Any], mode: str, recording: Any) -> list[bytes]:
    """Everything a training leaves: weights, seeds, the optimizer's own variables, and random numbers."""
    keras.utils.set_random_seed(11)
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(STEPS, BATCH, 6, 4)).astype("float32"), rng.integers(0, 5, (STEPS, BATCH))
    model, optimizer = model_of(), optimizer_of()
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    watch = None if recording is None else recording.run.watch(model, optimizer, loss=loss_of, every=7)
    step = MODES[mode](tape_step(model, optimizer, loss_of, lambda gradients: tf.clip_by_global_norm(gradients, 1)[0]))
    run_loop(step, [(tf.constant(a), tf.constant(b)) for a, b in zip(x, y, strict=True)], watch)
    drawn = [random.random(), np.random.random(), float(tf.random.uniform([])), float(keras.random.uniform([]))]
    variables = [*model.variables, *optimizer.variables]
    return [*(variable.numpy().tobytes() for variable in variables), np.array(drawn).tobytes()]


@pytest.mark.parametrize("name", CASES)
def test_training_leaves_the_same_bits_with_the_watch(name: str, recording) -> None:
    bare = trained(*CASES[name], None)
    watched = trained(*CASES[name], recording)
    told = recording.told()
    assert len(told.steps()) == STEPS
    assert list(told.scalar("probe_seconds")) == [1, 5, 20, 50, 100]
    assert bare == watched


def test_mixed_precision_leaves_the_same_bits(recording) -> None:
    def scaling() -> Any:
        return keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1), dynamic_growth_steps=20)

    keras.config.set_dtype_policy("mixed_float16")
    try:
        bare = trained(sequential(mlp), scaling, "graph", None)
        watched = trained(sequential(mlp), scaling, "graph", recording)
    finally:
        keras.config.set_dtype_policy("float32")
    assert len(recording.told().steps()) == STEPS
    assert bare == watched


COPIES: dict[str, Callable[[Any], Any]] = {
    "copied": copy.copy,
    "copied deeply": copy.deepcopy,
    "pickled": lambda each: pickle.loads(pickle.dumps(each)),
    "rebuilt": lambda each: type(each).from_config(each.get_config()),
}


@pytest.mark.parametrize("how", COPIES)
def test_copies_of_what_is_watched_are_not(how: str, recording) -> None:
    model, optimizer = sequential(mlp)(), keras.optimizers.Adam(0.01)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    recording.run.watch(model, optimizer, loss=loss_of)
    for each in (model, optimizer, loss_of):
        copied = COPIES[how](each)
        assert type(copied) is type(each)
        assert not {"apply", "call"} & set(vars(copied))


def test_a_model_that_is_watched_is_saved_and_exported(recording, tmp_path: Path) -> None:
    model, optimizer = sequential(mlp)(), keras.optimizers.Adam(0.01)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss_of)
    watch = recording.run.watch(model, optimizer, loss=loss_of)
    x, y = tf.random.normal([8, 6, 4]), tf.zeros([8], tf.int64)
    run_loop(tf.function(tape_step(model, optimizer, loss_of)), [(x, y)] * 3, watch)
    model.save(tmp_path / "model.keras")
    tf.train.Checkpoint(model=model, optimizer=optimizer).save(str(tmp_path / "checkpoint"))
    model.export(str(tmp_path / "exported"), verbose=False)
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert np.allclose(loaded(x), model(x))
    assert "apply" not in vars(loaded.optimizer)
    assert np.allclose(tf.saved_model.load(str(tmp_path / "exported")).serve(x), model(x), atol=1e-5)

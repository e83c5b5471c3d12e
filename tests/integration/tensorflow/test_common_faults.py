"""Faults that every framework's loop can have are named first in a loop around a GradientTape, and twins are not."""

from pathlib import Path
from typing import Any

import keras
import pytest
import tensorflow as tf
from keras import layers

from support.common_faults import TRIALS, Trial, batches, parameters
from support.folding import alarms, folded, told

LOSSES = {
    "cross_entropy": lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    "binary_cross_entropy": lambda: keras.losses.BinaryCrossentropy(from_logits=True),
    "mse": keras.losses.MeanSquaredError,
}
OPTIMIZERS = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}
EAGER = {"exploding": 4}
"""Trials whose steps are no tf.functions, and how many epochs of them say it all."""


def network(trial: Trial, seed: int, shape: tuple[int, ...]) -> Any:
    hidden = [
        layers.SimpleRNN(units) if trial.kind == "rnn" else layers.Dense(units, trial.activation)
        for units in trial.hidden
    ]
    model = keras.Sequential([keras.Input(shape), *hidden, layers.Dense(trial.outputs, trial.output)])
    for layer, weights in zip(model.layers, parameters(trial, seed), strict=True):
        layer.set_weights([weights[name] for name in ("kernel", "recurrent_kernel", "bias") if name in weights])
    return model


def train(trial: Trial, seed: int, run: Any, eager: int | None) -> None:
    data = batches(trial, seed)
    model = network(trial, seed, data[0][0].shape[1:])
    loss_of, optimizer = LOSSES[trial.loss](), OPTIMIZERS[trial.optimizer](trial.rate)

    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    step = step if eager else tf.function(step)
    watch = run.watch(model, optimizer, loss=loss_of)
    tensors = [(tf.constant(x), tf.constant(y)) for x, y in data]
    for _ in range(eager or trial.epochs):
        for x, y in tensors:
            watch.log(loss=step(x, y))
        watch.epoch_ended()


@pytest.mark.parametrize("name", TRIALS)
def test_the_cause_comes_first_and_a_healthy_twin_raises_no_alarm(name: str, recording: Any, tmp_path: Path) -> None:
    trial = TRIALS[name]
    train(trial, 0, recording.run, EAGER.get(name))
    recording.told()
    live = folded(tmp_path)
    first = [cause.id for alarm in alarms(live)[:1] for cause in alarm.causes][:1]
    assert all(cause in trial.causes for cause in first), told(live)
    assert bool(first) == bool(trial.causes), told(live)

"""Trainings on two replicas, bare and watched: `python mirrored_trainings.py DIRECTORY`, which gets what they left."""

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

import paramedic
from paramedic.integrations.keras import Monitor

BATCH, STEPS, EPOCHS = 16, 10, 3


def data() -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(3).normal(size=(STEPS * BATCH, 5)).astype("float32")
    return x, x[:, :3].argmax(1)


def network() -> Any:
    keras.utils.set_random_seed(5)
    return keras.Sequential([keras.Input((5,)), layers.Dense(7, "tanh"), layers.Dense(3)])


def fit(strategy: tf.distribute.Strategy, run: Any) -> list[Any]:
    """A fit of Keras's."""
    with strategy.scope():
        model = network()
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss, metrics=["accuracy"], jit_compile=False)
    callbacks = [] if run is None else [Monitor(run)]
    model.fit(*data(), batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0, callbacks=callbacks)
    return [*model.variables, *model.optimizer.variables]


def loop(strategy: tf.distribute.Strategy, run: Any) -> list[Any]:
    """A loop of one's own, whose optimizer clips what each replica gives it."""
    with strategy.scope():
        model, optimizer = network(), keras.optimizers.SGD(0.1, momentum=0.9, global_clipnorm=0.01)
        optimizer.build(model.trainable_variables)
        loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="none")
        watch = None if run is None else run.watch(model, optimizer, loss=loss_of)

    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.nn.compute_average_loss(loss_of(y, model(x, training=True)), global_batch_size=BATCH)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    @tf.function
    def train(x: Any, y: Any) -> Any:
        return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(step, args=(x, y)), axis=None)

    batches = strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensor_slices(data()).batch(BATCH))
    for _ in range(EPOCHS):
        for x, y in batches:
            loss = train(x, y)
            if watch is not None:
                watch.log(loss=loss)
    return [*model.variables, *optimizer.variables]


def first_step() -> dict[str, Any]:
    """What one process measures of the first batch."""
    model = network()
    x, y = (array[:BATCH] for array in data())
    with tf.GradientTape() as tape:
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(y, model(x))
    gradients = tape.gradient(loss, model.trainable_variables)
    return {
        "loss": float(loss),
        "gradient_norms": [float(tf.norm(each)) for each in gradients],
        "weight_norms": [float(np.linalg.norm(each.numpy())) for each in model.trainable_variables],
    }


TRAININGS: dict[str, Callable[[tf.distribute.Strategy, Any], list[Any]]] = {"fit": fit, "loop": loop}


def main(directory: Path) -> None:
    (processor,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
    # One strategy for all: the collective operations of two would take each other for their own.
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    left = {}
    for kind, train in TRAININGS.items():
        bare = train(strategy, None)
        with paramedic.init("mirrored", id=kind, mode="offline", spool_dir=directory / "spool") as run:
            watched = train(strategy, run)
        left[kind] = first_step() | {
            "bare": [digest(each) for each in bare],
            "watched": [digest(each) for each in watched],
            "replicas": strategy.num_replicas_in_sync,
            "steps": STEPS * EPOCHS,
        }
    (directory / "left.json").write_text(json.dumps(left))


def digest(variable: Any) -> str:
    """Of the bits of a variable, in every replica."""
    copies = [variable.value] if not hasattr(variable.value, "values") else variable.value.values
    return hashlib.sha256(b"".join(copy.numpy().tobytes() for copy in copies)).hexdigest()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

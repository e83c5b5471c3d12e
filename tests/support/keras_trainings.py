"""Monitored trainings on another backend of Keras than the one that the tests' process has.

Run as a script, with KERAS_BACKEND in its environment and a directory as its argument: runs leave their spools there,
and "left.npz" has what they are compared with.
"""

import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

import paramedic
from paramedic.integrations.keras import Monitor
from support.common_faults import BATCH, TRIALS, Trial, parameters
from support.keras_backends import FAULTS, SEEN, data

BACKEND = keras.backend.backend()
if BACKEND == "torch":
    import torch

ZEROS = {"kernel_initializer": "zeros"}


class Trainings:
    """Runs them, below one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.left: dict[str, np.ndarray] = {}

    def run(self, name: str) -> Any:
        """Opens a run that leaves its spool in a directory of its own."""
        return paramedic.init("keras", id="run", mode="offline", spool_dir=self.directory / name)

    def faults(self) -> None:
        """Trains the faults and healthy twins that every framework can train."""
        for name in FAULTS[BACKEND]:
            trial = TRIALS[name]
            model = common(trial)
            x, y = trial.data(np.random.default_rng(0))
            with self.run(name) as run:
                try:
                    model.fit(x, y, BATCH, trial.epochs, shuffle=False, verbose=0, callbacks=[Monitor(run)])
                except RuntimeError:  # torch refuses labels that are no probabilities, and the report says so
                    assert name == "one sigmoid unit for three classes"
        assert "tensorflow" not in sys.modules

    def identity(self) -> None:
        """Trains each architecture with and without a Monitor, and keeps everything that the trainings leave."""
        for name, make in ARCHITECTURES.items():
            for watched in (False, True):
                seed()
                model = make()
                count = 12 * SEEN - (5 if name == "mlp" else 0)  # a last batch that is smaller is compiled anew
                x = np.random.default_rng(3).normal(size=(count, *model.input_shape[1:])).astype("float32")
                y = np.random.default_rng(4).integers(0, 5, len(x))
                with self.run(f"identity/{name}/{watched}") as run:
                    callbacks = [Monitor(run, every=7)] if watched else []
                    model.fit(x, y, SEEN, epochs=9, verbose=0, callbacks=callbacks)
                variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
                arrays = [np.asarray(variable) for variable in variables]
                arrays.append(drawn())
                for place, array in enumerate(arrays):
                    self.left[f"{name}/{place}/{watched}"] = array

    def norms(self) -> None:
        """Trains one network in several ways, and keeps what its weights were before every step."""
        for name, settings in LOOPS[BACKEND].items():
            keras.config.set_dtype_policy(settings.pop("policy", "float32"))
            model = network()
            model.compile(settings.pop("optimizer", keras.optimizers.SGD)(0.1), cross_entropy(), **settings)
            keras.config.set_dtype_policy("float32")
            with self.run(f"norms/{name}") as run:
                model.fit(*data(), SEEN, shuffle=False, verbose=0, callbacks=[Monitor(run, every=3)])
        for place, weights in enumerate(network().get_weights()):
            self.left[f"network/{place}"] = weights

    def path(self) -> None:
        """Trains a recurrent layer for one step, and keeps the weights after it."""
        recurrent = layers.SimpleRNN(4, name="rnn", **ZEROS, recurrent_initializer="zeros")
        model = drawn_weights(keras.Sequential([keras.Input((5, 2)), recurrent, layers.Dense(1, name="out", **ZEROS)]))
        model.compile(keras.optimizers.SGD(0.1), "mse")
        x, y = np.random.default_rng(1).normal(size=(32, 5, 2)).astype("float32"), np.ones((32, 1), "float32")
        with self.run("path") as run:
            model.fit(x, y, 32, verbose=0, callbacks=[Monitor(run)])
        for place, weights in enumerate(model.get_weights()):
            self.left[f"path/{place}"] = weights

    def validation(self) -> None:
        """Trains two epochs on what can only be iterated over, with validation, in two fits."""
        x, y = data()

        def batches() -> Any:
            while True:
                yield x[:SEEN], y[:SEEN]

        model = network()
        model.compile("adam", cross_entropy(), metrics=["accuracy"])
        with self.run("validation") as run:
            for _ in range(2):
                told = model.fit(
                    batches(), steps_per_epoch=4, epochs=2, validation_data=(x, y), verbose=0, callbacks=[Monitor(run)]
                )
        self.left["val_loss"] = np.array(told.history["val_loss"])

    def failing(self) -> None:
        """A layer raises in the third step, outside of what is compiled."""
        model = keras.Sequential([keras.Input((6,)), Failing(), layers.Dense(3)])
        model.compile("sgd", cross_entropy(), run_eagerly=True)
        with self.run("failing") as run:
            try:
                model.fit(*data(), SEEN, verbose=0, callbacks=[Monitor(run)])
            except ValueError:
                assert "train_step" not in vars(model)
                assert "apply" not in vars(model.optimizer)
                assert "stateless_apply" not in vars(model.optimizer)


class Failing(layers.Layer):  # type: ignore[misc]
    """Fails in the third step of a training."""

    def __init__(self) -> None:
        super().__init__()
        self.steps = 0

    def call(self, inputs: Any, training: bool = False) -> Any:
        if training and len(inputs) == SEEN:
            self.steps += 1
            if self.steps == 3:
                raise ValueError("a mistake in a layer")
        return inputs


def seed() -> None:
    """Seeds all generators; keras.utils.set_random_seed would import TensorFlow for its one."""
    random.seed(11)
    np.random.seed(11)
    if BACKEND == "torch":
        torch.manual_seed(11)


def drawn() -> np.ndarray:
    """The numbers that would be drawn next."""
    more = [float(torch.rand(()))] if BACKEND == "torch" else []
    return np.array([random.random(), np.random.random(), *more])


def common(trial: Trial) -> Any:
    """Builds a trial as Keras has it."""
    x, _ = trial.data(np.random.default_rng(0))
    output = "sigmoid" if trial.loss == "binary_cross_entropy" else trial.output
    hidden = [layers.SimpleRNN(u) if trial.kind == "rnn" else layers.Dense(u, trial.activation) for u in trial.hidden]
    model = keras.Sequential([keras.Input(x.shape[1:]), *hidden, layers.Dense(trial.outputs, output)])
    for layer, known in zip(model.layers, parameters(trial, 0), strict=True):
        layer.set_weights([known[name] for name in ("kernel", "recurrent_kernel", "bias") if name in known])
    losses = {"cross_entropy": cross_entropy(), "binary_cross_entropy": "binary_crossentropy", "mse": "mse"}
    optimizer = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}[trial.optimizer]
    model.compile(optimizer(trial.rate), losses[trial.loss])
    return model


def network() -> Any:
    """A network that always begins with the same weights."""
    return drawn_weights(
        keras.Sequential([keras.Input((6,)), layers.Dense(9, "tanh", **ZEROS), layers.Dense(3, **ZEROS)])
    )


def drawn_weights(model: Any) -> Any:
    """Gives a model weights of numpy's: JAX would compile a program to draw those of each shape."""
    for place, variable in enumerate(model.trainable_variables):
        variable.assign(np.random.default_rng(place).normal(size=variable.shape, scale=0.3).astype("float32"))
    return model


def cross_entropy() -> Any:
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _clipping(rate: float) -> Any:
    return keras.optimizers.SGD(rate, clipnorm=0.01)


LOOPS: dict[str, dict[str, dict[str, Any]]] = {
    "jax": {
        "clipped": {"optimizer": _clipping, "run_eagerly": True},
        "several steps an execution": {"optimizer": _clipping, "steps_per_execution": 4},
        "mixed": {"policy": "mixed_float16"},
    },
    "torch": {"clipped": {"optimizer": _clipping}, "mixed": {"policy": "mixed_float16"}},
}


def _compiled(optimizer: Any, *stack: Any) -> Any:
    model = drawn_weights(keras.Sequential([*stack, layers.Dense(5, **ZEROS)]))
    model.compile(optimizer, cross_entropy(), metrics=["accuracy"])
    return model


ARCHITECTURES: dict[str, Callable[[], Any]] = {
    "mlp": lambda: _compiled(
        keras.optimizers.SGD(0.05, momentum=0.9),
        keras.Input((9,)),
        layers.Dense(33, "relu", **ZEROS, kernel_regularizer=keras.regularizers.L2(0.01)),
        layers.Dense(17, "tanh", **ZEROS),
    ),
    "cnn": lambda: _compiled(
        keras.optimizers.Adam(0.01, global_clipnorm=0.5),
        keras.Input((8, 8, 3)),
        layers.Conv2D(6, 3, activation="relu", **ZEROS),
        layers.BatchNormalization(),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dropout(0.3, seed=5),
    ),
    "lstm": lambda: _compiled(
        keras.optimizers.RMSprop(0.01, clipnorm=1.0),
        keras.Input((6, 4)),
        layers.LSTM(12, **ZEROS, recurrent_initializer="zeros"),
    ),
}


def main(directory: Path) -> None:
    """Runs all of them."""
    if BACKEND == "torch":
        torch.set_num_threads(1)
    trainings = Trainings(directory)
    for part in ("faults", "identity", "norms", "path", "validation", "failing"):
        import time

        t = time.process_time()
        getattr(trainings, part)()
        print(part, time.process_time() - t)
    np.savez(directory / "left.npz", **trainings.left)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

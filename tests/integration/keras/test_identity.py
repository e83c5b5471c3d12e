"""Weights after training are the same, to the bit, with and without the Monitor and all that it measures."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from paramedic.integrations.keras import Monitor

STEPS = 12
EPOCHS = 9
"""More than 100 steps, by which every probe has run."""
BATCH = 16


def sequences(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.normal(size=(count, 6, 4)).astype("float32")


def images(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.normal(size=(count, 8, 8, 3)).astype("float32")


def vectors(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.normal(size=(count, 9)).astype("float32")


def words(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.integers(0, 50, size=(count, 7))


def mlp() -> list[Any]:
    return [layers.Dense(33, "relu", kernel_regularizer=keras.regularizers.L2(0.01)), layers.Dense(17, "tanh")]


def cnn() -> list[Any]:
    return [layers.Conv2D(6, 3, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(5, 2), layers.Flatten()]


def normalised() -> list[Any]:
    return [
        layers.Dense(24),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Dropout(0.3),
        layers.LayerNormalization(),
    ]


def embedding() -> list[Any]:
    return [layers.Embedding(50, 11), layers.GlobalAveragePooling1D()]


def recurrent() -> list[Any]:
    return [
        layers.Bidirectional(layers.LSTM(5, return_sequences=True, dropout=0.2)),
        layers.GRU(6, recurrent_dropout=0.3, return_sequences=True),
        layers.BatchNormalization(),
        layers.RNN([layers.LSTMCell(4), layers.GRUCell(5, dropout=0.1)]),
        layers.GaussianNoise(0.1),
    ]


ARCHITECTURES: dict[str, tuple[Callable[[np.random.Generator, int], np.ndarray], Callable[[], list[Any]], Any]] = {
    "mlp": (vectors, mlp, lambda: keras.optimizers.SGD(0.05, momentum=0.9)),
    "cnn": (images, cnn, lambda: keras.optimizers.Adam(0.01, global_clipnorm=0.5)),
    "lstm": (sequences, lambda: [layers.LSTM(12)], lambda: keras.optimizers.RMSprop(0.01, clipnorm=1.0)),
    "gru": (sequences, lambda: [layers.GRU(12)], lambda: keras.optimizers.AdamW(0.01, clipvalue=0.1)),
    "simple_rnn": (sequences, lambda: [layers.SimpleRNN(12)], lambda: keras.optimizers.Nadam(0.01)),
    "recurrent": (sequences, recurrent, lambda: keras.optimizers.Adam(0.01)),
    "embedding": (words, embedding, lambda: keras.optimizers.Adam(0.01)),
    "normalised": (vectors, normalised, lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=5)),
}


def trained(name: str, jit: bool, callbacks: list[Any], policy: str = "float32") -> list[np.ndarray]:
    """Everything a training leaves: weights, seeds, metrics, the optimizer's own variables, and random numbers."""
    inputs, hidden, optimizer = ARCHITECTURES[name]
    rng = np.random.default_rng(3)
    # Without XLA, which compiles every shape anew, the last batch is a partial one.
    count = STEPS * BATCH - (0 if jit else 5)
    x, y = inputs(rng, count), rng.integers(0, 5, count)
    keras.utils.set_random_seed(11)
    keras.config.set_dtype_policy(policy)
    try:
        model = keras.Sequential([keras.Input(x.shape[1:]), *hidden(), layers.Dense(5)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(optimizer(), loss, metrics=["accuracy"], jit_compile=jit)
        model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0, callbacks=callbacks)
    finally:
        keras.config.set_dtype_policy("float32")
    return left(model)


def left(model: Any) -> list[np.ndarray]:
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    drawn = [random.random(), np.random.random(), float(tf.random.uniform([])), float(keras.random.uniform([]))]
    return [*(np.asarray(variable) for variable in variables), np.array(drawn)]


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_training_leaves_the_same_bits_with_the_monitor(name: str, jit: bool, recording) -> None:
    bare = trained(name, jit, [])
    monitored = trained(name, jit, [Monitor(recording.run, every=5)])
    told = recording.told()
    assert len(told.steps()) == EPOCHS * STEPS
    assert list(told.scalar("probe_seconds")) == [1, 5, 20, 50, 100]
    assert list(told.scalar("macro_gradient_norm")) == [100]
    assert [a.tobytes() for a in bare] == [b.tobytes() for b in monitored]


def test_mixed_precision_leaves_the_same_bits(recording) -> None:
    bare = trained("mlp", False, [], "mixed_float16")
    monitored = trained("mlp", False, [Monitor(recording.run)], "mixed_float16")
    assert len(recording.told().steps()) == EPOCHS * STEPS
    assert [a.tobytes() for a in bare] == [b.tobytes() for b in monitored]


class Counting(layers.Layer):
    """Changes a variable that Keras does not know whenever it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = tf.Variable(0.0, trainable=False)

    def call(self, inputs: Any) -> Any:
        self.calls.assign_add(1.0)
        return inputs + 0.001 * self.calls


class AddingLoss(layers.Layer):
    """Adds a loss of its own."""

    def call(self, inputs: Any) -> Any:
        self.add_loss(0.01 * keras.ops.mean(keras.ops.square(inputs)))
        return inputs


CURIOUS: dict[str, Callable[[], list[Any]]] = {
    "a_layer_with_effects": lambda: [layers.Flatten(), Counting(), layers.Dense(4)],
    "a_layer_with_a_loss": lambda: [layers.Flatten(), layers.Dense(4, "relu"), AddingLoss()],
    "a_stateful_layer": lambda: [layers.LSTM(4, stateful=True)],
}


@pytest.mark.parametrize("eager", [False, True], ids=["graph", "eager"])
@pytest.mark.parametrize("name", CURIOUS)
def test_layers_that_change_when_they_are_called_are_left_as_they_are(name: str, eager: bool, recording) -> None:
    def train(callbacks: list[Any]) -> list[np.ndarray]:
        keras.utils.set_random_seed(11)
        x, y = sequences(np.random.default_rng(3), 6 * BATCH), np.zeros(6 * BATCH)
        inputs = keras.Input(batch_shape=(BATCH, 6, 4))
        model = keras.Sequential([inputs, *CURIOUS[name](), layers.Dense(2)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, run_eagerly=eager, jit_compile=False)
        model.fit(x, y, batch_size=BATCH, epochs=4, verbose=0, callbacks=callbacks)
        own = [layer.calls.numpy() for layer in model.layers if isinstance(layer, Counting)]
        return [*left(model), *own]

    bare = train([])
    monitored = train([Monitor(recording.run)])
    assert [a.tobytes() for a in bare] == [b.tobytes() for b in monitored]


def shuffled_set(x: np.ndarray, y: np.ndarray) -> Any:
    return tf.data.Dataset.from_tensor_slices((x, y)).shuffle(50).batch(BATCH)


def generator(x: np.ndarray, y: np.ndarray) -> Iterator[Any]:
    # Random numbers of its own: Keras asks it for more batches than it uses, how many is a matter of time.
    rng = np.random.default_rng(np.random.randint(2**31))
    while True:
        chosen = rng.permutation(len(x))[:BATCH]
        yield x[chosen], y[chosen]


class Sequence(keras.utils.PyDataset):
    """Draws its batches as they are asked for."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        super().__init__()
        self._data = x, y
        self._rng = np.random.default_rng(np.random.randint(2**31))

    def __len__(self) -> int:
        return STEPS

    def __getitem__(self, index: int) -> Any:
        chosen = self._rng.permutation(len(self._data[0]))[:BATCH]
        return tuple(array[chosen] for array in self._data)


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("source", [shuffled_set, generator, Sequence])
def test_data_that_is_iterated_over_comes_as_without_the_monitor(source: Any, jit: bool, recording) -> None:
    def train(callbacks: list[Any]) -> list[np.ndarray]:
        keras.utils.set_random_seed(11)
        rng = np.random.default_rng(3)
        x, y = vectors(rng, STEPS * BATCH), rng.integers(0, 5, STEPS * BATCH)
        model = keras.Sequential([keras.Input((9,)), *normalised(), layers.Dense(5)])
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile("adam", loss, jit_compile=jit)
        model.fit(
            source(x, y),
            steps_per_epoch=None if source is not generator else STEPS,
            epochs=2,
            verbose=0,
            callbacks=callbacks,
        )
        return left(model)

    bare = train([])
    monitored = train([Monitor(recording.run)])
    told = recording.told()
    assert list(told.scalar("probe_seconds")) == [1, 5, 20]
    assert told.description.data.inputs[0].examined == BATCH
    assert [a.tobytes() for a in bare] == [b.tobytes() for b in monitored]

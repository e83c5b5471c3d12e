"""Weights after training are the same, to the bit, with and without the Monitor."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from paramedic.integrations.keras import Monitor

STEPS = 12
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


ARCHITECTURES: dict[str, tuple[Callable[[np.random.Generator, int], np.ndarray], Callable[[], list[Any]], Any]] = {
    "mlp": (vectors, mlp, lambda: keras.optimizers.SGD(0.05, momentum=0.9)),
    "cnn": (images, cnn, lambda: keras.optimizers.Adam(0.01, global_clipnorm=0.5)),
    "lstm": (sequences, lambda: [layers.LSTM(12)], lambda: keras.optimizers.RMSprop(0.01, clipnorm=1.0)),
    "gru": (sequences, lambda: [layers.GRU(12)], lambda: keras.optimizers.AdamW(0.01, clipvalue=0.1)),
    "simple_rnn": (sequences, lambda: [layers.SimpleRNN(12)], lambda: keras.optimizers.Nadam(0.01)),
    "embedding": (words, embedding, lambda: keras.optimizers.Adam(0.01)),
    "normalised": (vectors, normalised, lambda: keras.optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=5)),
}


def trained(name: str, jit: bool, callbacks: list[Any], policy: str = "float32") -> list[np.ndarray]:
    """Everything a training leaves: weights, seeds and the optimizer's own variables."""
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
        model.fit(x, y, batch_size=BATCH, epochs=2, verbose=0, callbacks=callbacks)
    finally:
        keras.config.set_dtype_policy("float32")
    return [np.asarray(variable) for variable in [*model.variables, *model.optimizer.variables]]


@pytest.mark.parametrize("jit", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_training_leaves_the_same_bits_with_the_monitor(name: str, jit: bool, recording) -> None:
    bare = trained(name, jit, [])
    monitored = trained(name, jit, [Monitor(recording.run, every=5)])
    assert len(recording.told().steps()) == 2 * STEPS
    assert [a.tobytes() for a in bare] == [b.tobytes() for b in monitored]


def test_mixed_precision_leaves_the_same_bits(recording) -> None:
    bare = trained("mlp", False, [], "mixed_float16")
    monitored = trained("mlp", False, [Monitor(recording.run)], "mixed_float16")
    assert len(recording.told().steps()) == 2 * STEPS
    assert [a.tobytes() for a in bare] == [b.tobytes() for b in monitored]

"""Trainings after the project's two sources on recurrent networks, with labels that a teacher makes learnable.

The sources draw their labels at random, which nothing can learn; so do the faulty examples that are taken from them as
they stand. What is here works.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from support.diagnosed import Samples, Training

Generator = np.random.Generator


def summed(generator: Generator, samples: int = 640, steps: int = 10) -> Samples:
    """One feature [steps, 1]; the sum over all of them is wanted, scaled to a variance of one."""
    x = generator.normal(size=(samples, steps, 1)).astype("float32")
    return x, x.sum(1) / np.sqrt(steps)


def recalled(generator: Generator, samples: int = 640, steps: int = 30) -> Samples:
    """One feature [steps, 1]; the mean of the first two is wanted at the end."""
    x = generator.normal(size=(samples, steps, 1)).astype("float32")
    return x, x[:, :2].sum(1)


def classes(
    generator: Generator, samples: int = 640, steps: int = 10, features: int = 8, count: int = 3, noise: float = 0.3
) -> Samples:
    """Standard normal features [steps, features]; which of the first ones is the largest on average, with noise."""
    x = generator.normal(size=(samples, steps, features)).astype("float32")
    scores = x[:, :, :count].mean(1) * np.sqrt(steps) + noise * generator.normal(size=(samples, count))
    return x, scores.argmax(1)


def one_hot_classes(generator: Generator) -> Samples:
    """The same with one column a class."""
    x, y = classes(generator)
    return x, np.eye(3, dtype="float32")[y]


def uniform_classes(generator: Generator, count: int) -> Samples:
    """The inputs of the LSTM source's examples, [20, 10]; which of the last step's first features is the largest."""
    x = generator.random((100, 20, 10))
    return x, x[:, -1, :count].argmax(1)


def random_classes(generator: Generator, count: int) -> Samples:
    """The data of the LSTM source's examples as they stand: the labels have nothing to do with the inputs."""
    return generator.random((100, 20, 10)), generator.integers(0, count, 100)


def ending(*body: Any, units: int = 1, activation: str = "linear") -> Any:
    """Makers of layers and an output layer, as one maker of a model's layers."""
    return lambda: [*(make() for make in body), layers.Dense(units, activation=activation)]


def adam(rate: float, **settings: Any) -> Any:
    """Maker of an Adam."""
    return partial(keras.optimizers.Adam, rate, **settings)


def sgd(rate: float, **settings: Any) -> Any:
    """Maker of an SGD."""
    return partial(keras.optimizers.SGD, rate, **settings)


LSTM_16 = partial(layers.LSTM, 16)
LSTM_64 = partial(layers.LSTM, 64)

# Code example 1 of "Why does TensorFlow 1.0 RNN loss fail to improve?", in Keras.
PLAIN_RNN = Training(summed, ending(partial(layers.SimpleRNN, 64)), "mean_squared_error", adam(0.01), epochs=12)
# Its code example 2: the same with gates.
GATED = replace(PLAIN_RNN, layers=ending(LSTM_64))
# Its code example 3, normalised data and RMSprop, with something to remember over 30 steps.
RMSPROP = replace(PLAIN_RNN, data=recalled, optimizer=partial(keras.optimizers.RMSprop, 0.001))
# The same to remember, by gates.
MEMORY = Training(recalled, ending(partial(layers.GRU, 24)), "mean_squared_error", adam(0.01), epochs=12)
# Three classes, told by an LSTM.
CLASSIFIER = Training(
    classes,
    ending(LSTM_16, units=3, activation="softmax"),
    "sparse_categorical_crossentropy",
    adam(0.01),
    metrics=("accuracy",),
    epochs=12,
)
VALIDATED = replace(CLASSIFIER, data=partial(classes, samples=2000), held_out=0.2, epochs=6)
# Example 2 of "What causes TensorFlow 2.0 RNN LSTM model errors?", corrected.
EXAMPLE_2 = Training(
    partial(uniform_classes, count=3),
    ending(LSTM_64, units=3, activation="softmax"),
    "sparse_categorical_crossentropy",
    adam(0.001),
    metrics=("accuracy",),
)
# Its example 3, corrected.
EXAMPLE_3 = Training(
    partial(uniform_classes, count=2),
    ending(LSTM_64, units=1, activation="sigmoid"),
    "binary_crossentropy",
    adam(0.001),
    metrics=("accuracy",),
)

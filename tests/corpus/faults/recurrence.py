"""Faults of recurrent layers: ReLU inside them, plain cells over long sequences, gradients lost or grown on the way."""

from functools import partial
from typing import Any

import keras
from keras import layers

from corpus.programs import data, models, sequences, texts
from corpus.programs.images import adam, sgd
from corpus.programs.program import Fault

RELU = ("recurrent_relu", "exploding_gradients")
GROWN_RELU = (*RELU, "bad_initialisation")
LONG = ("long_plain_recurrence", "vanishing_through_time")
EXPLODING = ("exploding_gradients", "bad_initialisation")

relu_rnn = partial(layers.SimpleRNN, activation="relu")
sigmoid_rnn = partial(layers.SimpleRNN, activation="sigmoid", recurrent_initializer="random_normal")


def grown(units: int) -> Any:
    """A plain RNN whose recurrent weights are an orthogonal matrix times four."""
    return partial(layers.SimpleRNN, units, recurrent_initializer=orthogonal(4.0))


def orthogonal(gain: float) -> Any:
    """Initialises by an orthogonal matrix times the gain."""
    return keras.initializers.Orthogonal(gain, seed=1)


FAULTS = (
    Fault(
        "recurrent_relu", sequences.ROWS_RNN, GROWN_RELU,
        {"model": models.recurrent((8, 8), [partial(relu_rnn, 32, recurrent_initializer=orthogonal(2.0))], 10)},
    ),
    Fault(
        "recurrent_relu", sequences.ADDING, RELU,
        {"model": models.recurrent(
            (sequences.ADDING_LENGTH, 2), [partial(layers.LSTM, 24, activation="relu")], 1, "linear"
        )},
    ),
    Fault(
        "recurrent_relu", sequences.SUNSPOTS, GROWN_RELU,
        {"model": models.recurrent(
            (24, 1), [partial(relu_rnn, 16, recurrent_initializer=orthogonal(2.0))], 1, "linear"
        )},
    ),
    Fault(
        "recurrent_relu", sequences.LONG_LAG, RELU,
        {"model": models.recurrent((sequences.LAG, 5), [partial(layers.LSTM, 16, activation="relu")], 4)},
    ),
    Fault(
        "exploding_rnn", sequences.ADDING, EXPLODING,
        {"model": models.recurrent((sequences.ADDING_LENGTH, 2), [grown(24)], 1, "linear"), "optimizer": sgd(0.01)},
    ),
    Fault(
        "exploding_rnn", sequences.SINE_RNN, EXPLODING,
        {"model": models.recurrent((24, 1), [grown(16)], 1, "linear"), "optimizer": sgd(0.02)},
    ),
    Fault(
        "vanishing_through_time", sequences.ROWS_RNN, ("vanishing_through_time", "vanishing_gradients"),
        {"model": models.recurrent((8, 8), [partial(sigmoid_rnn, 32)] * 3, 10)},
    ),
    Fault(
        "vanishing_through_time", sequences.ADDING, ("vanishing_through_time", "vanishing_gradients"),
        {"model": models.recurrent((sequences.ADDING_LENGTH, 2), [partial(sigmoid_rnn, 24)] * 2, 1, "linear")},
    ),
    Fault(
        "vanishing_through_time", sequences.ROWS_LSTM, ("vanishing_through_time", "vanishing_gradients"),
        {"model": models.recurrent((8, 8), [partial(sigmoid_rnn, 24)] * 4, 10)},
    ),
    Fault(
        "vanishing_through_time", texts.COPYING, ("vanishing_through_time", "vanishing_gradients"),
        {"model": models.reading(5, 6, lambda: [sigmoid_rnn(12, return_sequences=True)] + [
            sigmoid_rnn(12, return_sequences=True) for _ in range(3)
        ], 5, length=10)},
    ),
    Fault(
        "long_plain_recurrence", sequences.ADDING, LONG,
        {"model": models.recurrent((sequences.ADDING_LENGTH, 2), [partial(layers.SimpleRNN, 24)], 1, "linear"),
         "optimizer": adam(2e-3)},
    ),
    Fault(
        "long_plain_recurrence", sequences.LONG_LAG, LONG,
        {"model": models.recurrent((sequences.LAG, 5), [partial(layers.SimpleRNN, 16)], 4)},
    ),
    Fault(
        "very_long_sequence", sequences.ADDING, LONG,
        {"data": partial(data.adding, length=150, samples=800),
         "model": models.recurrent((150, 2), [partial(layers.SimpleRNN, 24)], 1, "linear"), "epochs": 8},
    ),
    Fault(
        "very_long_sequence", sequences.LONG_LAG, LONG,
        {"data": partial(data.long_lag, length=150, samples=800),
         "model": models.recurrent((150, 5), [partial(layers.SimpleRNN, 16)], 4), "epochs": 8},
    ),
)  # fmt: skip

"""Programs on sequences of numbers: memory, counting, forecasting, images read row by row."""

from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from corpus.programs import data, models, skill
from corpus.programs.data import Data
from corpus.programs.images import SPARSE, adam, sgd
from corpus.programs.program import Program


def _rows(generator: np.random.Generator) -> Data:
    plain = data.digits(generator)
    return replace(plain, x=plain.x.reshape(-1, 8, 8), x_test=plain.x_test.reshape(-1, 8, 8))


def both_ways(cell: Any, units: int) -> Any:
    """A bidirectional layer, as the builders want it."""
    return lambda return_sequences: layers.Bidirectional(cell(units, return_sequences=return_sequences))


ADDING_LENGTH = 40
LAG = 20

ROWS_RNN = Program(
    "rows-rnn", "tuning", "rnn", "a plain RNN over few rows", _rows,
    models.recurrent((8, 8), [partial(layers.SimpleRNN, 32)], 10), sgd(0.05), SPARSE, skill.accuracy, 0.75,
    metrics=("accuracy",),
)  # fmt: skip
ROWS_LSTM = Program(
    "rows-lstm", "seen", "lstm", "an LSTM over rows", _rows,
    models.recurrent((8, 8), [partial(layers.LSTM, 24)], 10), adam(5e-3), SPARSE, skill.accuracy, 0.8,
    metrics=("accuracy",),
)  # fmt: skip
ROWS_TRANSFORMER = Program(
    "rows-transformer", "seen", "transformer", "attention over rows", data.digits,
    models.transformer(models.rows(16), 16, 10), adam(5e-3), SPARSE, skill.accuracy, 0.5, metrics=("accuracy",),
)  # fmt: skip
ADDING = Program(
    "adding-gru", "tuning", "gru", "a plateau before it is understood: a late starter",
    partial(data.adding, length=ADDING_LENGTH),
    models.recurrent((ADDING_LENGTH, 2), [partial(layers.GRU, 24)], 1, "linear"), adam(0.01), "mean_squared_error",
    skill.variance_explained, 0.6, epochs=16,
)  # fmt: skip
LONG_LAG = Program(
    "lag-gru", "seen", "gru", "a symbol to be kept over twenty steps of noise: a late starter",
    partial(data.long_lag, length=LAG), models.recurrent((LAG, 5), [partial(layers.GRU, 24)], 4), adam(0.01), SPARSE,
    skill.accuracy, 0.6, epochs=14, metrics=("accuracy",),
)  # fmt: skip
SINE_LSTM = Program(
    "sine-lstm", "tuning", "lstm", "two layers forecast sines", data.sine,
    models.recurrent((24, 1), [partial(layers.LSTM, 12), partial(layers.LSTM, 12)], 1, "linear"), adam(5e-3),
    "mean_squared_error", skill.variance_explained, 0.8, epochs=8, validated=True,
)  # fmt: skip
SINE_RNN = Program(
    "sine-rnn", "seen", "rnn", "a plain RNN forecasts sines", data.sine,
    models.recurrent((24, 1), [partial(layers.SimpleRNN, 16)], 1, "linear"), sgd(0.02, clipnorm=1.0),
    "mean_squared_error", skill.variance_explained, 0.8, epochs=8,
)  # fmt: skip
SUNSPOTS = Program(
    "sunspots-gru", "seen", "gru", "noise that no forecast removes", data.sunspots,
    models.recurrent((24, 1), [partial(layers.GRU, 16)], 1, "linear"),
    lambda: keras.optimizers.RMSprop(2e-3), "mean_absolute_error", skill.variance_explained, 0.5, epochs=10,
    validated=True,
)  # fmt: skip
CARBON_DIOXIDE = Program(
    "co2-lstm", "tuning", "lstm", "a season and a trend", data.carbon_dioxide,
    models.recurrent((24, 1), [partial(layers.LSTM, 16)], 1, "linear"), adam(5e-3), "mean_squared_error",
    skill.variance_explained, 0.5, epochs=10,
)  # fmt: skip
PARITY = Program(
    "parity-gru", "tuning", "gru", "an output a time step; nothing is learned until it counts",
    partial(data.running_parity, length=8),
    models.recurrent((8, 1), [partial(layers.GRU, 24)], 1, "sigmoid", each_step=True), adam(0.01),
    "binary_crossentropy", skill.accuracy, 0.7, epochs=12, metrics=("accuracy",),
)  # fmt: skip

PROGRAMS = (
    ROWS_RNN, ROWS_LSTM, ROWS_TRANSFORMER, ADDING, LONG_LAG, SINE_LSTM, SINE_RNN, SUNSPOTS, CARBON_DIOXIDE, PARITY,
)  # fmt: skip

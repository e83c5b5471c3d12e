"""Programs written for a second report, and recorded before any rule was changed for it; all are of the reporting half.

They are drawn from other tasks and other models than the first, with no eye on any rule.
"""

from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from corpus.programs import architectures, data, models, skill, synthetic, texts
from corpus.programs.data import Data
from corpus.programs.images import SPARSE, adam, sgd
from corpus.programs.models import one_hot
from corpus.programs.program import Program
from corpus.programs.sequences import both_ways
from corpus.programs.tables import standardised_diabetes

CLUSTERS = 5


def in_columns(plain: Data, classes: int) -> Data:
    """The same, with labels as columns."""
    return replace(plain, y=one_hot(plain.y, classes), y_test=one_hot(plain.y_test, classes))


def clusters_in_columns(generator: np.random.Generator) -> Data:
    """Clusters with one-hot labels."""
    return in_columns(synthetic.clusters(generator), CLUSTERS)


def stripes_in_columns(generator: np.random.Generator) -> Data:
    """Stripes with one-hot labels."""
    return in_columns(synthetic.stripes(generator), 4)


def _features_back(generator: np.random.Generator) -> Data:
    plain = data.cancer(generator)
    return replace(plain, y=plain.x, y_test=plain.x_test, truth=plain.x_test)


def _smoothed() -> Any:
    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)


def _decaying(rate: float) -> Any:
    schedule = partial(keras.optimizers.schedules.ExponentialDecay, rate, 100, 0.7)
    return lambda: keras.optimizers.SGD(schedule(), 0.9, nesterov=True)


def _warmed_up(rate: float) -> Any:
    schedule = partial(keras.optimizers.schedules.CosineDecay, 0.0, 250, warmup_target=rate, warmup_steps=40)
    return lambda: keras.optimizers.AdamW(schedule())


SELU = Program(
    "wine-selu", "reporting", "mlp", "a self-normalising network", data.wine,
    models.mlp(13, [24, 24, 24], 3, activation="selu", kernel_initializer="lecun_normal"),
    sgd(0.01, nesterov=True), SPARSE, skill.accuracy, 0.8, batch_size=8, epochs=12, metrics=("accuracy",),
    validated=True,
)  # fmt: skip
SMOOTHED = Program(
    "clusters-smoothed", "reporting", "mlp", "smoothed labels keep the loss up", clusters_in_columns,
    architectures.layer_normalised(12, [32, 32], CLUSTERS), lambda: keras.optimizers.AdamW(4e-3, weight_decay=0.01),
    _smoothed, skill.accuracy, 0.5, epochs=10, metrics=("accuracy",), validated=True,
)  # fmt: skip
COUNTS = Program(
    "counts-poisson", "reporting", "regression", "counts by their likelihood, which is no error", synthetic.counts,
    models.mlp(8, [24], 1, "exponential"), adam(5e-3), "poisson", skill.variance_explained, 0.4, epochs=10,
)  # fmt: skip
HUBER = Program(
    "diabetes-huber", "reporting", "regression", "a robust loss on noisy targets", standardised_diabetes,
    models.mlp(10, [16], 1, "linear", "gelu"), lambda: keras.optimizers.Nadam(3e-3), "huber",
    skill.variance_explained, 0.25, batch_size=16, epochs=10,
)  # fmt: skip
HINGE = Program(
    "cancer-hinge", "reporting", "mlp", "a margin is wanted, not a probability", data.cancer,
    models.mlp(30, [16], 1, "tanh"), lambda: keras.optimizers.Adamax(5e-3), "hinge",
    lambda p, truth: skill.accuracy((p > 0) * 1.0, truth), 0.8, batch_size=16, epochs=9,
)  # fmt: skip
COMPRESSED = Program(
    "cancer-autoencoder", "reporting", "autoencoder", "features to a code of 8 and back", _features_back,
    models.autoencoder(30, 8, "linear", "elu"), adam(3e-3), "mean_squared_error", skill.variance_explained, 0.4,
    batch_size=16, epochs=12,
)  # fmt: skip
LENET = Program(
    "digits-lenet", "reporting", "cnn", "tanh convolutions, a decaying rate", data.digits, architectures.lenet(),
    _decaying(0.05), SPARSE, skill.accuracy, 0.8, metrics=("accuracy",),
)  # fmt: skip
SEPARABLE = Program(
    "digits-separable", "reporting", "cnn", "batch normalisation, large batches, few parameters", data.digits,
    architectures.separable(), lambda: keras.optimizers.RMSprop(5e-3), SPARSE, skill.accuracy, 0.8, batch_size=64,
    epochs=12, metrics=("accuracy",),
)  # fmt: skip
STRIPES = Program(
    "stripes-cnn", "reporting", "cnn", "texture in much noise", stripes_in_columns, architectures.strided(),
    adam(5e-3), "categorical_crossentropy", skill.accuracy, 0.6, epochs=10, metrics=("accuracy",),
)  # fmt: skip
WAVES_CAUSAL = Program(
    "waves-causal", "reporting", "cnn", "dilated convolutions over time", synthetic.waves, architectures.causal(),
    adam(5e-3), SPARSE, skill.accuracy, 0.5, epochs=10, metrics=("accuracy",), validated=True,
)  # fmt: skip
WAVES_LSTM = Program(
    "waves-lstm", "reporting", "lstm", "two layers, clipped", synthetic.waves,
    models.recurrent((32, 1), [partial(layers.LSTM, 16), partial(layers.LSTM, 16)], 3), adam(0.01, clipnorm=1.0),
    SPARSE, skill.accuracy, 0.5, epochs=10, metrics=("accuracy",),
)  # fmt: skip
SPRINGS = Program(
    "springs-gru", "reporting", "gru", "two features a step; noise in what is seen", synthetic.springs,
    models.recurrent((20, 2), [partial(layers.GRU, 16)], 1, "linear"), lambda: keras.optimizers.RMSprop(3e-3),
    "mean_squared_error", skill.variance_explained, 0.7, epochs=8, validated=True,
)  # fmt: skip
MAJORITY = Program(
    "majority-rnn", "reporting", "rnn", "a plain RNN counts", synthetic.majorities,
    models.recurrent((15, 1), [partial(layers.SimpleRNN, 16)], 1, "sigmoid"), adam(5e-3), "binary_crossentropy",
    skill.accuracy, 0.7, epochs=8, metrics=("accuracy",),
)  # fmt: skip
NEIGHBOURS = Program(
    "neighbours-bilstm", "reporting", "bidirectional", "an output a token, from both sides", synthetic.neighbours,
    models.reading(7, 6, lambda: [both_ways(layers.LSTM, 12)(return_sequences=True)], 3, length=12), adam(0.01),
    SPARSE, skill.accuracy, 0.5, epochs=10, metrics=("accuracy",),
)  # fmt: skip
ATTENTION = Program(
    "text-warmed-up", "reporting", "transformer", "attention, warmed up and decayed",
    partial(data.phrases, samples=2000, classes=4),
    models.transformer(models.tokens(texts.WORDS, texts.LENGTH, 16), 16, 4), _warmed_up(5e-3), SPARSE,
    skill.accuracy, 0.4, epochs=5, metrics=("accuracy",),
)  # fmt: skip

PROGRAMS = (
    SELU, SMOOTHED, COUNTS, HUBER, HINGE, COMPRESSED, LENET, SEPARABLE, STRIPES, WAVES_CAUSAL, WAVES_LSTM, SPRINGS,
    MAJORITY, NEIGHBOURS, ATTENTION,
)  # fmt: skip

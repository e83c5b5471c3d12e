"""Programs on tables of features: classification and regression."""

from dataclasses import replace

import keras
import numpy as np

from corpus.programs import data, models, skill
from corpus.programs.data import Data
from corpus.programs.images import SPARSE, adam, sgd
from corpus.programs.program import Program


def _rare(generator: np.random.Generator) -> Data:
    """Cancer with one malignant sample in ten, told apart harder by noise."""
    plain = data.cancer(generator)
    keep = (plain.y == 1) | (np.cumsum(plain.y == 0) <= 30)
    return replace(plain, x=plain.x[keep], y=plain.y[keep])


def standardised_diabetes(generator: np.random.Generator) -> Data:
    """Diabetes with standardised targets."""
    plain = data.diabetes(generator)
    mean, deviation = plain.y.mean(), plain.y.std()
    y, truth = (plain.y - mean) / deviation, (plain.truth - mean) / deviation
    return replace(plain, y=y, y_test=truth, truth=truth)


CANCER = Program(
    "cancer-mlp", "tuning", "mlp", "two classes, one sigmoid", data.cancer, models.mlp(30, [16], 1, "sigmoid"),
    lambda: keras.optimizers.RMSprop(2e-3), "binary_crossentropy", skill.accuracy, 0.8, batch_size=16, epochs=10,
    metrics=("accuracy",), validated=True,
)  # fmt: skip
CLIPPED = Program(
    "cancer-clipped", "tuning", "mlp", "logits, SGD whose clipping is always on", data.cancer,
    models.mlp(30, [16, 16], 1, None, "tanh"), sgd(0.05, global_clipnorm=0.1),
    lambda: keras.losses.BinaryCrossentropy(from_logits=True), lambda p, truth: skill.accuracy((p > 0) * 1.0, truth),
    0.8, batch_size=16, epochs=10,
)  # fmt: skip
WEIGHTED = Program(
    "cancer-weighted", "seen", "mlp", "one class is rare, and weighted for it", _rare,
    models.mlp(30, [16], 1, "sigmoid"), adam(3e-3), "binary_crossentropy", skill.accuracy, 0.7, batch_size=16,
    epochs=12, metrics=("accuracy",), class_weights={0: 5.0, 1: 0.6},
)  # fmt: skip
WINE = Program(
    "wine-mlp", "seen", "mlp", "few samples, learned at once", data.wine, models.mlp(13, [24], 3), adam(5e-3),
    SPARSE, skill.accuracy, 0.8, batch_size=8, epochs=14, metrics=("accuracy",),
)  # fmt: skip
DIABETES = Program(
    "diabetes-mlp", "tuning", "regression", "half of the variance cannot be explained", standardised_diabetes,
    models.mlp(10, [16], 1, "linear"), sgd(0.01), "mean_squared_error", skill.variance_explained, 0.25, batch_size=16,
    epochs=12, validated=True,
)  # fmt: skip
LARGE_TARGETS = Program(
    "diabetes-large", "seen", "regression", "targets in the hundreds, a loss of tens of thousands",
    data.diabetes, models.mlp(10, [32], 1, "linear"), adam(0.03), "mean_squared_error", skill.variance_explained,
    0.2, batch_size=16, epochs=14,
)  # fmt: skip
FRIEDMAN = Program(
    "friedman-mlp", "seen", "regression", "a nonlinear regression with noise", data.friedman,
    models.mlp(10, [32, 16], 1, "linear"), sgd(0.02), "mean_squared_error", skill.variance_explained, 0.6,
    batch_size=16, epochs=12, validated=True,
)  # fmt: skip

PROGRAMS = (CANCER, CLIPPED, WEIGHTED, WINE, DIABETES, LARGE_TARGETS, FRIEDMAN)

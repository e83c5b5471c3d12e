"""Healthy programs that do not begin with the loss of knowing nothing, in pairs of which a coin gave each half one.

The coin is the last bit of the CRC-32 of both ids, in the order in which they stand here, with a space between.
"""

from functools import partial
from typing import Any

import keras
from keras import layers

from corpus.programs import architectures, data, models, skill, synthetic, texts
from corpus.programs.data import Data
from corpus.programs.images import SPARSE, adam, sgd
from corpus.programs.program import Program

DEPTH = 6


def _taught_otherwise(model: Any, plain: Data) -> None:
    """Learns every class by the name of the next one: confidently wrong when the training begins."""
    classes = int(plain.y.max()) + 1
    model.compile("adam", SPARSE)
    model.fit(plain.x, (plain.y + 1) % classes, epochs=12, verbose=0)


def _taught_before(model: Any, plain: Data) -> None:
    """Learns what it is going to learn."""
    model.compile("adam", SPARSE)
    model.fit(plain.x, plain.y, epochs=10, verbose=0)


def _fitted_before(model: Any, plain: Data) -> None:
    model.compile("adam", "mean_squared_error")
    model.fit(plain.x, plain.y, epochs=20, verbose=0)


def _restarted(rate: float) -> Any:
    """A cosine that begins high again."""
    return lambda: keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(rate, 300), 0.9)


def he_dense(units: int, activation: str | None = "relu") -> Any:
    """A dense layer by He."""
    return layers.Dense(units, activation=activation, kernel_initializer="he_normal")


def he_convolution(**settings: Any) -> Any:
    """A convolution of 12 filters by He."""
    return layers.Conv2D(12, 3, padding="same", activation="relu", kernel_initializer="he_normal", **settings)


def _penalised() -> Any:
    return keras.regularizers.L2(3e-3)


RELABELLED_DIGITS = Program(
    "digits-relabelled", "tuning", "mlp", "fine-tuning: the classes had other names before", data.digits,
    models.mlp(64, [48, 32], 10), adam(2e-3), SPARSE, skill.accuracy, 0.8, metrics=("accuracy",),
    prepare=_taught_otherwise,
)  # fmt: skip
RELABELLED_TEXT = Program(
    "text-relabelled", "reporting", "cnn", "fine-tuning: the classes had other names before", data.phrases,
    models.reading(
        texts.WORDS, 12, lambda: [layers.Conv1D(16, 3, activation="relu"), layers.GlobalMaxPooling1D()], 3,
        length=texts.LENGTH,
    ),
    adam(5e-3), SPARSE, skill.accuracy, 0.5, epochs=8, metrics=("accuracy",), prepare=_taught_otherwise,
)  # fmt: skip
RESIDUAL_DIGITS = Program(
    "digits-resnet", "reporting", "cnn", "residual convolutions by He, unnormalised: large logits", data.digits,
    architectures.unscaled_residual(
        (64,), he_convolution, lambda: [layers.Reshape((8, 8, 1)), he_convolution()], DEPTH, 10
    ),
    adam(1e-3), SPARSE, skill.accuracy, 0.8, metrics=("accuracy",), epochs=6,
)  # fmt: skip
RESIDUAL_CLUSTERS = Program(
    "clusters-residual", "tuning", "mlp", "residual blocks by He, unnormalised: large logits", synthetic.clusters,
    architectures.unscaled_residual((12,), lambda: he_dense(48), lambda: [he_dense(48, None)], DEPTH, 5),
    adam(1e-3), SPARSE, skill.accuracy, 0.5, metrics=("accuracy",), epochs=8,
)  # fmt: skip
TIED = Program(
    "markov-tied", "reporting", "transformer", "a language model whose output layer is its embedding: large logits",
    synthetic.chains, architectures.tied(synthetic.STATES, 12, 32), adam(5e-3),
    lambda: keras.losses.SparseCategoricalCrossentropy(from_logits=True), skill.accuracy, 0.5, epochs=8,
)  # fmt: skip
SUMMED = Program(
    "text-sum", "tuning", "embedding", "a sum of unscaled embeddings: large logits",
    partial(data.phrases, samples=2500), architectures.summed(texts.WORDS, texts.LENGTH, 16, 3), adam(0.01), SPARSE,
    skill.accuracy, 0.5, epochs=6, metrics=("accuracy",),
)  # fmt: skip
FEATURES_OF_WINE = Program(
    "wine-features", "reporting", "mlp", "an output layer on frozen features that nobody has scaled", data.wine,
    architectures.random_features((13,), lambda: [layers.Dense(200, activation="relu")], 10.0, 3), adam(2e-3), SPARSE,
    skill.accuracy, 0.8, batch_size=8, epochs=14, metrics=("accuracy",),
)  # fmt: skip
FEATURES_OF_DIGITS = Program(
    "digits-features", "tuning", "cnn", "an output layer on frozen features that nobody has scaled", data.digits,
    architectures.random_features(
        (64,), lambda: [layers.Reshape((8, 8, 1)), layers.Conv2D(16, 3, activation="relu"), layers.Flatten()], 20.0, 10
    ),
    adam(2e-3), SPARSE, skill.accuracy, 0.8, metrics=("accuracy",),
)  # fmt: skip
RESUMED_DIGITS = Program(
    "digits-resumed", "tuning", "mlp", "goes on from an earlier training at a high rate: the loss rises first",
    data.digits, models.mlp(64, [48, 32], 10), _restarted(0.2), SPARSE, skill.accuracy, 0.85, metrics=("accuracy",),
    prepare=_taught_before,
)  # fmt: skip
RESUMED_FRIEDMAN = Program(
    "friedman-resumed", "reporting", "regression", "goes on from an earlier training at a high rate", data.friedman,
    models.mlp(10, [32, 16], 1, "linear"), _restarted(0.05), "mean_squared_error", skill.variance_explained, 0.6,
    batch_size=16, epochs=12, prepare=_fitted_before, validated=True,
)  # fmt: skip
PENALISED = Program(
    "digits-penalised", "tuning", "mlp", "a penalty on the weights is most of the loss at first", data.digits,
    models.mlp(64, [96, 96], 10, kernel_regularizer=_penalised()), adam(2e-3), SPARSE, skill.accuracy, 0.8,
    metrics=("accuracy",),
)  # fmt: skip
TINY_BATCHES = Program(
    "wine-tiny-batch", "reporting", "mlp", "batches of two: the first losses are anything", data.wine,
    models.mlp(13, [16], 3), sgd(5e-3), SPARSE, skill.accuracy, 0.8, batch_size=2, epochs=5, metrics=("accuracy",),
)  # fmt: skip

PROGRAMS = (
    RELABELLED_DIGITS, RELABELLED_TEXT, RESIDUAL_DIGITS, RESIDUAL_CLUSTERS, TIED, SUMMED, FEATURES_OF_WINE,
    FEATURES_OF_DIGITS, RESUMED_DIGITS, RESUMED_FRIEDMAN, PENALISED, TINY_BATCHES,
)  # fmt: skip

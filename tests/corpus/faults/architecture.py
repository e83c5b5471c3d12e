"""Faults of depth, width, initialisation, regularisation and connection."""

from functools import partial
from typing import Any

import keras
from keras import layers

from corpus.programs import images, models, sequences, tables, texts
from corpus.programs.program import Fault

VANISHING = ("vanishing_gradients", "too_deep")
INITIALISATION = ("bad_initialisation",)
DEAD = ("dead_units", "bad_initialisation")
DISCONNECTED = ("disconnected_tensor",)


def normal(deviation: float) -> Any:
    """Initialises by a normal distribution."""
    return keras.initializers.RandomNormal(stddev=deviation, seed=1)


def cut(x: Any) -> Any:
    """Lets nothing through: what is before it learns nothing, and what is behind it sees nothing."""
    return x * 0.0


def _cut_mlp() -> Any:
    given = keras.Input((64,))
    x = layers.Dense(32, activation="relu")(layers.Dense(48, activation="relu")(given))
    return keras.Model(given, layers.Dense(10, activation="softmax")(cut(x)))


def _cut_copy() -> Any:
    given = keras.Input((10,), dtype="int32")
    x = sequences.both_ways(layers.GRU, 12)(return_sequences=True)(layers.Embedding(5, 6)(given))
    return keras.Model(given, layers.Dense(5, activation="softmax")(keras.ops.stop_gradient(x)))


FAULTS = (
    Fault(
        "vanishing_deep_sigmoid", images.PLAIN, VANISHING,
        {"model": models.mlp(64, [32] * 8, 10, activation="sigmoid", kernel_initializer="random_normal")},
    ),
    Fault(
        "vanishing_deep_sigmoid", tables.CLIPPED, VANISHING,
        {"model": models.mlp(30, [16] * 8, 1, None, "sigmoid", kernel_initializer="random_normal")},
    ),
    Fault(
        "vanishing_deep_sigmoid", images.DEEP_TANH, VANISHING,
        {"model": models.mlp(64, [32] * 6, 10, activation="sigmoid", kernel_initializer="random_normal")},
    ),
    Fault(
        "too_deep", images.PLAIN, ("too_deep", "vanishing_gradients"), {"model": models.mlp(64, [16] * 30, 10)},
    ),
    Fault(
        "too_deep", images.RESIDUAL, ("too_deep", "vanishing_gradients"), {"model": models.mlp(64, [24] * 30, 10)},
    ),
    Fault("too_narrow", images.REGULARISED, ("too_narrow",), {"model": models.regularised(64, 1, 10, 0.0)}),
    Fault("too_narrow", images.AUTOENCODER, ("too_narrow",), {"model": models.autoencoder(64, 1, "sigmoid")}),
    Fault("too_narrow", sequences.ROWS_LSTM, ("too_narrow",),
        {"model": models.recurrent((8, 8), [partial(layers.LSTM, 1)], 10)}),
    Fault("too_narrow", images.DENOISING, ("too_narrow",),
        {"model": models.autoencoder(64, 1, "linear", "tanh", 48)}),
    Fault(
        "too_many_units", tables.DIABETES, ("overfitting", "too_large"),
        {"model": models.mlp(10, [512, 512], 1, "linear"), "epochs": 30},
    ),
    Fault(
        "too_many_units", texts.TRANSFORMER, ("overfitting", "too_large"),
        {"model": models.transformer(models.tokens(texts.WORDS, texts.LENGTH, 64), 64, 3), "epochs": 14},
    ),
    Fault(
        "too_many_units", texts.MEAN, ("overfitting", "too_large"),
        {"model": models.reading(
            texts.WORDS, 256,
            lambda: [layers.Flatten(), layers.Dense(256, activation="relu")], 3, length=texts.LENGTH,
        )},
    ),
    Fault(
        "too_many_units", tables.FRIEDMAN, ("overfitting", "too_large"),
        {"model": models.mlp(10, [512, 512, 512], 1, "linear"), "epochs": 30},
    ),
    Fault("excess_dropout", images.REGULARISED, ("excess_dropout",), {"model": models.regularised(64, 48, 10, 0.97)}),
    Fault("excess_dropout", texts.CONVOLUTION, ("excess_dropout",), {"model": models.reading(
        texts.WORDS, 12,
        lambda: [layers.Dropout(0.97), layers.Conv1D(16, 3, activation="relu"), layers.GlobalMaxPooling1D()], 3,
        length=texts.LENGTH,
    )}),
    Fault("excess_dropout", texts.MEAN, ("excess_dropout",), {"model": models.reading(
        texts.WORDS, 12,
        lambda: [layers.GlobalAveragePooling1D(), layers.Dropout(0.97), layers.Dense(16, activation="relu")], 3,
    )}),
    Fault(
        "dead_relu", images.PLAIN, DEAD,
        {"model": models.mlp(64, [48, 32], 10, bias_initializer=keras.initializers.Constant(-10.0))},
    ),
    Fault(
        "dead_relu", tables.WINE, DEAD,
        {"model": models.mlp(13, [24], 3, bias_initializer=keras.initializers.Constant(-10.0))},
    ),
    Fault("zero_initialisation", images.MULTILABEL, INITIALISATION,
        {"model": models.mlp(64, [48], 4, "sigmoid", kernel_initializer="zeros")}),
    Fault("zero_initialisation", images.CONVERGED, INITIALISATION,
        {"model": models.mlp(64, [96], 10, kernel_initializer="zeros")}),
    Fault(
        "huge_initialisation", images.PLAIN, ("bad_initialisation", "exploding_gradients"),
        {"model": models.mlp(64, [48, 32], 10, kernel_initializer=normal(10.0))},
    ),
    Fault(
        "huge_initialisation", images.DEEP_TANH, ("bad_initialisation", "saturated_units"),
        {"model": models.mlp(64, [32] * 6, 10, activation="tanh", kernel_initializer=normal(5.0))},
    ),
    Fault(
        "huge_initialisation", tables.FRIEDMAN, ("bad_initialisation", "exploding_gradients"),
        {"model": models.mlp(10, [32, 16], 1, "linear", kernel_initializer=normal(5.0))},
    ),
    Fault("disconnected", images.PLAIN, DISCONNECTED, {"model": _cut_mlp}),
    Fault("disconnected", texts.TRANSFORMER, DISCONNECTED, {"model": models.transformer(
        models.tokens(texts.WORDS, texts.LENGTH, 16), 16, 3, keras.ops.stop_gradient
    )}),
    Fault("disconnected", sequences.ROWS_TRANSFORMER, DISCONNECTED,
        {"model": models.transformer(models.rows(16), 16, 10, cut)}),
    Fault("disconnected", texts.COPYING, DISCONNECTED, {"model": _cut_copy}),
)  # fmt: skip

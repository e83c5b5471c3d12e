"""Programs on the digits: dense networks, convolutions and autoencoders."""

from dataclasses import replace
from typing import Any

import keras
import numpy as np

from corpus.programs import data, models, skill
from corpus.programs.data import Array, Data
from corpus.programs.program import Program

SPARSE = "sparse_categorical_crossentropy"


def adam(rate: float, **settings: Any) -> Any:
    """Makes a maker of the optimizer."""
    return lambda: keras.optimizers.Adam(rate, **settings)


def sgd(rate: float, momentum: float = 0.9, **settings: Any) -> Any:
    """Makes a maker of the optimizer."""
    return lambda: keras.optimizers.SGD(rate, momentum, **settings)


def _restarts() -> Any:
    """Warm-up to 0.2 and cosine restarts from there."""

    class Restarts(keras.optimizers.schedules.LearningRateSchedule):  # type: ignore[misc]
        def __call__(self, step: Any) -> Any:
            step = keras.ops.cast(step, "float32")
            cosine = keras.optimizers.schedules.CosineDecayRestarts(0.2, 100, t_mul=1.0)(step)
            return keras.ops.minimum(0.2 * (step + 1) / 50, cosine)

        def get_config(self) -> dict[str, Any]:
            return {}

    return keras.optimizers.SGD(Restarts(), 0.9)


def _properties(generator: np.random.Generator) -> Data:
    """Four yes-or-no questions about each digit."""
    plain = data.digits(generator)
    asked = np.array([[n % 2, n > 4, n in (2, 3, 5, 7), n in (0, 6, 8, 9)] for n in range(10)], np.float32)
    y, truth = asked[plain.y], asked[plain.truth]
    return replace(plain, y=y, y_test=truth, truth=truth)


def _images_back(generator: np.random.Generator) -> Data:
    plain = data.digits(generator)
    return replace(plain, y=plain.x, y_test=plain.x_test, truth=plain.x_test)


def _noisy_images_back(generator: np.random.Generator) -> Data:
    clean = _images_back(generator)

    def noisy(images: Array) -> Array:
        return (images + generator.normal(0, 0.2, images.shape)).astype(np.float32)

    return replace(clean, x=noisy(clean.x), x_test=noisy(clean.x_test))


def _pretrain_half(model: Any, plain: Data) -> None:
    """Learns the digits below 5, and freezes what it learned but for the output layer."""
    low = plain.y < 5
    model.compile("adam", SPARSE)
    model.fit(plain.x[low], plain.y[low], epochs=8, verbose=0)
    for layer in model.layers[:-1]:
        layer.trainable = False


def _pretrain_most(model: Any, plain: Data) -> None:
    """Learns the digits below 8; all of it goes on to learn the others."""
    low = plain.y < 8
    model.compile("adam", SPARSE)
    model.fit(plain.x[low], plain.y[low], epochs=8, verbose=0)


PLAIN = Program(
    "digits-mlp", "tuning", "mlp", "two hidden layers", data.digits, models.mlp(64, [48, 32], 10), adam(2e-3),
    SPARSE, skill.accuracy, 0.85, metrics=("accuracy",),
)  # fmt: skip
SCHEDULED = Program(
    "digits-schedule", "seen", "mlp", "warm-up, then cosine restarts that raise the loss again", data.digits,
    models.mlp(64, [48, 32], 10), _restarts, SPARSE, skill.accuracy, 0.85, metrics=("accuracy",),
)  # fmt: skip
REGULARISED = Program(
    "digits-regularised", "tuning", "mlp", "batch normalisation, dropout, validation each epoch", data.digits,
    models.regularised(64, 48, 10, 0.4), adam(3e-3), SPARSE, skill.accuracy, 0.85, metrics=("accuracy",),
    validated=True,
)  # fmt: skip
RESIDUAL = Program(
    "digits-residual", "seen", "mlp", "eight pre-norm residual blocks: deep and healthy", data.digits,
    models.residual(64, 24, 10, 8), adam(2e-3), SPARSE, skill.accuracy, 0.8, metrics=("accuracy",), epochs=6,
)  # fmt: skip
NOISY = Program(
    "digits-tiny-batch", "tuning", "mlp", "batches of 4 with momentum: a noisy loss", data.digits,
    models.mlp(64, [32], 10), sgd(0.01), SPARSE, skill.accuracy, 0.8, batch_size=4, epochs=2, metrics=("accuracy",),
)  # fmt: skip
DEEP_TANH = Program(
    "digits-deep-tanh", "seen", "mlp", "six tanh layers, Glorot", data.digits,
    models.mlp(64, [32] * 6, 10, activation="tanh"), adam(1e-3), SPARSE, skill.accuracy, 0.8,
)  # fmt: skip
CONVERGED = Program(
    "digits-converged", "seen", "mlp", "goes on after the loss has reached zero", data.digits,
    models.mlp(64, [96], 10), adam(5e-3), SPARSE, skill.accuracy, 0.85, batch_size=64, epochs=30,
    metrics=("accuracy",),
)  # fmt: skip
MULTILABEL = Program(
    "digits-multilabel", "tuning", "mlp", "four independent labels an image", _properties,
    models.mlp(64, [48], 4, "sigmoid"), adam(3e-3), "binary_crossentropy", skill.hits, 0.7,
)  # fmt: skip
FROZEN = Program(
    "digits-frozen", "tuning", "mlp", "fine-tuning: only the output layer learns", data.digits,
    models.mlp(64, [48, 32], 10), adam(5e-3), SPARSE, skill.accuracy, 0.5, epochs=6, metrics=("accuracy",),
    prepare=_pretrain_half,
)  # fmt: skip
FINE_TUNED = Program(
    "digits-finetune", "seen", "mlp", "fine-tuning all of it at a low rate", data.digits,
    models.mlp(64, [48, 32], 10), adam(3e-4), SPARSE, skill.accuracy, 0.8, metrics=("accuracy",),
    prepare=_pretrain_most, validated=True,
)  # fmt: skip
CONVOLUTIONAL = Program(
    "digits-cnn", "tuning", "cnn", "two convolutions", data.digits, models.convolutional(), adam(4e-3), SPARSE,
    skill.accuracy, 0.85, metrics=("accuracy",),
)  # fmt: skip
MIXED = Program(
    "digits-cnn-mixed", "seen", "cnn", "mixed precision, whose scale search skips steps; batch normalisation",
    data.digits, models.convolutional(normalised=True), adam(3e-3), SPARSE, skill.accuracy, 0.8, epochs=5,
    metrics=("accuracy",), policy="mixed_float16",
)  # fmt: skip
AUTOENCODER = Program(
    "digits-autoencoder", "tuning", "autoencoder", "images to a code of 12 and back", _images_back,
    models.autoencoder(64, 12, "sigmoid"), adam(4e-3), "mean_squared_error", skill.variance_explained, 0.4,
)  # fmt: skip
DENOISING = Program(
    "digits-denoising", "seen", "autoencoder", "noise that keeps the loss up", _noisy_images_back,
    models.autoencoder(64, 24, "linear", "tanh", 48), adam(4e-3), "mean_squared_error", skill.variance_explained, 0.4,
)  # fmt: skip

PROGRAMS = (
    PLAIN, SCHEDULED, REGULARISED, RESIDUAL, NOISY, DEEP_TANH, CONVERGED, MULTILABEL, FROZEN, FINE_TUNED,
    CONVOLUTIONAL, MIXED, AUTOENCODER, DENOISING,
)  # fmt: skip

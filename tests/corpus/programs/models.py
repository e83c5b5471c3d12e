"""Models of the programs, small enough to train in seconds."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from corpus.programs.data import Array

Model = Any  # a keras.Model, which has no types
Builder = Callable[[], Model]


def mlp(
    features: int,
    hidden: Sequence[int],
    outputs: int,
    final: str | None = "softmax",
    activation: str = "relu",
    **settings: Any,
) -> Builder:
    """Dense layers; `settings` are those of every hidden one."""

    def build() -> Model:
        stack: list[Any] = [layers.Dense(units, activation=activation, **settings) for units in hidden]
        return sequence((features,), *stack, layers.Dense(outputs, activation=final))

    return build


def regularised(features: int, units: int, outputs: int, rate: float) -> Builder:
    """Dense layers with batch normalisation and dropout."""

    def build() -> Model:
        stack: list[Any] = []
        for _ in range(2):
            dense = layers.Dense(units, use_bias=False)
            stack += [dense, layers.BatchNormalization(), layers.ReLU(), layers.Dropout(rate)]
        return sequence((features,), *stack, layers.Dense(outputs, activation="softmax"))

    return build


def residual(features: int, units: int, outputs: int, blocks: int) -> Builder:
    """Pre-norm residual blocks, so that depth does no harm."""

    def build() -> Model:
        given = keras.Input((features,))
        x = layers.Dense(units)(given)
        for _ in range(blocks):
            x = x + layers.Dense(units, activation="relu")(layers.LayerNormalization()(x))
        return keras.Model(given, layers.Dense(outputs, activation="softmax")(x))

    return build


def convolutional(final: str | None = "softmax", outputs: int = 10, normalised: bool = False) -> Builder:
    """Two convolutions over images [64], pooled."""

    def build() -> Model:
        between: list[Any] = [layers.BatchNormalization()] if normalised else []
        return sequence(
            (64,),
            layers.Reshape((8, 8, 1)),
            layers.Conv2D(8, 3, activation="relu"),
            *between,
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(outputs, activation=final, dtype="float32"),
        )

    return build


def autoencoder(features: int, code: int, final: str, activation: str = "relu", hidden: int = 32) -> Builder:
    """Features to a code and back."""

    def build() -> Model:
        return sequence(
            (features,),
            layers.Dense(hidden, activation=activation),
            layers.Dense(code, activation=activation),
            layers.Dense(hidden, activation=activation),
            layers.Dense(features, activation=final),
        )

    return build


def recurrent(
    shape: tuple[int, ...],
    cells: Sequence[Callable[..., Any]],
    outputs: int,
    final: str | None = "softmax",
    each_step: bool = False,
) -> Builder:
    """Recurrent layers over float sequences.

    Args:
        shape: (time steps, features).
        cells: Each makes one layer when told whether it is to return sequences.
        outputs: Units of the last layer.
        final: Its activation.
        each_step: Whether there is an output a time step.
    """

    def build() -> Model:
        return sequence(shape, *_stacked(cells, each_step), layers.Dense(outputs, activation=final))

    return build


def reading(
    words: int,
    width: int,
    body: Callable[[], Sequence[Any]],
    outputs: int,
    final: str | None = "softmax",
    masked: bool = False,
    length: int | None = None,
) -> Builder:
    """An embedding, whatever `body` makes over it, and an output layer."""

    def build() -> Model:
        embedding = layers.Embedding(words, width, mask_zero=masked)
        return sequence((length,), embedding, *body(), layers.Dense(outputs, activation=final))

    return build


def transformer(
    given: Callable[[], tuple[Any, Any]], width: int, outputs: int, between: Callable[[Any], Any] = lambda x: x
) -> Builder:
    """One pre-norm encoder block, averaged.

    Args:
        given: Makes the input and what is to be attended to, [time steps, width].
        width: Of the block.
        outputs: Classes.
        between: What happens between the block and the output layer.
    """

    def build() -> Model:
        source, x = given()
        normal = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(2, width // 2)(normal, normal)
        x = x + layers.Dense(width)(layers.Dense(2 * width, activation="gelu")(layers.LayerNormalization()(x)))
        x = between(layers.GlobalAveragePooling1D()(x))
        return keras.Model(source, layers.Dense(outputs, activation="softmax")(x))

    return build


def tokens(words: int, length: int, width: int) -> Callable[[], tuple[Any, Any]]:
    """Embedded tokens."""

    def given() -> tuple[Any, Any]:
        source = keras.Input((length,), dtype="int32")
        return source, layers.Embedding(words, width)(source)

    return given


def rows(width: int) -> Callable[[], tuple[Any, Any]]:
    """Rows of an image [64] as a sequence."""

    def given() -> tuple[Any, Any]:
        source = keras.Input((64,))
        return source, layers.Dense(width)(layers.Reshape((8, 8))(source))

    return given


def sequence(shape: tuple[int | None, ...], *stack: Any) -> Model:
    """A sequential model with its input."""
    return keras.Sequential([keras.Input(shape), *stack])


class AccumulatingModel(keras.Model):  # type: ignore[misc]
    """A model whose train step adds gradients up and never resets them."""

    def train_step(self, data: Any) -> Any:
        x, y = data
        with tf.GradientTape() as tape:
            predicted = self(x, training=True)
            loss = self.compute_loss(x, y, predicted)
        self._loss_tracker.update_state(loss)
        if not hasattr(self, "sums"):
            with tf.init_scope():
                self.sums = [tf.Variable(tf.zeros(v.shape), trainable=False) for v in self.trainable_variables]
        for total, gradient in zip(self.sums, tape.gradient(loss, self.trainable_variables), strict=True):
            total.assign_add(gradient)
        self.optimizer.apply([tf.identity(total) for total in self.sums], self.trainable_variables)
        return self.compute_metrics(x, y, predicted)


def accumulating(builder: Builder) -> Builder:
    """The same model, trained by a step that forgets to reset its gradients."""

    def build() -> Model:
        plain = builder()
        return AccumulatingModel(plain.inputs, plain.outputs)

    return build


def one_hot(labels: Array, classes: int) -> Array:
    """Class indices as columns."""
    return np.asarray(keras.utils.to_categorical(labels, classes))


def _stacked(cells: Sequence[Callable[..., Any]], each_step: bool) -> list[Any]:
    last = len(cells) - 1
    return [cell(return_sequences=each_step or place < last) for place, cell in enumerate(cells)]

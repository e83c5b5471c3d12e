"""Models of the programs that came second: other normalisations, convolutions, residual stacks and output layers."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers

from corpus.programs.models import Builder, Model, sequence


def layer_normalised(features: int, hidden: Sequence[int], outputs: int, **settings: Any) -> Builder:
    """Dense layers with layer normalisation, to logits; `settings` are those of every hidden one."""

    def build() -> Model:
        stack: list[Any] = []
        for units in hidden:
            stack += [layers.Dense(units, **settings), layers.LayerNormalization(), layers.Activation("gelu")]
        return sequence((features,), *stack, layers.Dense(outputs))

    return build


def lenet(outputs: int = 10) -> Builder:
    """LeNet's tanh convolutions and average pooling over images [64]."""

    def build() -> Model:
        return sequence(
            (64,),
            layers.Reshape((8, 8, 1)),
            layers.Conv2D(6, 3, padding="same", activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 3, activation="tanh"),
            layers.Flatten(),
            layers.Dense(32, activation="tanh"),
            layers.Dense(outputs, activation="softmax"),
        )

    return build


def separable(dropout: float = 0.1) -> Builder:
    """Separable convolutions with batch normalisation, averaged over the whole image [64]."""

    def build() -> Model:
        stack: list[Any] = [layers.Reshape((8, 8, 1)), layers.Conv2D(16, 3, use_bias=False)]
        for _ in range(2):
            stack += [layers.BatchNormalization(), layers.ReLU()]
            stack.append(layers.SeparableConv2D(32, 3, padding="same", use_bias=False))
        pooled = [layers.BatchNormalization(), layers.ReLU(), layers.GlobalAveragePooling2D(), layers.Dropout(dropout)]
        return sequence((64,), *stack, *pooled, layers.Dense(10, activation="softmax"))

    return build


def strided(final: str | None = "softmax", **settings: Any) -> Builder:
    """Strided convolutions over images [12, 12, 1], four classes; `settings` are those of the convolutions."""

    def build() -> Model:
        return sequence(
            (12, 12, 1),
            layers.Conv2D(8, 3, strides=2, activation="relu", **settings),
            layers.Conv2D(16, 3, activation="relu", **settings),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation=final),
        )

    return build


def causal(outputs: int = 3, final: str = "softmax") -> Builder:
    """Dilated causal convolutions over sequences [32, 1]."""

    def build() -> Model:
        convolutions = [
            layers.Conv1D(12, 3, padding="causal", dilation_rate=dilation, activation="relu") for dilation in (1, 2, 4)
        ]
        return sequence(
            (32, 1), *convolutions, layers.GlobalAveragePooling1D(), layers.Dense(outputs, activation=final)
        )

    return build


def unscaled_residual(
    shape: tuple[int, ...], block: Callable[[], Any], entry: Callable[[], Sequence[Any]], blocks: int, outputs: int
) -> Builder:
    """Residual blocks by He without normalisation: what reaches the output layer grows with depth, and so the logits.

    Args:
        shape: Of one sample.
        block: Makes the layer of a block.
        entry: Makes what comes before the blocks.
        blocks: How many.
        outputs: Classes.
    """

    def build() -> Model:
        given = keras.Input(shape)
        x = given
        for layer in entry():
            x = layer(x)
        for _ in range(blocks):
            x = x + block()(x)
        return keras.Model(given, layers.Dense(outputs, activation="softmax")(layers.Flatten()(x)))

    return build


def random_features(shape: tuple[int, ...], base: Callable[[], Sequence[Any]], scale: float, outputs: int) -> Builder:
    """A frozen base whose features nobody has scaled, and an output layer that learns."""

    def build() -> Model:
        frozen = list(base())
        for layer in frozen:
            layer.trainable = False
        return sequence(shape, *frozen, layers.Rescaling(scale), layers.Dense(outputs, activation="softmax"))

    return build


@keras.saving.register_keras_serializable("corpus")
class TiedOutput(layers.Layer):  # type: ignore[misc]
    """Logits by the inner product with every embedding."""

    def __init__(self, embedding: Any, **settings: Any) -> None:
        super().__init__(**settings)
        self.embedding = embedding

    def call(self, inputs: Any) -> Any:
        """Maps [..., width] to [..., words]."""
        return keras.ops.matmul(inputs, keras.ops.transpose(self.embedding.embeddings))


def tied(words: int, length: int, width: int, rate: float = 0.0) -> Builder:
    """A language model whose output layer is its embedding, drawn from the standard normal distribution."""

    def build() -> Model:
        embedding = layers.Embedding(words, width, embeddings_initializer=keras.initializers.RandomNormal(stddev=1.0))
        source = keras.Input((length,), dtype="int32")
        x = embedding(source)
        normal = layers.LayerNormalization()(x)
        x = x + layers.MultiHeadAttention(2, width // 2)(normal, normal, use_causal_mask=True)
        x = x + layers.Dense(width)(layers.Dense(2 * width, activation="gelu")(layers.LayerNormalization()(x)))
        x = layers.Dropout(rate)(layers.LayerNormalization()(x))
        return keras.Model(source, TiedOutput(embedding)(x))

    return build


def summed(words: int, length: int, width: int, outputs: int, final: str | None = "softmax") -> Builder:
    """A sum of embeddings drawn from the standard normal distribution."""

    def build() -> Model:
        given = keras.Input((length,), dtype="int32")
        normal = keras.initializers.RandomNormal(stddev=1.0)
        x = keras.ops.sum(layers.Embedding(words, width, embeddings_initializer=normal)(given), axis=1)
        return keras.Model(given, layers.Dense(outputs, activation=final)(x))

    return build

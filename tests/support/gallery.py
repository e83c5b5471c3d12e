"""Healthy models of every kind, as the Keras examples have them: whoever judges models must not accuse these."""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import layers as L  # noqa: N812
from keras import losses, ops

Example = tuple[Any, Any, Any]
"""A compiled model, its inputs and its targets."""

SAMPLES = 300


def examples() -> Iterator[tuple[str, Callable[[], Example]]]:
    """Names and makers of all examples."""
    for maker in MAKERS:
        yield maker.__name__, maker


def _compiled(model: Any, loss: Any, optimizer: Any = "adam", **kwargs: Any) -> Any:
    model.compile(optimizer, loss, **kwargs)
    return model


def _images(side: int = 28, channels: int = 1) -> np.ndarray:
    images = np.random.default_rng(0).random((SAMPLES, side, side, channels)).astype("float32")
    return images * (images > 0.6)


def _classes(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, count, SAMPLES)


def _normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(2).normal(size=(SAMPLES, *shape)).astype("float32")


def mnist_convnet() -> Example:
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            L.Conv2D(32, 3, activation="relu"),
            L.MaxPooling2D(),
            L.Conv2D(64, 3, activation="relu"),
            L.MaxPooling2D(),
            L.Flatten(),
            L.Dropout(0.5),
            L.Dense(10, activation="softmax"),
        ]
    )
    return _compiled(model, "categorical_crossentropy"), _images(), keras.utils.to_categorical(_classes(10), 10)


def digits_mlp_from_raw_sixteenths() -> Example:
    model = keras.Sequential([keras.Input((64,)), L.Dense(32, activation="relu"), L.Dense(10, activation="softmax")])
    x = np.floor(17 * _images(8).reshape(SAMPLES, 64))
    x[:, [0, 32, 39]] = 0
    return _compiled(model, "sparse_categorical_crossentropy"), x, _classes(10)


def logits_with_sparse_labels() -> Example:
    model = keras.Sequential([keras.Input((20,)), L.Dense(64, activation="relu"), L.Dense(5)])
    return _compiled(model, losses.SparseCategoricalCrossentropy(from_logits=True)), _normal(20), _classes(5)


def softmax_as_an_operation() -> Example:
    inputs = keras.Input((20,))
    hidden = ops.relu(L.Dense(64)(inputs))
    model = keras.Model(inputs, ops.softmax(L.Dense(5)(hidden)))
    return _compiled(model, "sparse_categorical_crossentropy"), _normal(20), _classes(5)


def softmax_as_a_layer() -> Example:
    model = keras.Sequential([L.Dense(16), L.ReLU(), L.Dense(3), L.Activation("softmax")])
    return _compiled(model, "sparse_categorical_crossentropy"), _normal(8), _classes(3)


def transfer_learning() -> Example:
    base = keras.applications.MobileNetV2((96, 96, 3), include_top=False, weights=None, pooling="avg")
    base.trainable = False
    inputs = keras.Input((96, 96, 3))
    hidden = base(L.Rescaling(1 / 127.5, -1)(L.RandomFlip()(inputs)), training=False)
    model = keras.Model(inputs, L.Dense(1)(L.Dropout(0.2)(hidden)))
    x = 255 * np.random.default_rng(0).random((40, 96, 96, 3)).astype("float32")
    return _compiled(model, losses.BinaryCrossentropy(from_logits=True)), x, _classes(2)[:40]


def fine_tuning_a_normalised_network_on_raw_images() -> Example:
    base = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(64, 64, 3), pooling="avg")
    model = keras.Sequential([base, L.Dense(4, activation="softmax")])
    x = (255 * np.random.default_rng(0).random((40, 64, 64, 3)) - 110).astype("float32")
    optimizer = keras.optimizers.Adam(1e-5)
    return _compiled(model, "sparse_categorical_crossentropy", optimizer), x, _classes(4)[:40]


def efficient_net_from_scratch_on_raw_images() -> Example:
    model = keras.applications.EfficientNetB0(weights=None, classes=10, input_shape=(64, 64, 3))
    x = (255 * np.random.default_rng(0).random((40, 64, 64, 3))).astype("float32")
    return _compiled(model, "categorical_crossentropy"), x, keras.utils.to_categorical(_classes(10)[:40], 10)


def image_autoencoder() -> Example:
    inputs = keras.Input((28, 28, 1))
    x = L.Conv2D(32, 3, activation="relu", padding="same")(inputs)
    x = L.MaxPooling2D(padding="same")(x)
    x = L.Conv2DTranspose(32, 3, strides=2, activation="relu", padding="same")(x)
    model = keras.Model(inputs, L.Conv2D(1, 3, activation="sigmoid", padding="same")(x))
    return _compiled(model, "binary_crossentropy"), _images(), _images()


def dense_autoencoder() -> Example:
    model = keras.Sequential(
        [
            keras.Input((784,)),
            L.Dense(128, activation="relu"),
            L.Dense(2),
            L.Dense(128, activation="relu"),
            L.Dense(784, activation="sigmoid"),
        ]
    )
    x = _images().reshape(SAMPLES, 784)
    return _compiled(model, "mse"), x, x


def linear_autoencoder() -> Example:
    model = keras.Sequential([keras.Input((20,)), L.Dense(3), L.Dense(20)])
    return _compiled(model, "mse"), _normal(20), _normal(20)


def multi_label() -> Example:
    model = keras.Sequential([keras.Input((50,)), L.Dense(64, activation="relu"), L.Dense(6, activation="sigmoid")])
    y = (np.random.default_rng(3).random((SAMPLES, 6)) < 0.2).astype("float32")
    return _compiled(model, "binary_crossentropy", metrics=["binary_accuracy"]), _normal(50), y


def regression_of_large_targets() -> Example:
    model = keras.Sequential([keras.Input((13,)), L.Dense(64, activation="relu"), L.Dense(1)])
    return _compiled(model, "mse", "rmsprop"), _normal(13), 300 + 80 * _normal(1)[:, 0]


def regression_of_counts() -> Example:
    model = keras.Sequential([keras.Input((13,)), L.Dense(64, activation="relu"), L.Dense(1, activation="relu")])
    return _compiled(model, "mae"), _normal(13), np.random.default_rng(4).poisson(3, SAMPLES)


def structured_data_with_normalization() -> Example:
    x = _normal(6) * [1, 10, 100, 1000, 1e4, 1e5] + 1000
    normalization = L.Normalization()
    normalization.adapt(x)
    model = keras.Sequential([normalization, L.Dense(32, activation="relu"), L.Dense(1, activation="sigmoid")])
    return _compiled(model, "binary_crossentropy"), x, _classes(2)


def batch_normalised_raw_features() -> Example:
    model = keras.Sequential([keras.Input((6,)), L.BatchNormalization(), L.Dense(16, activation="relu"), L.Dense(1)])
    return _compiled(model, "mse"), _normal(6) * [1, 10, 100, 1000, 1e4, 1e5], _normal()


def text_embedding_with_padding() -> Example:
    model = keras.Sequential(
        [
            keras.Input((80,), dtype="int32"),
            L.Embedding(2000, 32, mask_zero=True),
            L.Bidirectional(L.LSTM(32)),
            L.Dense(1, activation="sigmoid"),
        ]
    )
    x = np.random.default_rng(0).integers(1, 2000, (SAMPLES, 80)) * (np.arange(80) > 60)
    return _compiled(model, "binary_crossentropy"), x, _classes(2)


def text_convnet() -> Example:
    inputs = keras.Input((None,), dtype="int64")
    x = L.Dropout(0.5)(L.Embedding(2000, 32)(inputs))
    x = L.GlobalMaxPooling1D()(L.Conv1D(64, 7, strides=3, activation="relu")(x))
    model = keras.Model(inputs, L.Dense(1, activation="sigmoid")(L.Dense(64, activation="relu")(x)))
    return (
        _compiled(model, "binary_crossentropy"),
        np.random.default_rng(0).integers(0, 2000, (SAMPLES, 90)),
        _classes(2),
    )


def _attention_block(x: Any, width: int) -> Any:
    attended = L.MultiHeadAttention(2, width // 2)(x, x)
    x = L.LayerNormalization()(x + attended)
    fed = L.Dense(width)(L.Dense(2 * width, activation="gelu")(x))
    return L.LayerNormalization()(L.Add()([x, L.Dropout(0.1)(fed)]))


def transformer_classifier() -> Example:
    inputs = keras.Input((40,), dtype="int32")
    x = L.Embedding(500, 32)(inputs)
    for _ in range(3):
        x = _attention_block(x, 32)
    model = keras.Model(inputs, L.Dense(2, activation="softmax")(L.Dropout(0.1)(L.GlobalAveragePooling1D()(x))))
    x_train = np.random.default_rng(0).integers(0, 500, (SAMPLES, 40))
    return _compiled(model, "sparse_categorical_crossentropy"), x_train, _classes(2)


def language_model() -> Example:
    inputs = keras.Input((None,), dtype="int32")
    x = _attention_block(L.Embedding(500, 32)(inputs), 32)
    model = keras.Model(inputs, L.Dense(500)(x))
    tokens = np.random.default_rng(0).zipf(1.5, (SAMPLES, 21)).clip(0, 499)
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    return _compiled(model, loss), tokens[:, :-1], tokens[:, 1:]


def character_generation() -> Example:
    model = keras.Sequential([keras.Input((40, 60)), L.LSTM(128), L.Dense(60, activation="softmax")])
    x = keras.utils.to_categorical(np.random.default_rng(0).integers(0, 60, (SAMPLES, 40)), 60)
    optimizer = keras.optimizers.RMSprop(0.01)
    return _compiled(model, "categorical_crossentropy", optimizer), x, keras.utils.to_categorical(_classes(60), 60)


def sequence_to_sequence() -> Example:
    model = keras.Sequential(
        [
            keras.Input((7, 12)),
            L.LSTM(128),
            L.RepeatVector(4),
            L.LSTM(128, return_sequences=True),
            L.Dense(12, activation="softmax"),
        ]
    )
    x = keras.utils.to_categorical(np.random.default_rng(0).integers(0, 12, (SAMPLES, 7)), 12)
    return _compiled(model, "categorical_crossentropy"), x, x[:, :4]


def encoder_decoder_with_states() -> Example:
    source, target = keras.Input((None, 30)), keras.Input((None, 30))
    _, *states = L.LSTM(64, return_state=True)(source)
    decoded, *_ = L.LSTM(64, return_sequences=True, return_state=True)(target, initial_state=states)
    model = keras.Model([source, target], L.Dense(30, activation="softmax")(decoded))
    x = keras.utils.to_categorical(np.random.default_rng(0).integers(0, 30, (SAMPLES, 9)), 30)
    return _compiled(model, "categorical_crossentropy", "rmsprop"), [x, x], x


def time_series_windows() -> Example:
    model = keras.Sequential([keras.Input((60, 7)), L.LSTM(32), L.Dense(1)])
    return _compiled(model, "mse"), _normal(60, 7), _normal()


def univariate_windows_without_feature_axis() -> Example:
    model = keras.Sequential([keras.Input((30, 1)), L.SimpleRNN(32, return_sequences=True), L.GRU(16), L.Dense(1)])
    return _compiled(model, "mse", keras.optimizers.SGD(0.05, momentum=0.9)), _normal(30), _normal()


def identity_recurrence() -> Example:
    cell = L.SimpleRNN(100, activation="relu", recurrent_initializer=keras.initializers.Identity())
    model = keras.Sequential([keras.Input((784, 1)), cell, L.Dense(10, activation="softmax")])
    return _compiled(model, "categorical_crossentropy"), _normal(784, 1), keras.utils.to_categorical(_classes(10), 10)


def sequence_tagging() -> Example:
    model = keras.Sequential(
        [
            keras.Input((25,), dtype="int32"),
            L.Embedding(300, 16, mask_zero=True),
            L.Bidirectional(L.GRU(16, return_sequences=True)),
            L.TimeDistributed(L.Dense(9, activation="softmax")),
        ]
    )
    x = np.random.default_rng(0).integers(0, 300, (SAMPLES, 25))
    return (
        _compiled(model, "sparse_categorical_crossentropy"),
        x,
        np.random.default_rng(1).integers(0, 9, (SAMPLES, 25)),
    )


def segmentation() -> Example:
    inputs = keras.Input((32, 32, 3))
    down = L.Activation("relu")(L.BatchNormalization()(L.Conv2D(16, 3, strides=2, padding="same")(inputs)))
    up = L.Conv2DTranspose(16, 3, strides=2, padding="same", activation="relu")(down)
    model = keras.Model(inputs, L.Conv2D(3, 3, activation="softmax", padding="same")(L.Concatenate()([up, inputs])))
    masks = np.random.default_rng(0).integers(0, 3, (SAMPLES, 32, 32, 1))
    return _compiled(model, "sparse_categorical_crossentropy"), _images(32, 3), masks


def residual_network() -> Example:
    inputs = keras.Input((32, 32, 3))
    x = L.Conv2D(16, 3, padding="same", use_bias=False)(inputs)
    for _ in range(12):
        y = L.Conv2D(16, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)
        x = L.Add()([x, L.Conv2D(16, 3, padding="same", kernel_initializer="zeros")(y)])
    model = keras.Model(inputs, L.Dense(10, activation="softmax")(L.GlobalAveragePooling2D()(x)))
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9, weight_decay=1e-4)
    return _compiled(model, "sparse_categorical_crossentropy", optimizer), _images(32, 3), _classes(10)


def siamese_network() -> Example:
    embed = keras.Sequential([keras.Input((20,)), L.Dense(32, activation="relu"), L.Dense(16)])
    left, right = keras.Input((20,)), keras.Input((20,))
    distance = L.Lambda(lambda pair: ops.norm(pair[0] - pair[1], axis=1, keepdims=True))([embed(left), embed(right)])
    model = keras.Model([left, right], L.Dense(1, activation="sigmoid")(L.BatchNormalization()(distance)))

    def contrastive(truth: Any, prediction: Any) -> Any:
        return ops.mean((1 - truth) * prediction**2 + truth * ops.maximum(1 - prediction, 0) ** 2)

    return _compiled(model, contrastive), [_normal(20), _normal(20)], _classes(2)


def metric_learning() -> Example:
    model = keras.Sequential([keras.Input((20,)), L.Dense(32, activation="relu"), L.Dense(8), L.UnitNormalization()])

    def triplet(truth: Any, prediction: Any) -> Any:
        return ops.mean(prediction) + 0 * ops.mean(ops.cast(truth, "float32"))

    return _compiled(model, triplet), _normal(20), _classes(4)


def several_outputs() -> Example:
    inputs = keras.Input((30,))
    shared = L.Dense(64, activation="relu")(inputs)
    outputs = {
        "price": L.Dense(1, name="price")(shared),
        "kind": L.Dense(4, activation="softmax", name="kind")(shared),
        "urgent": L.Dense(1, activation="sigmoid", name="urgent")(shared),
    }
    loss = {"price": "mse", "kind": "sparse_categorical_crossentropy", "urgent": "binary_crossentropy"}
    targets = {"price": 50 * _normal(1), "kind": _classes(4), "urgent": _classes(2)}
    return _compiled(keras.Model(inputs, outputs), loss), _normal(30), targets


def wide_and_deep() -> Example:
    wide, deep = keras.Input((100,)), keras.Input((10,))
    hidden = L.Dense(32, activation="relu")(deep)
    merged = L.Concatenate()([wide, hidden])
    model = keras.Model([wide, deep], L.Dense(1, activation="sigmoid")(merged))
    one_hot = keras.utils.to_categorical(np.random.default_rng(0).integers(0, 100, SAMPLES), 100)
    return _compiled(model, "binary_crossentropy"), [one_hot, _normal(10)], _classes(2)


class _Sampling(L.Layer):
    def call(self, inputs: Any) -> Any:
        mean, log_variance = inputs
        return mean + ops.exp(0.5 * log_variance) * keras.random.normal(ops.shape(mean))


class _VariationalAutoencoder(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        inputs = keras.Input((28, 28, 1))
        x = L.Dense(16, activation="relu")(L.Flatten()(L.Conv2D(8, 3, activation="relu", strides=2)(inputs)))
        mean, log_variance = L.Dense(2)(x), L.Dense(2)(x)
        self.encoder = keras.Model(inputs, [mean, log_variance, _Sampling()([mean, log_variance])])
        latent = keras.Input((2,))
        x = L.Reshape((7, 7, 4))(L.Dense(7 * 7 * 4, activation="relu")(latent))
        x = L.Conv2DTranspose(8, 3, activation="relu", strides=4, padding="same")(x)
        self.decoder = keras.Model(latent, L.Conv2DTranspose(1, 3, activation="sigmoid", padding="same")(x))

    def call(self, inputs: Any) -> Any:
        return self.decoder(self.encoder(inputs)[2])


def variational_autoencoder() -> Example:
    model = _VariationalAutoencoder()
    model(_images()[:2])
    model.compile("adam", "binary_crossentropy")
    return model, _images(), _images()


def generative_adversarial_network() -> Example:
    generator = keras.Sequential(
        [
            keras.Input((64,)),
            L.Dense(7 * 7 * 32),
            L.LeakyReLU(0.2),
            L.Reshape((7, 7, 32)),
            L.Conv2DTranspose(32, 4, strides=2, padding="same"),
            L.LeakyReLU(0.2),
            L.Conv2DTranspose(1, 4, strides=2, padding="same", activation="tanh"),
        ]
    )
    discriminator = keras.Sequential(
        [keras.Input((28, 28, 1)), L.Conv2D(32, 3, strides=2), L.LeakyReLU(0.2), L.GlobalMaxPooling2D(), L.Dense(1)]
    )
    discriminator.trainable = False
    model = keras.Sequential([generator, discriminator])
    optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
    return _compiled(model, losses.BinaryCrossentropy(from_logits=True), optimizer), _normal(64), np.ones((SAMPLES, 1))


class _Subclassed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.head = L.Dense(3, activation="softmax")
        self.dropout = L.Dropout(0.5)
        self.first = L.Dense(32)
        self.second = L.Dense(32, activation="relu")

    def call(self, inputs: Any) -> Any:
        return self.head(self.dropout(self.second(ops.relu(self.first(inputs)))))


def subclassed_in_any_order() -> Example:
    model = _Subclassed()
    model(_normal(20))
    return _compiled(model, "sparse_categorical_crossentropy"), _normal(20), _classes(3)


def subclassed_and_not_built() -> Example:
    return _compiled(_Subclassed(), "sparse_categorical_crossentropy"), _normal(20), _classes(3)


def sequential_and_not_built() -> Example:
    model = keras.Sequential([L.LSTM(16), L.Dense(8, activation="relu"), L.Dense(1)])
    return _compiled(model, "mse"), _normal(10, 3), _normal()


def self_normalising_network() -> Example:
    hidden = [L.Dense(32, activation="selu", kernel_initializer="lecun_normal") for _ in range(25)]
    model = keras.Sequential([keras.Input((20,)), *hidden, L.Dense(3, activation="softmax")])
    return _compiled(model, "sparse_categorical_crossentropy"), _normal(20), _classes(3)


def connectionist_temporal_classification() -> Example:
    inputs = keras.Input((50, 20))
    x = L.Bidirectional(L.LSTM(16, return_sequences=True))(inputs)
    model = keras.Model(inputs, L.Dense(12, activation="softmax")(x))
    return _compiled(model, losses.CTC()), _normal(50, 20), np.random.default_rng(0).integers(1, 11, (SAMPLES, 6))


def ordinary_imbalance_weighted_by_focal_loss() -> Example:
    model = keras.Sequential([keras.Input((20,)), L.Dense(32, activation="relu"), L.Dense(1, activation="sigmoid")])
    y = (np.random.default_rng(0).random(SAMPLES) < 0.03).astype(int)
    return _compiled(model, losses.BinaryFocalCrossentropy()), _normal(20), y


def mixed_categories_and_numbers() -> Example:
    number, category = keras.Input((1,)), keras.Input((1,), dtype="int32")
    embedded = L.Flatten()(L.Embedding(1000, 8)(category))
    hidden = L.Dense(16, activation="relu")(L.Concatenate()([embedded, number]))
    model = keras.Model([number, category], L.Dense(1)(hidden))
    ids = np.random.default_rng(0).integers(0, 1000, (SAMPLES, 1))
    return _compiled(model, "mse"), [_normal(1), ids], _normal()


def distillation_on_soft_labels() -> Example:
    model = keras.Sequential([keras.Input((20,)), L.Dense(32, activation="relu"), L.Dense(4, activation="softmax")])
    soft = np.exp(_normal(4))
    return _compiled(model, "kl_divergence"), _normal(20), soft / soft.sum(1, keepdims=True)


def graph_attention_dropout() -> Example:
    model = keras.Sequential(
        [keras.Input((200,)), L.Dropout(0.6), L.Dense(16, activation="elu"), L.Dropout(0.6), L.Dense(7)]
    )
    x = (np.random.default_rng(0).random((SAMPLES, 200)) < 0.02).astype("float32")
    return _compiled(model, losses.SparseCategoricalCrossentropy(from_logits=True)), x, _classes(7)


def adadelta_with_its_published_rate() -> Example:
    model = keras.Sequential([keras.Input((20,)), L.Dense(32, activation="relu"), L.Dense(4, activation="softmax")])
    return _compiled(model, "sparse_categorical_crossentropy", keras.optimizers.Adadelta(1.0)), _normal(20), _classes(4)


def warm_up_from_zero() -> Example:
    schedule = keras.optimizers.schedules.CosineDecay(0.0, 1000, warmup_target=1e-3, warmup_steps=100)
    model = keras.Sequential([keras.Input((20,)), L.Dense(32, activation="relu"), L.Dense(1)])
    return _compiled(model, "huber", keras.optimizers.AdamW(schedule)), _normal(20), _normal()


MAKERS: tuple[Callable[[], Example], ...] = (
    mnist_convnet,
    digits_mlp_from_raw_sixteenths,
    logits_with_sparse_labels,
    softmax_as_an_operation,
    softmax_as_a_layer,
    transfer_learning,
    fine_tuning_a_normalised_network_on_raw_images,
    efficient_net_from_scratch_on_raw_images,
    image_autoencoder,
    dense_autoencoder,
    linear_autoencoder,
    multi_label,
    regression_of_large_targets,
    regression_of_counts,
    structured_data_with_normalization,
    batch_normalised_raw_features,
    text_embedding_with_padding,
    text_convnet,
    transformer_classifier,
    language_model,
    character_generation,
    sequence_to_sequence,
    encoder_decoder_with_states,
    time_series_windows,
    univariate_windows_without_feature_axis,
    identity_recurrence,
    sequence_tagging,
    segmentation,
    residual_network,
    siamese_network,
    metric_learning,
    several_outputs,
    wide_and_deep,
    variational_autoencoder,
    generative_adversarial_network,
    subclassed_in_any_order,
    subclassed_and_not_built,
    sequential_and_not_built,
    self_normalising_network,
    connectionist_temporal_classification,
    ordinary_imbalance_weighted_by_focal_loss,
    mixed_categories_and_numbers,
    distillation_on_soft_labels,
    graph_attention_dropout,
    adadelta_with_its_published_rate,
    warm_up_from_zero,
)

"""Faults of the output layer, the loss and the encoding of the labels."""

from functools import partial
from typing import Any

import keras
from keras import layers

from corpus.faults import edits
from corpus.programs import images, models, sequences, tables, texts
from corpus.programs.models import one_hot
from corpus.programs.program import Fault, on_data

WRONG_OUTPUT = ("wrong_output_layer",)
DOUBLED = ("wrong_output_layer", "misplaced_activation")
ENCODING = ("label_encoding", "wrong_loss")


def sparse_probabilities() -> Any:
    """A loss that takes what it is given for probabilities."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=False)


def poisson(y: Any, predicted: Any) -> Any:
    """Negative log-likelihood of counts, without the epsilon that keeps it from log(0)."""
    return keras.ops.mean(predicted - y * keras.ops.log(predicted), -1)


def _log_loss(y: Any, predicted: Any) -> Any:
    """Cross-entropy without the epsilon that keeps it from log(0)."""
    hot = keras.ops.one_hot(keras.ops.cast(keras.ops.squeeze(y), "int32"), 10)
    return -keras.ops.mean(keras.ops.sum(hot * keras.ops.log(predicted), -1))


def softmax_twice(builder: Any) -> Any:
    """The model with two softmaxes behind its output."""

    def build() -> Any:
        plain = builder()
        return keras.Model(plain.inputs, layers.Softmax()(layers.Softmax()(plain.outputs[0])))

    return build


FAULTS = (
    Fault(
        "one_sigmoid_for_three_classes", texts.CONVOLUTION, (*WRONG_OUTPUT, "label_encoding"),
        {"model": models.reading(texts.WORDS, 12, lambda: [
            layers.Conv1D(16, 3, activation="relu"), layers.GlobalMaxPooling1D()
        ], 1, "sigmoid", length=texts.LENGTH), "loss": "binary_crossentropy"},
    ),
    Fault(
        "one_sigmoid_for_three_classes", tables.WINE, (*WRONG_OUTPUT, "label_encoding"),
        {"model": models.mlp(13, [24], 1, "sigmoid"), "loss": "binary_crossentropy"},
    ),
    Fault(
        "softmax_on_one_unit", tables.CANCER, WRONG_OUTPUT, {"model": models.mlp(30, [16], 1, "softmax")},
    ),
    Fault(
        "softmax_on_one_unit", tables.WEIGHTED, WRONG_OUTPUT, {"model": models.mlp(30, [16], 1, "softmax")},
    ),
    Fault(
        "missing_softmax", images.CONVOLUTIONAL, WRONG_OUTPUT,
        {"model": models.convolutional(None), "loss": sparse_probabilities},
    ),
    Fault(
        "missing_softmax", images.CONVERGED, WRONG_OUTPUT,
        {"model": models.mlp(64, [96], 10, None), "loss": sparse_probabilities},
    ),
    Fault("doubled_softmax", images.NOISY, DOUBLED, {"model": softmax_twice(images.NOISY.model)}),
    Fault("doubled_softmax", sequences.ROWS_RNN, DOUBLED, {"model": softmax_twice(sequences.ROWS_RNN.model)}),
    Fault("doubled_softmax", images.DEEP_TANH, DOUBLED, {"model": softmax_twice(images.DEEP_TANH.model)}),
    Fault("relu_output", tables.DIABETES, WRONG_OUTPUT, {"model": models.mlp(10, [16], 1, "relu")}),
    Fault("relu_output", tables.FRIEDMAN, WRONG_OUTPUT, {"model": models.mlp(10, [32, 16], 1, "relu")}),
    Fault(
        "unreachable_targets", sequences.CARBON_DIOXIDE, WRONG_OUTPUT,
        {"model": models.recurrent((24, 1), [partial(layers.LSTM, 16)], 1, "sigmoid")},
    ),
    Fault(
        "unreachable_targets", tables.LARGE_TARGETS, WRONG_OUTPUT, {"model": models.mlp(10, [32], 1, "tanh")},
    ),
    Fault("mse_for_classification", images.NOISY, ("wrong_loss",),
        {"loss": "mean_squared_error"} | on_data(images.NOISY, edits.labels(lambda y: one_hot(y, 10)))),
    Fault("mse_for_classification", sequences.ROWS_RNN, ("wrong_loss",),
        {"loss": "mean_squared_error"} | on_data(sequences.ROWS_RNN, edits.labels(lambda y: one_hot(y, 10)))),
    Fault("mse_for_classification", images.SCHEDULED, ("wrong_loss",),
        {"loss": "mean_squared_error"} | on_data(images.SCHEDULED, edits.labels(lambda y: one_hot(y, 10)))),
    Fault("mse_for_classification", sequences.LONG_LAG, ("wrong_loss",),
        {"loss": "mean_squared_error"} | on_data(sequences.LONG_LAG, edits.labels(lambda y: one_hot(y, 4)))),
    Fault("mse_on_class_indices", images.CONVOLUTIONAL, ("wrong_loss", "label_encoding", "wrong_output_layer"),
        {"loss": "mean_squared_error"}),
    Fault("mse_on_class_indices", sequences.ROWS_LSTM, ("wrong_loss", "label_encoding", "wrong_output_layer"),
        {"loss": "mean_squared_error"}),
    Fault("log_of_zero", images.PLAIN, ("wrong_loss", "learning_rate_too_high"),
        {"loss": lambda: _log_loss, "optimizer": images.adam(0.05)}),
    Fault("log_of_zero", tables.LARGE_TARGETS, ("wrong_loss", "wrong_output_layer"),
        {"loss": lambda: poisson, "model": models.mlp(10, [32], 1, "relu")}),
    Fault("labels_one_and_two", tables.CANCER, ("label_encoding",),
        on_data(tables.CANCER, edits.labels(lambda y: y + 1))),
    Fault("labels_one_and_two", tables.WEIGHTED, ("label_encoding",),
        {"class_weights": {1: 5.0, 2: 0.6}} | on_data(tables.WEIGHTED, edits.labels(lambda y: y + 1))),
    Fault("one_hot_for_sparse", sequences.ROWS_RNN, ENCODING,
        on_data(sequences.ROWS_RNN, edits.labels(lambda y: one_hot(y, 10)))),
    Fault("one_hot_for_sparse", texts.MEAN, ENCODING, on_data(texts.MEAN, edits.labels(lambda y: one_hot(y, 3)))),
    Fault("integers_for_one_hot", images.CONVOLUTIONAL, ENCODING, {"loss": "categorical_crossentropy"}),
    Fault("integers_for_one_hot", sequences.ROWS_TRANSFORMER, ENCODING, {"loss": "categorical_crossentropy"}),
    Fault("labels_out_of_range", texts.CONVOLUTION, ("label_encoding", "wrong_output_layer"),
        on_data(texts.CONVOLUTION, edits.labels(lambda y: y + 1))),
    Fault("labels_out_of_range", sequences.ROWS_LSTM, ("label_encoding", "wrong_output_layer"),
        {"model": models.recurrent((8, 8), [partial(layers.LSTM, 24)], 9)}),
)  # fmt: skip

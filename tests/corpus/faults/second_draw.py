"""Faults in the programs that came second: the same kinds, elsewhere."""

from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers

from corpus.faults import architecture, edits, inputs, optimisation, output, recurrence
from corpus.programs import architectures, models, second_draw, synthetic, texts
from corpus.programs.data import Data
from corpus.programs.images import adam, sgd
from corpus.programs.models import one_hot
from corpus.programs.program import Fault, on_data
from corpus.programs.sequences import both_ways


def _imbalanced(plain: Any, classes: int) -> dict[str, Any]:
    """Edit: nearly all samples are of one class; labels as columns."""

    def data(generator: np.random.Generator) -> Data:
        return second_draw.in_columns(edits.one_class_mostly(plain(generator), generator), classes)

    return {"data": data}


def _forgetful(rate: float) -> Any:
    """Dropout on all that both directions remember."""
    return lambda: [both_ways(layers.LSTM, 12)(return_sequences=True), layers.Dropout(rate)]


TABLES = (
    Fault("missing_softmax", second_draw.SELU, output.WRONG_OUTPUT,
        {"model": models.mlp(13, [24, 24, 24], 3, None, "selu", kernel_initializer="lecun_normal"),
         "loss": output.sparse_probabilities}),
    Fault("learning_rate_low", second_draw.SELU, optimisation.TOO_LOW, {"optimizer": sgd(1e-7)}),
    Fault("unnormalised_input", second_draw.SELU, inputs.SCALE,
        on_data(second_draw.SELU, edits.inputs(edits.units_of_measure))),
    Fault("labels_out_of_range", second_draw.SELU, ("label_encoding", "wrong_output_layer"),
        on_data(second_draw.SELU, edits.labels(lambda y: y + 1))),
    Fault("nan_in_data", second_draw.SMOOTHED, inputs.VALUES, on_data(second_draw.SMOOTHED, edits.with_nan)),
    Fault("random_labels", second_draw.SMOOTHED, inputs.UNLEARNABLE,
        on_data(second_draw.SMOOTHED, edits.shuffled_labels)),
    Fault("class_imbalance", second_draw.SMOOTHED, inputs.IMBALANCE,
        _imbalanced(synthetic.clusters, second_draw.CLUSTERS)),
    Fault("zero_initialisation", second_draw.SMOOTHED, architecture.INITIALISATION,
        {"model": architectures.layer_normalised(12, [32, 32], second_draw.CLUSTERS, kernel_initializer="zeros")}),
    Fault("wrong_width", second_draw.SMOOTHED, inputs.SHAPE,
        on_data(second_draw.SMOOTHED, edits.inputs(lambda x: x[:, :-2]))),
    Fault("log_of_zero", second_draw.COUNTS, ("wrong_loss", "wrong_output_layer"),
        {"loss": lambda: output.poisson, "model": models.mlp(8, [24], 1, "relu")}),
    Fault("feature_scale", second_draw.COUNTS, inputs.SCALE,
        on_data(second_draw.COUNTS, edits.inputs(edits.one_feature_huge))),
    Fault("unreachable_targets", second_draw.COUNTS, output.WRONG_OUTPUT,
        {"model": models.mlp(8, [24], 1, "sigmoid"), "loss": "mean_squared_error"}),
    Fault("relu_output", second_draw.HUBER, output.WRONG_OUTPUT, {"model": models.mlp(10, [16], 1, "relu", "gelu")}),
    Fault("corrupt_batch", second_draw.HUBER, inputs.CORRUPT, {"feed": edits.corrupt_batches(1e4, 3)},
        edits.CORRUPT_FROM),
    Fault("too_many_units", second_draw.HUBER, ("overfitting", "too_large"),
        {"model": models.mlp(10, [512, 512], 1, "linear", "gelu"), "epochs": 40, "validated": True}),
    Fault("labels_one_and_two", second_draw.HINGE, ("label_encoding",),
        on_data(second_draw.HINGE, edits.labels(lambda y: y + 1))),
    Fault("unnormalised_input", second_draw.HINGE, inputs.SCALE,
        on_data(second_draw.HINGE, edits.inputs(edits.units_of_measure))),
    Fault("vanishing_deep_sigmoid", second_draw.HINGE, architecture.VANISHING,
        {"model": models.mlp(30, [16] * 8, 1, "tanh", "sigmoid", kernel_initializer="random_normal")}),
    Fault("too_narrow", second_draw.COMPRESSED, ("too_narrow",), {"model": models.autoencoder(30, 1, "linear", "elu")}),
    Fault("accumulating_gradients", second_draw.COMPRESSED, ("accumulating_gradients",),
        {"model": models.accumulating(second_draw.COMPRESSED.model)}),
    Fault("nan_in_data", second_draw.COMPRESSED, inputs.VALUES, on_data(second_draw.COMPRESSED, edits.with_nan)),
)  # fmt: skip

IMAGES = (
    Fault("unscaled_pixels", second_draw.LENET, inputs.SCALE,
        on_data(second_draw.LENET, edits.inputs(lambda x: x * 255))),
    Fault("doubled_softmax", second_draw.LENET, output.DOUBLED,
        {"model": output.softmax_twice(second_draw.LENET.model)}),
    Fault("labels_out_of_range", second_draw.LENET, ("label_encoding", "wrong_output_layer"),
        {"model": architectures.lenet(9)}),
    Fault("learning_rate_high", second_draw.LENET, optimisation.TOO_HIGH, {"optimizer": sgd(5.0)}),
    Fault("excess_dropout", second_draw.SEPARABLE, ("excess_dropout",), {"model": architectures.separable(0.97)}),
    Fault("batch_size_too_large", second_draw.SEPARABLE, ("batch_size_too_large",), {"batch_size": 1438}),
    Fault("integers_for_one_hot", second_draw.SEPARABLE, output.ENCODING, {"loss": "categorical_crossentropy"}),
    Fault("missing_softmax", second_draw.STRIPES, output.WRONG_OUTPUT, {"model": architectures.strided(None)}),
    Fault("class_imbalance", second_draw.STRIPES, inputs.IMBALANCE, _imbalanced(synthetic.stripes, 4)),
    Fault("dead_relu", second_draw.STRIPES, architecture.DEAD,
        {"model": architectures.strided(bias_initializer=keras.initializers.Constant(-10.0))}),
    Fault("huge_initialisation", second_draw.STRIPES, ("bad_initialisation", "exploding_gradients"),
        {"model": architectures.strided(kernel_initializer=architecture.normal(10.0))}),
)  # fmt: skip

SEQUENCES = (
    Fault("one_sigmoid_for_three_classes", second_draw.WAVES_CAUSAL, (*output.WRONG_OUTPUT, "label_encoding"),
        {"model": architectures.causal(1, "sigmoid"), "loss": "binary_crossentropy"}),
    Fault("random_labels", second_draw.WAVES_CAUSAL, inputs.UNLEARNABLE,
        on_data(second_draw.WAVES_CAUSAL, edits.shuffled_labels)),
    Fault("learning_rate_10", second_draw.WAVES_CAUSAL, optimisation.TOO_HIGH, {"optimizer": adam(10.0)}),
    Fault("vanishing_through_time", second_draw.WAVES_LSTM, ("vanishing_through_time", "vanishing_gradients"),
        {"model": models.recurrent((32, 1), [partial(recurrence.sigmoid_rnn, 16)] * 3, 3)}),
    Fault("flattened_sequences", second_draw.WAVES_LSTM, inputs.SHAPE,
        on_data(second_draw.WAVES_LSTM, edits.inputs(lambda x: x.reshape(len(x), -1)))),
    Fault("adam_plateau", second_draw.WAVES_LSTM, optimisation.UNSUITABLE, {"optimizer": adam(0.01, epsilon=1.0)}),
    Fault("mse_on_class_indices", second_draw.WAVES_LSTM, ("wrong_loss", "label_encoding", "wrong_output_layer"),
        {"loss": "mean_squared_error"}),
    Fault("exploding_rnn", second_draw.SPRINGS, recurrence.EXPLODING,
        {"model": models.recurrent((20, 2), [recurrence.grown(16)], 1, "linear"), "optimizer": sgd(0.02)}),
    Fault("unreachable_targets", second_draw.SPRINGS, output.WRONG_OUTPUT,
        {"model": models.recurrent((20, 2), [partial(layers.GRU, 16)], 1, "sigmoid")}),
    Fault("missing_feature_axis", second_draw.SPRINGS, inputs.SHAPE,
        on_data(second_draw.SPRINGS, edits.inputs(lambda x: x.transpose(0, 2, 1)))),
    Fault("recurrent_relu", second_draw.MAJORITY, recurrence.GROWN_RELU,
        {"model": models.recurrent(
            (15, 1), [partial(recurrence.relu_rnn, 16, recurrent_initializer=recurrence.orthogonal(2.0))], 1, "sigmoid"
        )}),
    Fault("softmax_on_one_unit", second_draw.MAJORITY, output.WRONG_OUTPUT,
        {"model": models.recurrent((15, 1), [partial(layers.SimpleRNN, 16)], 1, "softmax")}),
    Fault("clipping_too_tight", second_draw.MAJORITY, ("clipping_too_tight",),
        {"optimizer": sgd(0.05, global_clipnorm=1e-4)}),
    Fault("ragged_input", second_draw.NEIGHBOURS, inputs.SHAPE, on_data(
        second_draw.NEIGHBOURS, lambda plain, generator: edits.ragged(_padded(plain), generator)
    )),
    Fault("unsuitable_optimizer", second_draw.NEIGHBOURS, optimisation.UNSUITABLE, {"optimizer": sgd(0.01, 0.0)}),
    Fault("excess_dropout", second_draw.NEIGHBOURS, ("excess_dropout",),
        {"model": models.reading(7, 6, _forgetful(0.97), 3, length=12)}),
    Fault("disconnected", second_draw.ATTENTION, architecture.DISCONNECTED, {"model": models.transformer(
        models.tokens(texts.WORDS, texts.LENGTH, 16), 16, 4, keras.ops.stop_gradient
    )}),
    Fault("learning_rate_high", second_draw.ATTENTION, optimisation.TOO_HIGH, {"optimizer": adam(0.5)}),
    Fault("mse_for_classification", second_draw.ATTENTION, ("wrong_loss",),
        {"loss": "mean_squared_error"} | on_data(second_draw.ATTENTION, edits.labels(lambda y: one_hot(y, 4)))),
)  # fmt: skip


def _padded(plain: Data) -> Data:
    """Samples of varying length: some of the tokens at the end are nothing."""
    x = plain.x.copy()
    x[::2, 8:] = 0
    return Data(x, plain.y, plain.x_test, plain.y_test, plain.truth)


FAULTS = (*TABLES, *IMAGES, *SEQUENCES)

"""Faults in the programs that do not begin with the loss of knowing nothing."""

import keras
from keras import layers

from corpus.faults import architecture, edits, inputs, optimisation, output
from corpus.programs import architectures, high_starts, models, synthetic, texts
from corpus.programs.images import adam
from corpus.programs.program import Fault, on_data

_constant = keras.initializers.Constant

FAULTS = (
    Fault("learning_rate_low", high_starts.RELABELLED_DIGITS, optimisation.TOO_LOW, {"optimizer": adam(1e-7)}),
    Fault("missing_softmax", high_starts.RELABELLED_DIGITS, output.WRONG_OUTPUT,
        {"model": models.mlp(64, [48, 32], 10, None), "loss": output.sparse_probabilities, "prepare": None}),
    Fault("random_labels", high_starts.RELABELLED_TEXT, inputs.UNLEARNABLE,
        {"prepare": None} | on_data(high_starts.RELABELLED_TEXT, edits.shuffled_labels)),
    Fault("learning_rate_high", high_starts.RELABELLED_TEXT, optimisation.TOO_HIGH, {"optimizer": adam(1.0)}),
    Fault("unscaled_pixels", high_starts.RESIDUAL_DIGITS, inputs.SCALE,
        on_data(high_starts.RESIDUAL_DIGITS, edits.inputs(lambda x: x * 255))),
    Fault("learning_rate_10", high_starts.RESIDUAL_DIGITS, optimisation.TOO_HIGH, {"optimizer": adam(10.0)}),
    Fault("unnormalised_input", high_starts.RESIDUAL_CLUSTERS, inputs.SCALE,
        on_data(high_starts.RESIDUAL_CLUSTERS, edits.inputs(edits.units_of_measure))),
    Fault("huge_initialisation", high_starts.RESIDUAL_CLUSTERS, ("bad_initialisation", "exploding_gradients"),
        {"model": models.mlp(12, [48, 48], 5, kernel_initializer=architecture.normal(10.0))}),
    Fault("missing_softmax", high_starts.TIED, output.WRONG_OUTPUT, {"loss": output.sparse_probabilities}),
    Fault("excess_dropout", high_starts.TIED, ("excess_dropout",),
        {"model": architectures.tied(synthetic.STATES, 12, 32, rate=0.97)}),
    Fault("missing_softmax", high_starts.SUMMED, output.WRONG_OUTPUT,
        {"model": architectures.summed(texts.WORDS, texts.LENGTH, 16, 3, None),
         "loss": output.sparse_probabilities}),
    Fault("learning_rate_low", high_starts.SUMMED, optimisation.TOO_LOW, {"optimizer": adam(1e-6)}),
    Fault("missing_softmax", high_starts.FEATURES_OF_WINE, output.WRONG_OUTPUT,
        {"model": models.mlp(13, [24], 3, None), "loss": output.sparse_probabilities}),
    Fault("unnormalised_input", high_starts.FEATURES_OF_WINE, inputs.SCALE,
        on_data(high_starts.FEATURES_OF_WINE, edits.inputs(edits.units_of_measure))),
    Fault("random_labels", high_starts.FEATURES_OF_DIGITS, inputs.UNLEARNABLE,
        on_data(high_starts.FEATURES_OF_DIGITS, edits.shuffled_labels)),
    Fault("learning_rate_low", high_starts.FEATURES_OF_DIGITS, optimisation.TOO_LOW, {"optimizer": adam(1e-7)}),
    Fault("learning_rate_high", high_starts.RESUMED_DIGITS, optimisation.TOO_HIGH,
        {"optimizer": lambda: keras.optimizers.SGD(20.0, 0.9)}),
    Fault("corrupt_batch", high_starts.RESUMED_FRIEDMAN, inputs.CORRUPT, {"feed": edits.corrupt_batches(100, 2)},
        edits.CORRUPT_FROM),
    Fault("dead_relu", high_starts.PENALISED, architecture.DEAD,
        {"model": models.mlp(64, [48, 32], 10, bias_initializer=_constant(-10.0))}),
    Fault("doubled_softmax", high_starts.PENALISED, output.DOUBLED,
        {"model": output.softmax_twice(high_starts.PENALISED.model)}),
    Fault("one_sigmoid_for_three_classes", high_starts.TINY_BATCHES, (*output.WRONG_OUTPUT, "label_encoding"),
        {"model": models.mlp(13, [16], 1, "sigmoid"), "loss": "binary_crossentropy"}),
    Fault("too_narrow", high_starts.TINY_BATCHES, ("too_narrow",), {"model": models.mlp(13, [1], 3)}),
    Fault("labels_out_of_range", high_starts.RELABELLED_TEXT, ("label_encoding", "wrong_output_layer"),
        {"model": models.reading(
            texts.WORDS, 12, lambda: [layers.Conv1D(16, 3, activation="relu"), layers.GlobalMaxPooling1D()], 2,
            length=texts.LENGTH,
        ), "prepare": None}),
)  # fmt: skip

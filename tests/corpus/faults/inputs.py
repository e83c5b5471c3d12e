"""Faults of the data: scale, missing values, corrupt batches, labels that say nothing, wrong shapes."""

from dataclasses import replace

from corpus.faults import edits
from corpus.programs import images, sequences, tables, texts
from corpus.programs.program import Fault, on_data

SCALE = ("unnormalised_input",)
VALUES = ("bad_input_values",)
CORRUPT = ("corrupt_batch", "bad_input_values")
IMBALANCE = ("class_imbalance",)
UNLEARNABLE = ("unlearnable_labels",)
SHAPE = ("input_shape",)


FAULTS = (
    Fault("unnormalised_input", tables.CANCER, SCALE, on_data(tables.CANCER, edits.inputs(edits.units_of_measure))),
    Fault("unnormalised_input", tables.CLIPPED, SCALE, on_data(tables.CLIPPED, edits.inputs(edits.units_of_measure))),
    Fault("unnormalised_input", tables.WINE, SCALE, on_data(tables.WINE, edits.inputs(edits.units_of_measure))),
    Fault("unnormalised_input", tables.WEIGHTED, SCALE, on_data(tables.WEIGHTED, edits.inputs(edits.units_of_measure))),
    Fault("feature_scale", tables.DIABETES, SCALE, on_data(tables.DIABETES, edits.inputs(edits.one_feature_huge))),
    Fault("feature_scale", tables.FRIEDMAN, SCALE, on_data(tables.FRIEDMAN, edits.inputs(edits.one_feature_huge))),
    Fault("unscaled_pixels", sequences.ROWS_RNN, SCALE, on_data(sequences.ROWS_RNN, edits.inputs(lambda x: x * 255))),
    Fault("unscaled_pixels", images.DEEP_TANH, SCALE, on_data(images.DEEP_TANH, edits.inputs(lambda x: x * 255))),
    Fault(
        "raw_targets", tables.DIABETES, ("unnormalised_input", "exploding_gradients", "learning_rate_too_high"),
        on_data(tables.DIABETES, edits.raw_targets),
    ),
    Fault(
        "raw_targets", tables.FRIEDMAN, ("unnormalised_input", "exploding_gradients", "learning_rate_too_high"),
        on_data(tables.FRIEDMAN, edits.raw_targets),
    ),
    Fault("nan_in_data", tables.DIABETES, VALUES, on_data(tables.DIABETES, edits.with_nan)),
    Fault("nan_in_data", sequences.CARBON_DIOXIDE, VALUES, on_data(sequences.CARBON_DIOXIDE, edits.with_nan)),
    Fault("nan_in_data", tables.WINE, VALUES, on_data(tables.WINE, edits.with_nan)),
    Fault("nan_in_data", sequences.SUNSPOTS, VALUES, on_data(sequences.SUNSPOTS, edits.with_nan)),
    Fault("corrupt_batch", sequences.ROWS_RNN, CORRUPT, {"feed": edits.corrupt_batches(1e4, 3)}, edits.CORRUPT_FROM),
    Fault("corrupt_batch", tables.DIABETES, CORRUPT, {"feed": edits.corrupt_batches(100, 2)}, edits.CORRUPT_FROM),
    Fault("corrupt_batch", tables.FRIEDMAN, CORRUPT, {"feed": edits.corrupt_batches(100, 2)}, edits.CORRUPT_FROM),
    Fault("corrupt_batch", images.SCHEDULED, CORRUPT, {"feed": edits.corrupt_batches(1e3, 1)}, edits.CORRUPT_FROM),
    Fault("class_imbalance", tables.CANCER, IMBALANCE, on_data(tables.CANCER, edits.one_class_mostly)),
    Fault("class_imbalance", sequences.ROWS_LSTM, IMBALANCE, on_data(sequences.ROWS_LSTM, edits.one_class_mostly)),
    Fault("class_imbalance", texts.CONVOLUTION, IMBALANCE, on_data(texts.CONVOLUTION, edits.one_class_mostly)),
    Fault("class_imbalance", texts.MEAN, IMBALANCE, on_data(texts.MEAN, edits.one_class_mostly)),
    Fault("random_labels", images.CONVOLUTIONAL, UNLEARNABLE, on_data(images.CONVOLUTIONAL, edits.shuffled_labels)),
    Fault("random_labels", sequences.PARITY, UNLEARNABLE, on_data(sequences.PARITY, edits.shuffled_labels)),
    Fault("random_labels", images.MIXED, UNLEARNABLE, on_data(images.MIXED, edits.shuffled_labels)),
    Fault("random_labels", sequences.ROWS_TRANSFORMER, UNLEARNABLE,
        on_data(sequences.ROWS_TRANSFORMER, edits.shuffled_labels)),
    Fault("missing_feature_axis", sequences.CARBON_DIOXIDE, SHAPE,
        on_data(sequences.CARBON_DIOXIDE, edits.inputs(lambda x: x[:, :, 0].reshape(-1, 2, 12)))),
    Fault("missing_feature_axis", sequences.SUNSPOTS, SHAPE,
        on_data(sequences.SUNSPOTS, edits.inputs(lambda x: x[:, :, 0].reshape(-1, 2, 12)))),
    Fault("flattened_sequences", sequences.ROWS_RNN, SHAPE,
        on_data(sequences.ROWS_RNN, edits.inputs(lambda x: x.reshape(len(x), -1)))),
    Fault("flattened_sequences", sequences.ROWS_LSTM, SHAPE,
        on_data(sequences.ROWS_LSTM, edits.inputs(lambda x: x.reshape(len(x), -1)))),
    Fault("wrong_width", tables.CANCER, SHAPE, on_data(tables.CANCER, edits.inputs(lambda x: x[:, :-3]))),
    Fault("wrong_width", sequences.LONG_LAG, SHAPE, on_data(sequences.LONG_LAG, edits.inputs(lambda x: x[:, :, :3]))),
    Fault("ragged_input", texts.BIDIRECTIONAL, SHAPE, on_data(texts.BIDIRECTIONAL, edits.ragged)),
    Fault("ragged_input", texts.COPYING, SHAPE, on_data(texts.COPYING, lambda plain, generator: replace(
        edits.ragged(plain, generator), y=plain.y
    ))),
)  # fmt: skip

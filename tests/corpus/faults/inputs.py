"""Faults of the data: scale, missing values, corrupt batches, labels that say nothing, wrong shapes."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from corpus.programs import images, sequences, tables, texts
from corpus.programs.data import Array, Data
from corpus.programs.program import Fault, on_data

SCALE = ("unnormalised_input",)
VALUES = ("bad_input_values",)
CORRUPT = ("corrupt_batch", "bad_input_values")
IMBALANCE = ("class_imbalance",)
UNLEARNABLE = ("unlearnable_labels",)
SHAPE = ("input_shape",)
CORRUPT_FROM = 150


def _inputs(change: Any) -> Any:
    """Edit of the inputs, training and held out."""
    return lambda plain, generator: replace(plain, x=change(plain.x), x_test=change(plain.x_test))


def _units_of_measure(x: Array) -> Array:
    """Standardised features back in units as raw tables have them: from thousandths to thousands, and off centre."""
    scale = np.logspace(-2, 3, x.shape[1])
    return np.asarray((x + 3) * scale, np.float32)


def _one_feature_huge(x: Array) -> Array:
    scaled = x.copy()
    scaled[:, -1] *= 1e3
    return scaled


def _with_nan(plain: Data, generator: np.random.Generator) -> Data:
    x = plain.x.copy()
    x.reshape(len(x), -1)[generator.integers(0, len(x), 5), 0] = np.nan
    return replace(plain, x=x)


def _shuffled_labels(plain: Data, generator: np.random.Generator) -> Data:
    return replace(plain, y=generator.permutation(plain.y))


def _one_class_mostly(plain: Data, generator: np.random.Generator) -> Data:
    """Keeps three in a hundred samples of all classes but the first."""
    common = np.unique(plain.y)[-1]
    keep = (plain.y == common) | (generator.random(len(plain.y)) < 0.03)
    if not (plain.y[keep] != common).any():
        keep[np.flatnonzero(plain.y != common)[:3]] = True
    repeat = np.resize(np.flatnonzero(keep), len(plain.y))
    return replace(plain, x=plain.x[repeat], y=plain.y[repeat])


def _raw_targets(plain: Data, generator: np.random.Generator) -> Data:
    return replace(plain, y=plain.y * 77 + 152, y_test=plain.y_test * 77 + 152, truth=plain.truth * 77 + 152)


def _ragged(plain: Data, generator: np.random.Generator) -> Data:
    sentences = np.empty(len(plain.x), object)
    sentences[:] = [row[row > 0].tolist() for row in plain.x]
    return replace(plain, x=sentences)


def _corrupt_batches(factor: float, count: int) -> Any:
    """Feed: batches in random order, of which a few in a row are far too large."""

    def feed(plain: Data, size: int, epochs: int, generator: np.random.Generator) -> Iterator[tuple[Any, Any]]:
        step = 0
        for _ in range(epochs):
            order = generator.permutation(len(plain.x))
            for start in range(0, len(order), size):
                chosen = order[start : start + size]
                bad = CORRUPT_FROM <= step < CORRUPT_FROM + count
                yield plain.x[chosen] * (factor if bad else 1), plain.y[chosen]
                step += 1

    return feed


FAULTS = (
    Fault("unnormalised_input", tables.CANCER, SCALE, on_data(tables.CANCER, _inputs(_units_of_measure))),
    Fault("unnormalised_input", tables.CLIPPED, SCALE, on_data(tables.CLIPPED, _inputs(_units_of_measure))),
    Fault("unnormalised_input", tables.WINE, SCALE, on_data(tables.WINE, _inputs(_units_of_measure))),
    Fault("unnormalised_input", tables.WEIGHTED, SCALE, on_data(tables.WEIGHTED, _inputs(_units_of_measure))),
    Fault("feature_scale", tables.DIABETES, SCALE, on_data(tables.DIABETES, _inputs(_one_feature_huge))),
    Fault("feature_scale", tables.FRIEDMAN, SCALE, on_data(tables.FRIEDMAN, _inputs(_one_feature_huge))),
    Fault("unscaled_pixels", sequences.ROWS_RNN, SCALE, on_data(sequences.ROWS_RNN, _inputs(lambda x: x * 255))),
    Fault("unscaled_pixels", images.DEEP_TANH, SCALE, on_data(images.DEEP_TANH, _inputs(lambda x: x * 255))),
    Fault(
        "raw_targets", tables.DIABETES, ("unnormalised_input", "exploding_gradients", "learning_rate_too_high"),
        on_data(tables.DIABETES, _raw_targets),
    ),
    Fault(
        "raw_targets", tables.FRIEDMAN, ("unnormalised_input", "exploding_gradients", "learning_rate_too_high"),
        on_data(tables.FRIEDMAN, _raw_targets),
    ),
    Fault("nan_in_data", tables.DIABETES, VALUES, on_data(tables.DIABETES, _with_nan)),
    Fault("nan_in_data", sequences.CARBON_DIOXIDE, VALUES, on_data(sequences.CARBON_DIOXIDE, _with_nan)),
    Fault("nan_in_data", tables.WINE, VALUES, on_data(tables.WINE, _with_nan)),
    Fault("nan_in_data", sequences.SUNSPOTS, VALUES, on_data(sequences.SUNSPOTS, _with_nan)),
    Fault("corrupt_batch", sequences.ROWS_RNN, CORRUPT, {"feed": _corrupt_batches(1e4, 3)}, CORRUPT_FROM),
    Fault("corrupt_batch", tables.DIABETES, CORRUPT, {"feed": _corrupt_batches(100, 2)}, CORRUPT_FROM),
    Fault("corrupt_batch", tables.FRIEDMAN, CORRUPT, {"feed": _corrupt_batches(100, 2)}, CORRUPT_FROM),
    Fault("corrupt_batch", images.SCHEDULED, CORRUPT, {"feed": _corrupt_batches(1e3, 1)}, CORRUPT_FROM),
    Fault("class_imbalance", tables.CANCER, IMBALANCE, on_data(tables.CANCER, _one_class_mostly)),
    Fault("class_imbalance", sequences.ROWS_LSTM, IMBALANCE, on_data(sequences.ROWS_LSTM, _one_class_mostly)),
    Fault("class_imbalance", texts.CONVOLUTION, IMBALANCE, on_data(texts.CONVOLUTION, _one_class_mostly)),
    Fault("class_imbalance", texts.MEAN, IMBALANCE, on_data(texts.MEAN, _one_class_mostly)),
    Fault("random_labels", images.CONVOLUTIONAL, UNLEARNABLE, on_data(images.CONVOLUTIONAL, _shuffled_labels)),
    Fault("random_labels", sequences.PARITY, UNLEARNABLE, on_data(sequences.PARITY, _shuffled_labels)),
    Fault("random_labels", images.MIXED, UNLEARNABLE, on_data(images.MIXED, _shuffled_labels)),
    Fault("random_labels", sequences.ROWS_TRANSFORMER, UNLEARNABLE,
        on_data(sequences.ROWS_TRANSFORMER, _shuffled_labels)),
    Fault("missing_feature_axis", sequences.CARBON_DIOXIDE, SHAPE,
        on_data(sequences.CARBON_DIOXIDE, _inputs(lambda x: x[:, :, 0].reshape(-1, 2, 12)))),
    Fault("missing_feature_axis", sequences.SUNSPOTS, SHAPE,
        on_data(sequences.SUNSPOTS, _inputs(lambda x: x[:, :, 0].reshape(-1, 2, 12)))),
    Fault("flattened_sequences", sequences.ROWS_RNN, SHAPE,
        on_data(sequences.ROWS_RNN, _inputs(lambda x: x.reshape(len(x), -1)))),
    Fault("flattened_sequences", sequences.ROWS_LSTM, SHAPE,
        on_data(sequences.ROWS_LSTM, _inputs(lambda x: x.reshape(len(x), -1)))),
    Fault("wrong_width", tables.CANCER, SHAPE, on_data(tables.CANCER, _inputs(lambda x: x[:, :-3]))),
    Fault("wrong_width", sequences.LONG_LAG, SHAPE, on_data(sequences.LONG_LAG, _inputs(lambda x: x[:, :, :3]))),
    Fault("ragged_input", texts.BIDIRECTIONAL, SHAPE, on_data(texts.BIDIRECTIONAL, _ragged)),
    Fault("ragged_input", texts.COPYING, SHAPE, on_data(texts.COPYING, lambda plain, generator: replace(
        _ragged(plain, generator), y=plain.y
    ))),
)  # fmt: skip

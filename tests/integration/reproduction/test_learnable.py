"""What is made up can be learned, by models that fit it, in as few steps as a reproduction has; and not by others."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import pytest
from keras import layers

from paramedic.v1.reproduction_pb2 import DataSource
from paramedic_service.reproduction.data import Samples, class_weights, draw, transform
from paramedic_service.reproduction.plan import DataOperation, Limits
from paramedic_service.reproduction.worker.held_out import error_of
from paramedic_service.rules.description import ArrayProfile, Description, Layer
from support.profiles import array, classes, described, numbers, words

STEPS = 300
BATCH = 32
SEEDS = (0, 1)
SPARSE = "sparse_categorical_crossentropy"

SCALES = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0, 5000.0, 0.001)
UNITS_OF_MEASURE = array(
    (8,), mean=2300.0, deviation=4900.0, lowest=0.0, highest=30_000.0,
    feature_means=tuple(3 * scale for scale in SCALES), feature_deviations=SCALES,
    feature_lowest=(0.0,) * 8, feature_highest=tuple(7 * scale for scale in SCALES),
)  # fmt: skip
EACH_STEP = (Layer("gru", "GRU", output_shape=(-1, 16, 24)), Layer("dense", "Dense", output_shape=(-1, 16, 1)))


def labels(count: int) -> ArrayProfile:
    return classes((3000 // count,) * count)


def pixels(*shape: int) -> ArrayProfile:
    return array(shape, mean=0.3, deviation=0.35, lowest=0.0, highest=1.0)


def mlp(units: int, activation: str | None) -> list[layers.Layer]:
    return [layers.Dense(32, activation="relu"), layers.Dense(units, activation=activation)]


def recurrent(cell: type[layers.Layer], units: int, activation: str | None) -> list[layers.Layer]:
    return [cell(32), layers.Dense(units, activation=activation)]


def trained(samples: Samples, body: list[layers.Layer], loss: str, rate: float, seed: int, weights=None) -> float:
    """The error on held-out samples after a reproduction's number of steps."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(body)
    model.compile(keras.optimizers.Adam(rate), loss)
    order = np.random.default_rng(seed)
    rows: list[int] = []
    for _ in range(STEPS):
        if len(rows) < BATCH:
            rows = order.permutation(samples.count).tolist()
        batch, rows = rows[:BATCH], rows[BATCH:]
        weight = None if weights is None else weights[batch].astype(np.float32)
        model.train_on_batch(samples.inputs[0][batch], samples.targets[0][batch], sample_weight=weight)
    predicted = np.asarray(model(samples.held_inputs[0]))
    error = error_of(samples.held_targets[0], predicted, from_logits=False)
    assert error is not None
    return error


def drawn(description: Description, seed: int, *operations: DataOperation) -> Samples:
    return transform(draw(DataSource(), description, seed, Limits()), operations)


LEARNABLE = {
    "a table, three classes": (
        described(array((20,)), targets=labels(3)), lambda: mlp(3, "softmax"), SPARSE, 0.01, 0.12,
    ),
    "a table, ten classes": (
        described(array((20,)), targets=labels(10)), lambda: mlp(10, "softmax"), SPARSE, 0.01, 0.3,
    ),
    "a table, a number": (described(array((10,)), targets=numbers()), lambda: mlp(1, None), "mse", 0.01, 0.65),
    "an autoencoder": (
        described(pixels(40), targets=pixels(40), samples=1500),
        lambda: [layers.Dense(12, activation="relu"), layers.Dense(40, activation="sigmoid")], "mse", 0.01, 0.6,
    ),
    "20 steps, three classes": (
        described(array((20, 10)), targets=labels(3)), lambda: recurrent(layers.LSTM, 3, "softmax"), SPARSE, 0.005,
        0.1,
    ),
    "50 steps, a number": (
        described(array((50, 8)), targets=numbers()), lambda: recurrent(layers.GRU, 1, None), "mse", 0.01, 0.6,
    ),
    "50 steps of one feature": (
        described(array((50, 1)), targets=numbers()), lambda: recurrent(layers.LSTM, 1, None), "mse", 0.005, 0.6,
    ),
    "a label each step": (
        described(array((16, 4)), targets=classes((1500,) * 2, "binary", (16,)), layers=EACH_STEP),
        lambda: [layers.GRU(24, return_sequences=True), layers.Dense(1, activation="sigmoid"), layers.Reshape((16,))],
        "binary_crossentropy", 0.01, 0.35,
    ),
    "images": (
        described(pixels(16, 16, 3), targets=labels(4)),
        lambda: [
            layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(), layers.Conv2D(16, 3, activation="relu"),
            layers.Flatten(), layers.Dense(4, activation="softmax"),
        ], SPARSE, 0.005, 0.2,
    ),
    "images, pooled": (
        described(pixels(16, 16, 1), targets=labels(2)),
        lambda: [
            layers.Conv2D(16, 3, activation="relu"), layers.Conv2D(32, 3, activation="relu"),
            layers.GlobalMaxPooling2D(), layers.Dense(2, activation="softmax"),
        ], SPARSE, 0.01, 0.35,
    ),
    "tokens": (
        described(words(20, 60, padding=0.25), targets=labels(3)),
        lambda: [
            layers.Embedding(61, 12), layers.GlobalAveragePooling1D(), layers.Dense(16, activation="relu"),
            layers.Dense(3, activation="softmax"),
        ], SPARSE, 0.01, 0.3,
    ),
    "tokens of a large vocabulary": (
        described(words(40, 19_999), targets=labels(2)),
        lambda: [
            layers.Embedding(20_000, 8), layers.GlobalAveragePooling1D(), layers.Dense(2, activation="softmax"),
        ], SPARSE, 0.01, 0.25,
    ),
}  # fmt: skip


@pytest.mark.parametrize("task", LEARNABLE)
def test_a_model_that_fits_learns_what_was_made_up(task: str) -> None:
    description, body, loss, rate, most = LEARNABLE[task]

    errors = [trained(drawn(description, seed), body(), loss, rate, seed) for seed in SEEDS]

    print(task, [f"{error:.2f}" for error in errors])
    assert max(errors) < most


def test_raw_units_of_measure_are_hard_and_standardised_ones_are_not() -> None:
    description = described(UNITS_OF_MEASURE, targets=labels(3))
    standardise = DataOperation("inputs", "standardise", True)

    raw = [trained(drawn(description, seed), mlp(3, "softmax"), SPARSE, 0.003, seed) for seed in SEEDS]
    scaled = [trained(drawn(description, seed, standardise), mlp(3, "softmax"), SPARSE, 0.003, seed) for seed in SEEDS]

    assert max(scaled) < 0.2
    assert min(raw) > 2 * max(scaled)


def test_a_rare_class_is_missed_until_classes_count_alike() -> None:
    description = described(array((20,)), targets=classes((970, 15, 15)))

    def error(seed: int, *, balanced: bool) -> float:
        samples = drawn(description, seed)
        weights = class_weights(samples.targets[0]) if balanced else None
        return trained(samples, mlp(3, "softmax"), SPARSE, 0.003, seed, weights)

    for seed in SEEDS:
        assert error(seed, balanced=True) < 0.8 * error(seed, balanced=False)


def test_gates_remember_what_a_plain_recurrence_forgets() -> None:
    description = described(array((60, 4)), targets=numbers(), samples=1000)

    def errors(cell: type[layers.Layer], rate: float) -> list[float]:
        return [trained(drawn(description, seed), recurrent(cell, 1, None), "mse", rate, seed) for seed in SEEDS]

    plain, gated = errors(layers.SimpleRNN, 0.001), errors(layers.GRU, 0.01)

    print(plain, gated)
    assert np.mean(gated) < 0.8 * np.mean(plain)


def test_labels_drawn_at_random_teach_nothing() -> None:
    samples = draw(DataSource(bundled="random-three-classes"), Description(), 0, Limits())

    assert trained(samples, recurrent(layers.LSTM, 3, "softmax"), SPARSE, 0.005, 0) > 0.4

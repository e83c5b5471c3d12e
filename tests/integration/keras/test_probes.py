"""What probes measure is what a plain computation on the same samples measures."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from paramedic.integrations.keras import Monitor
from support.probed import layer_signal, paths, zero_shares

SAMPLES = 32
"""As many as a probe takes, so that it takes all of them."""


def fitted(model: Any, x: Any, y: Any, recording: Any, *, steps: int = 1, loss: Any = "mse", rate: float = 0.0) -> Any:
    """Trains at a learning rate of zero unless told otherwise: the model stays what it can be compared with."""
    model.compile(keras.optimizers.SGD(rate), loss)
    model.fit(x, y, batch_size=SAMPLES, epochs=steps, shuffle=False, verbose=0, callbacks=[Monitor(recording.run)])
    return recording.told()


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=shape).astype("float32")


def sequential(shape: tuple[int, ...], *hidden: Any) -> Any:
    return keras.Sequential([keras.Input(shape), *hidden])


def gradients(model: Any, x: Any, y: Any) -> list[np.ndarray]:
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(x, training=False) - y))
    return [
        tf.convert_to_tensor(each).numpy() for each in tape.gradient(loss, [v.value for v in model.trainable_variables])
    ]


def test_activations_are_those_of_each_layer_on_the_samples(recording) -> None:
    x, y = normal(SAMPLES, 5), normal(SAMPLES, 2)
    hidden, output = layers.Dense(8, "relu", name="hidden"), layers.Dense(2, "tanh", kernel_initializer="ones")
    model = sequential((5,), hidden, layers.Dropout(0.5), output)
    told = fitted(model, x, y, recording)
    for layer, inputs in ((hidden, x), (output, hidden(x))):
        values = np.asarray(layer(inputs))
        said = {name: layer_signal(told, name)[1][layer.name] for name in ("activation_mean", "activation_deviation")}
        assert said == pytest.approx({"activation_mean": values.mean(), "activation_deviation": values.std()}, rel=1e-4)
        assert layer_signal(told, "sample_deviation")[1][layer.name] == pytest.approx(values.std(0).mean(), rel=1e-4)
    saturated = layer_signal(told, "saturated_share")[1]
    assert np.isnan(saturated["hidden"])
    assert saturated[output.name] == pytest.approx(np.mean(np.abs(values) >= 0.95))
    assert saturated[output.name] > 0


def test_a_unit_that_more_than_5_of_100_samples_reach_is_alive(recording) -> None:
    model = sequential((1,), layers.Dense(3, "relu", name="hidden"), layers.Dense(1))
    model.layers[0].set_weights([np.ones((1, 3), "float32"), np.array([0, -9.5, -9.5], "float32")])
    x = np.zeros((SAMPLES, 1), "float32")
    x[:2] = 10  # 2 of 32 are more than 5 of 100
    told = fitted(model, x, np.zeros(SAMPLES), recording)
    assert layer_signal(told, "dead_share")[1]["hidden"] == 0


def test_dead_units_are_counted(recording) -> None:
    model = sequential((1,), layers.Dense(4, "relu", name="hidden"), layers.Dense(1))
    model.layers[0].set_weights([np.ones((1, 4), "float32"), np.array([20, 0, -9.5, -20], "float32")])
    x = np.full((SAMPLES, 1), -1, "float32")
    x[:1] = 10  # 1 of 32 is fewer than 5 of 100
    told = fitted(model, x, np.zeros(SAMPLES), recording)
    assert layer_signal(told, "dead_share")[1]["hidden"] == 0.75
    percentile = np.percentile(np.abs(model.layers[0](x)), 95, axis=0, method="inverted_cdf")
    assert np.mean(percentile < 1e-5) == 0.75


def test_channels_are_the_units_of_a_convolution(recording) -> None:
    convolution = layers.Conv2D(2, 1, activation="relu", name="convolution")
    model = sequential((4, 4, 1), convolution, layers.Flatten(), layers.Dense(1))
    convolution.set_weights([np.ones((1, 1, 1, 2), "float32"), np.array([0, -100], "float32")])
    told = fitted(model, np.abs(normal(SAMPLES, 4, 4, 1)), np.zeros(SAMPLES), recording)
    assert layer_signal(told, "dead_share")[1]["convolution"] == 0.5


def test_the_gradient_shrinks_by_the_recurrent_weight_a_time_step(recording) -> None:
    recurrent = layers.SimpleRNN(1, activation="linear", use_bias=False)
    model = sequential((6, 1), recurrent)
    recurrent.set_weights([np.array([[1.0]]), np.array([[0.5]])])
    x, y = normal(SAMPLES, 6, 1), normal(SAMPLES, 1)
    predictions = model.predict(x, verbose=0)
    at_the_end = np.linalg.norm(2 * (predictions - y) / SAMPLES)
    told = fitted(model, x, y, recording)
    assert paths(told)[recurrent.name][1] == pytest.approx(at_the_end * 0.5 ** np.arange(5, -1, -1), rel=1e-5)


def test_every_step_that_is_answered_adds_to_the_gradient(recording) -> None:
    recurrent = layers.SimpleRNN(1, activation="linear", use_bias=False, return_sequences=True)
    model = sequential((4, 1), recurrent)
    recurrent.set_weights([np.array([[1.0]]), np.array([[0.5]])])
    x, y = normal(SAMPLES, 4, 1), normal(SAMPLES, 4, 1)
    direct = 2 * (model.predict(x, verbose=0) - y) / y.size
    expected = direct.copy()
    for step in (2, 1, 0):
        expected[:, step] += 0.5 * expected[:, step + 1]
    told = fitted(model, x, y, recording)
    assert paths(told)[recurrent.name][1] == pytest.approx(np.linalg.norm(expected, axis=(0, 2)), rel=1e-5)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_the_path_through_gated_cells_is_that_of_an_unrolled_loop(kind: str, recording) -> None:
    recurrent = getattr(layers, kind)(5)
    model = sequential((7, 3), recurrent, layers.Dense(2))
    x, y = normal(SAMPLES, 7, 3), normal(SAMPLES, 2)
    states = [tf.zeros((SAMPLES, 5)) for _ in range(2 if kind == "LSTM" else 1)]
    outputs = []
    with tf.GradientTape() as tape:
        for step in range(7):
            output, states = recurrent.cell(tf.constant(x[:, step]), states)
            states = states if isinstance(states, list) else [states]
            outputs.append(output)
            tape.watch(output)
        loss = tf.reduce_mean(tf.square(model.layers[-1](output) - y))
    expected = [np.linalg.norm(each) for each in tape.gradient(loss, outputs)]
    told = fitted(model, x, y, recording)
    assert paths(told)[recurrent.name][1] == pytest.approx(expected, rel=1e-4)


def test_each_direction_and_each_layer_of_a_stack_has_its_path(recording) -> None:
    both = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")
    inner = keras.Sequential([keras.Input((5, 6)), layers.GRU(4, name="gru")], name="inner")
    model = sequential((5, 2), both, inner, layers.Dense(1))
    told = fitted(model, normal(SAMPLES, 5, 2), normal(SAMPLES, 1), recording)
    assert set(paths(told)) == {"both/forward", "both/backward", "inner/gru"}
    assert all((path[1] > 0).all() for path in paths(told).values())


def test_the_backward_direction_counts_time_as_it_reads(recording) -> None:
    recurrent = layers.SimpleRNN(1, activation="linear", use_bias=False, go_backwards=True)
    model = sequential((6, 1), recurrent)
    recurrent.set_weights([np.array([[1.0]]), np.array([[0.1]])])
    told = fitted(model, normal(SAMPLES, 6, 1), normal(SAMPLES, 1), recording)
    path = paths(told)[recurrent.name][1]
    assert path[1:] / path[:-1] == pytest.approx(np.full(5, 10.0), rel=1e-3)


def test_steps_that_are_padding_in_every_sample_are_not_on_the_path(recording) -> None:
    words = np.random.default_rng(0).integers(1, 9, (SAMPLES, 10))
    words[:, 6:] = 0
    recurrent = layers.LSTM(4)
    model = sequential((10,), layers.Embedding(9, 3, mask_zero=True), recurrent, layers.Dense(1))
    told = fitted(model, words, normal(SAMPLES, 1), recording)
    path = paths(told)[recurrent.name][1]
    assert len(path) == 6
    assert (path > 0).all()


def test_of_long_sequences_64_time_steps_are_told_with_both_ends(recording) -> None:
    model = sequential((100, 1), layers.SimpleRNN(2), layers.Dense(1))
    told = fitted(model, normal(SAMPLES, 100, 1), normal(SAMPLES, 1), recording)
    (block,) = [block for batch in told.batches for block in batch.paths]
    assert (len(block.time_steps), block.time_steps[0], block.time_steps[-1]) == (64, 0, 99)


def test_zero_shares_are_those_of_the_gradient(recording) -> None:
    words = np.random.default_rng(0).integers(0, 4, (SAMPLES, 3))
    model = sequential((3,), layers.Embedding(10, 2), layers.Flatten(), layers.Dense(5, "relu"), layers.Dense(1))
    model.layers[2].set_weights([normal(6, 5), np.array([0, 0, 0, -100, -100], "float32")])
    y = normal(SAMPLES, 1)
    expected = [np.mean(each == 0) for each in gradients(model, words, y)]
    told = fitted(model, words, y, recording)
    assert list(zero_shares(told)[1].values()) == pytest.approx(expected)
    assert expected[0] >= 0.6


def test_the_noise_of_gradients_is_that_between_quarters_of_the_samples(recording) -> None:
    x, y = normal(SAMPLES, 4), normal(SAMPLES, 1)
    model = sequential((4,), layers.Dense(6, "tanh"), layers.Dense(1))
    parts = [gradients(model, x[start : start + 8], y[start : start + 8]) for start in range(0, SAMPLES, 8)]
    micro = np.sqrt(np.mean([sum(np.sum(np.square(each)) for each in part) for part in parts]))
    macro = np.sqrt(sum(np.sum(np.square(each)) for each in gradients(model, x, y)))
    told = fitted(model, x, y, recording, steps=101)
    assert told.scalar("micro_gradient_norm") == pytest.approx({100: micro}, rel=1e-4)
    assert told.scalar("macro_gradient_norm") == pytest.approx({100: macro}, rel=1e-4)
    assert (told.scalar("micro_batch_size"), told.scalar("macro_batch_size")) == ({100: 8}, {100: 32})


def test_regularisation_counts_in_the_gradient(recording) -> None:
    x, y = normal(SAMPLES, 4), normal(SAMPLES, 1)
    model = sequential((4,), layers.Dense(1, kernel_regularizer=keras.regularizers.L2(3.0)))
    told = fitted(model, x, y, recording, steps=101)
    expected = told.norms("gradient_norm")[100]
    assert told.scalar("macro_gradient_norm")[100] == pytest.approx(np.linalg.norm(expected), rel=1e-4)
    assert set(zero_shares(told)) == {1, 5, 20, 50, 100}


def test_probes_come_at_first_and_then_every_100_steps_and_tell_their_cost(recording) -> None:
    model = sequential((4,), layers.Dense(3, "relu"), layers.Dense(1))
    told = fitted(model, normal(SAMPLES, 4), normal(SAMPLES, 1), recording, steps=152)
    assert list(layer_signal(told, "dead_share")) == [1, 5, 20, 50, 100]
    costs = told.scalar("probe_seconds")
    assert list(costs) == [1, 5, 20, 50, 100]
    assert all(cost > 0 for cost in costs.values())


def test_mixed_precision_does_not_scale_what_is_told(recording) -> None:
    recurrent = layers.SimpleRNN(2, dtype="mixed_float16")
    model = sequential((4, 1), recurrent, layers.Dense(1, dtype="float32"))
    x, y = normal(SAMPLES, 4, 1), normal(SAMPLES, 1)
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.0), initial_scale=1024.0), "mse")
    model.fit(x, y, batch_size=SAMPLES, verbose=0, callbacks=[Monitor(recording.run)])
    at_the_end = paths(recording.told())[recurrent.name][1][-1]
    difference = model.predict(x, verbose=0) - y
    expected = np.linalg.norm(2 * difference / SAMPLES @ np.asarray(model.layers[-1].kernel).T)
    assert at_the_end == pytest.approx(expected, rel=0.02)

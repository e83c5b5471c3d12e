"""What probes measure is what a plain computation on the same samples measures."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from paramedic.integrations.jax import measure, watch
from support.probed import layer_signal, paths, zero_shares

SAMPLES = 32
"""As many as a probe takes, so that it takes all of them."""


def normal(*shape: int) -> np.ndarray:
    return np.random.default_rng(3).normal(size=shape).astype("float32")


def probed(recording: Any, loss_fn: Any, params: Any, *arguments: Any, steps: int = 1) -> Any:
    """Logs steps that leave the parameters as they are."""
    watching = watch(recording.run, loss_fn, params, *arguments)
    for _ in range(steps):
        watching.log(1.0, params=params)
    return recording.told()


def dense(layer: Any, x: Any) -> Any:
    return x @ layer["kernel"] + layer["bias"]


def test_activations_are_those_of_each_layer_on_the_samples(recording) -> None:
    params = {
        "hidden": {"kernel": jnp.asarray(normal(5, 8)), "bias": jnp.full(8, 0.1).at[3].set(-100.0)},
        "squashed": {"kernel": jnp.ones((8, 6)), "bias": jnp.zeros(6)},
        "output": {"kernel": jnp.ones((6, 2)), "bias": jnp.zeros(2)},
    }

    def loss_fn(params: Any, x: Any, y: Any) -> Any:
        hidden = jax.nn.relu(dense(params["hidden"], x))
        return jnp.mean(jnp.square(dense(params["output"], jnp.tanh(dense(params["squashed"], hidden))) - y))

    x, y = normal(SAMPLES, 5), normal(SAMPLES, 2)
    told = probed(recording, loss_fn, params, x, y, steps=101)
    hidden = np.asarray(jax.nn.relu(dense(params["hidden"], x)))
    squashed = np.tanh(np.asarray(dense(params["squashed"], hidden)))
    for name, values in (("hidden", hidden), ("squashed", squashed)):
        said = {each: layer_signal(told, each)[1][name] for each in ("activation_mean", "activation_deviation")}
        assert said == pytest.approx({"activation_mean": values.mean(), "activation_deviation": values.std()}, rel=1e-4)
        assert layer_signal(told, "sample_deviation")[1][name] == pytest.approx(values.std(0).mean(), rel=1e-4)
    assert layer_signal(told, "dead_share")[1] == pytest.approx({"hidden": 1 / 8, "squashed": 0, "output": 0})
    saturated = layer_signal(told, "saturated_share")[1]
    assert saturated["squashed"] == pytest.approx(np.mean(np.abs(squashed) >= 0.95))
    assert np.isnan([saturated["hidden"], saturated["output"]]).all()
    assert list(layer_signal(told, "dead_share")) == [1, 5, 20, 50, 100]
    assert list(told.scalar("probe_seconds")) == [1, 5, 20, 50, 100]


def test_zero_shares_are_those_of_the_gradient(recording) -> None:
    params = {"table": jnp.asarray(normal(10, 6)), "kernel": jnp.asarray(normal(6, 4)).at[:, 3].set(0)}

    def loss_fn(params: Any, words: Any) -> Any:
        return jnp.sum(jax.nn.relu(params["table"][words] @ params["kernel"] - 0.01))

    words = np.arange(SAMPLES) % 4
    watching = watch(recording.run, loss_fn, params, words)
    gradients = jax.grad(loss_fn)(params, words)
    watching.log(measure(1.0, gradients, params, params), params=params)
    expected = {name: np.mean(np.asarray(gradient) == 0) for name, gradient in gradients.items()}
    assert zero_shares(recording.told())[1] == pytest.approx(expected)
    assert expected["table"] >= 0.6


def test_units_of_kernels_on_the_left_and_of_channels_first_are_found(recording) -> None:
    params = {"left": jnp.ones((6, 3)).at[:2].set(-1.0), "filters": jnp.ones((4, 1, 2, 2)).at[0].set(-1.0)}

    def loss_fn(params: Any, x: Any, images: Any) -> Any:
        turned = jax.vmap(lambda one: jax.nn.relu(params["left"] @ one))(x)
        seen = jax.nn.relu(jax.lax.conv(images, params["filters"], (1, 1), "VALID"))
        return jnp.mean(turned) + jnp.mean(seen)

    told = probed(recording, loss_fn, params, np.abs(normal(SAMPLES, 3)), np.abs(normal(SAMPLES, 1, 5, 5)))
    assert layer_signal(told, "dead_share")[1] == pytest.approx({"left": 2 / 6, "filters": 1 / 4})


def recurrence(params: Any, x: Any, *, reverse: bool = False) -> Any:
    def cell(state: Any, inputs: Any) -> Any:
        state = inputs @ params["kernel"] + state @ params["recurrent_kernel"]
        return state, state

    return jax.lax.scan(cell, jnp.zeros((len(x), 1)), x.swapaxes(0, 1), reverse=reverse)


@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "backward"])
def test_the_gradient_shrinks_by_the_recurrent_weight_a_time_step(reverse: bool, recording) -> None:
    params = {"plain": {"kernel": jnp.ones((1, 1)), "recurrent_kernel": jnp.full((1, 1), 0.5)}}

    def predict(params: Any, x: Any) -> Any:
        return recurrence(params["plain"], x, reverse=reverse)[0]

    x, y = normal(SAMPLES, 6, 1), normal(SAMPLES, 1)
    told = probed(recording, lambda params, x, y: jnp.mean(jnp.square(predict(params, x) - y)), params, x, y)
    at_the_end = np.linalg.norm(2 * (np.asarray(predict(params, x)) - y) / SAMPLES)
    # Time counts as the layer reads it.
    assert paths(told)["plain"][1] == pytest.approx(at_the_end * 0.5 ** np.arange(5, -1, -1), rel=1e-4)


def test_every_step_that_is_answered_adds_to_the_gradient(recording) -> None:
    params = {"plain": {"kernel": jnp.ones((1, 1)), "recurrent_kernel": jnp.full((1, 1), 0.5)}}
    x, y = normal(SAMPLES, 4, 1), normal(SAMPLES, 4, 1)

    def predict(params: Any, x: Any) -> Any:
        return recurrence(params["plain"], x)[1].swapaxes(0, 1)

    told = probed(recording, lambda params, x, y: jnp.mean(jnp.square(predict(params, x) - y)), params, x, y)
    expected = 2 * (np.asarray(predict(params, x)) - y) / y.size
    for step in (2, 1, 0):
        expected[:, step] += 0.5 * expected[:, step + 1]
    assert paths(told)["plain"][1] == pytest.approx(np.linalg.norm(expected, axis=(0, 2)), rel=1e-4)
    (layer,) = told.description.model.layers
    assert (list(layer.output_shape), layer.settings["return_sequences"]) == ([-1, 4, 1], True)


def lstm_step(params: Any, cell: Any, state: Any, inputs: Any) -> Any:
    gates = inputs @ params["kernel"] + state @ params["recurrent_kernel"] + params["bias"]
    opened, kept, new, shown = jnp.split(gates, 4, -1)
    cell = jax.nn.sigmoid(kept) * cell + jax.nn.sigmoid(opened) * jnp.tanh(new)
    return cell, jax.nn.sigmoid(shown) * jnp.tanh(cell)


def test_the_path_through_gated_cells_is_that_of_an_unrolled_loop(recording) -> None:
    params = {
        "lstm": {
            "kernel": jnp.asarray(normal(3, 20)),
            "recurrent_kernel": jnp.asarray(normal(5, 20)) / 2,
            "bias": jnp.zeros(20),
        },
        "output": {"kernel": jnp.asarray(normal(5, 2)), "bias": jnp.zeros(2)},
    }
    x, y = normal(SAMPLES, 7, 3), normal(SAMPLES, 2)

    def loss_fn(params: Any, x: Any, y: Any) -> Any:
        def cell(carry: Any, inputs: Any) -> Any:
            count, cell, state = carry
            cell, state = lstm_step(params["lstm"], cell, state, inputs)
            return (count + 1, cell, state), None

        zeros = jnp.zeros((len(x), 5))
        (_, _, state), _ = jax.lax.scan(cell, (0, zeros, zeros), x.swapaxes(0, 1))
        return jnp.mean(jnp.square(dense(params["output"], state) - y))

    def unrolled(added: Any) -> Any:
        cell = state = jnp.zeros((SAMPLES, 5))
        for step in range(7):
            cell, state = lstm_step(params["lstm"], cell, state, x[:, step])
            state = state + added[step]
        return jnp.mean(jnp.square(dense(params["output"], state) - y))

    expected = [np.linalg.norm(each) for each in jax.grad(unrolled)(jnp.zeros((7, SAMPLES, 5)))]
    told = probed(recording, loss_fn, params, x, y)
    assert paths(told)["lstm"][1] == pytest.approx(expected, rel=1e-4)
    assert [layer.kind for layer in told.description.model.layers] == ["LSTM", "Dense"]


def test_parameters_that_the_next_step_takes_the_memory_of_are_probed_before(recording) -> None:
    def loss_fn(params: Any, x: Any, y: Any) -> Any:
        return jnp.mean(jnp.square(jnp.tanh(x @ params["weight"]) - y))

    params = {"weight": jnp.asarray(normal(4, 3))}
    x, y = normal(SAMPLES, 4), normal(SAMPLES, 3)
    watching = watch(recording.run, loss_fn, params, x, y)
    step = jax.jit(lambda params: jax.tree.map(lambda leaf: leaf * 0.5, params), donate_argnums=0)
    for _ in range(5):
        before, params = params, step(params)
        watching.log(1.0, params=params)
        assert before["weight"].is_deleted()
    assert list(layer_signal(recording.told(), "activation_mean")) == [1, 5]


def test_a_loss_that_takes_one_number_of_samples_only_is_described_all_the_same(recording) -> None:
    def loss_fn(params: Any, x: Any) -> Any:
        return jnp.sum(jnp.tanh(x.reshape(SAMPLES + 8, 4) @ params["weight"]))

    told = probed(recording, loss_fn, {"weight": jnp.asarray(normal(4, 3))}, normal(SAMPLES + 8, 4))
    assert [layer.activation for layer in told.description.model.layers] == ["tanh"]
    assert list(told.scalar("probe_seconds")) == [1]
    assert not told.description.probed_layers


def test_a_loss_that_calls_back_is_not_computed_beside_the_training(recording) -> None:
    called = []

    def loss_fn(params: Any, x: Any, y: Any) -> Any:
        jax.debug.callback(lambda: called.append(1))
        return jnp.mean(jnp.square(x @ params["weight"] - y))

    told = probed(recording, loss_fn, {"weight": jnp.asarray(normal(4, 3))}, normal(SAMPLES, 4), normal(SAMPLES, 3))
    jax.effects_barrier()
    assert called == []
    assert [layer.kind for layer in told.description.model.layers] == ["Dense"]
    assert told.scalar("probe_seconds") == {}

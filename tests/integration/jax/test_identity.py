"""Parameters and optimizer are the same after training, to the bit, with and without all that is measured."""

import random
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from paramedic.integrations.jax import measure, watch

STEPS = 108
"""More than 100, by which every probe has run."""
BATCH = 16
CLASSES = 5

_rng = np.random.default_rng(3)


def weights(*shape: int) -> Any:
    return jnp.asarray(_rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1])), jnp.float32)


def layer(inputs: int, units: int) -> dict[str, Any]:
    return {"kernel": weights(inputs, units), "bias": jnp.zeros(units)}


def dense(params: Any, x: Any) -> Any:
    return x @ params["kernel"] + params["bias"]


def mlp(params: Any, x: Any, key: Any) -> Any:
    x = jax.nn.relu(dense(params[0], x))
    x = jnp.where(jax.random.bernoulli(key, 0.7, x.shape), x / 0.7, 0)
    return dense(params[1], x)


def cnn(params: Any, x: Any, key: Any) -> Any:
    numbers = ("NHWC", "HWIO", "NHWC")
    x = jax.lax.conv_general_dilated(x, params["filters"], (1, 1), "VALID", dimension_numbers=numbers)
    x = jax.lax.reduce_window(jax.nn.gelu(x), -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return dense(params["output"], x.reshape(len(x), -1))


def lstm(params: Any, x: Any, key: Any) -> Any:
    def cell(carry: Any, inputs: Any) -> Any:
        cell, state = carry
        gates = inputs @ params["lstm"]["kernel"] + state @ params["lstm"]["recurrent_kernel"] + params["lstm"]["bias"]
        opened, kept, new, shown = jnp.split(gates, 4, -1)
        cell = jax.nn.sigmoid(kept) * cell + jax.nn.sigmoid(opened) * jnp.tanh(new)
        return (cell, jax.nn.sigmoid(shown) * jnp.tanh(cell)), None

    zeros = jnp.zeros((len(x), 12))
    (_, state), _ = jax.lax.scan(cell, (zeros, zeros), x.swapaxes(0, 1))
    return dense(params["output"], state)


def attention(params: Any, words: Any, key: Any) -> Any:
    x = params["table"][words]
    centred = x - x.mean(-1, keepdims=True)
    normal = centred * jax.lax.rsqrt(x.var(-1, keepdims=True) + 1e-6) * params["norm"]["scale"] + params["norm"]["bias"]
    scores = jnp.einsum("btd,bsd->bts", dense(params["query"], normal), dense(params["key"], normal))
    return dense(params["output"], (x + jax.nn.softmax(scores) @ normal).mean(1))


def lstm_params() -> Any:
    recurrent = {"kernel": weights(4, 48), "recurrent_kernel": weights(12, 48), "bias": jnp.zeros(48)}
    return {"lstm": recurrent, "output": layer(12, CLASSES)}


def attention_params() -> Any:
    norm = {"scale": jnp.ones(8), "bias": jnp.zeros(8)}
    return {
        "table": weights(50, 8),
        "norm": norm,
        "query": layer(8, 8),
        "key": layer(8, 8),
        "output": layer(8, CLASSES),
    }


def clipped() -> Any:
    schedule = optax.cosine_decay_schedule(0.01, 100)
    return optax.chain(optax.clip_by_global_norm(0.5), optax.adamw(schedule, weight_decay=0.01))


Models = dict[str, tuple[Callable[..., Any], Callable[[], Any], Callable[[], Any], Callable[[int], Any]]]
MODELS: Models = {
    "mlp": (mlp, lambda: [layer(9, 33), layer(33, CLASSES)], clipped, lambda n: _rng.normal(size=(n, 9))),
    "cnn": (
        cnn,
        lambda: {"filters": weights(3, 3, 3, 6), "output": layer(54, CLASSES)},
        lambda: optax.sgd(0.05, momentum=0.9, nesterov=True),
        lambda n: _rng.normal(size=(n, 8, 8, 3)),
    ),
    "lstm": (lstm, lstm_params, lambda: optax.adam(0.01), lambda n: _rng.normal(size=(n, 6, 4))),
    "attention": (attention, attention_params, lambda: optax.rmsprop(0.01), lambda n: _rng.integers(0, 50, (n, 7))),
}


def loss_of(predict: Callable[..., Any]) -> Callable[..., Any]:
    def loss(params: Any, x: Any, y: Any, key: Any) -> Any:
        logits = predict(params, x, key).astype(jnp.float32)
        return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean(), logits

    return loss


def trained(name: str, run: Any, dtype: Any) -> list[bytes]:
    """Everything a training leaves; with a run, watched."""
    predict, params_of, optimizer_of, inputs_of = MODELS[name]
    global _rng
    _rng = np.random.default_rng(3)
    optimizer, loss_fn = optimizer_of(), loss_of(predict)

    def step(params: Any, state: Any, x: Any, y: Any, key: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_fn, has_aux=True)(params, x, y, key)
        updates, state = optimizer.update(gradients, state, params)
        updated = optax.apply_updates(params, updates)
        return updated, state, loss[0] if run is None else measure(loss, gradients, params, updated)

    step = jax.jit(step, donate_argnums=(0, 1))
    params = jax.tree.map(lambda leaf: leaf.astype(dtype), params_of())
    inputs = inputs_of(4 * BATCH).reshape(4, BATCH, *inputs_of(1).shape[1:])
    x = jnp.asarray(inputs, dtype if inputs.dtype.kind == "f" else jnp.int32)
    y, key = jnp.asarray(_rng.integers(0, CLASSES, (4, BATCH))), jax.random.key(5)
    state = optimizer.init(params)
    watching = None if run is None else watch(run, loss_fn, params, x[0], y[0], key, optimizer=optimizer, every=7)
    random.seed(4)
    np.random.seed(4)
    for number in range(STEPS):
        batch = x[number % 4], y[number % 4], jax.random.fold_in(key, number)
        params, state, measured = step(params, state, *batch)
        if watching is not None:
            watching.log(measured, params=params)
    drawn = [random.random(), np.random.random()]
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves((params, state))] + [np.array(drawn).tobytes()]


@pytest.mark.usefixtures("optimised")
@pytest.mark.parametrize(("name", "dtype"), [(name, jnp.bfloat16 if name == "mlp" else jnp.float32) for name in MODELS])
def test_training_leaves_the_same_bits_when_it_is_watched(name: str, dtype: Any, recording) -> None:
    bare = trained(name, None, dtype)
    watched = trained(name, recording.run, dtype)
    told = recording.told()
    assert told.steps() == list(range(1, STEPS + 1))
    assert list(told.scalar("probe_seconds")) == [1, 5, 20, 50, 100]
    assert bare == watched

"""Faults that every framework's loop can have are named, and their healthy twins are left in peace."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import optax
import pytest

import paramedic
from paramedic.integrations.jax import measure, watch
from support.common_faults import TRIALS, Trial, batches, parameters
from support.folding import alarms, folded, told

ACTIVATIONS = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh}


def recurrent(layer: dict[str, Any], x: Any) -> Any:
    def cell(state: Any, inputs: Any) -> Any:
        state = jnp.tanh(inputs @ layer["kernel"] + state @ layer["recurrent_kernel"] + layer["bias"])
        return state, None

    return jax.lax.scan(cell, jnp.zeros((len(x), layer["bias"].size)), x.swapaxes(0, 1))[0]


def loss_of(trial: Trial) -> Callable[[Any, Any, Any], Any]:
    def predict(params: Any, x: Any) -> Any:
        *hidden, last = params
        for layer in hidden:
            if trial.kind == "rnn":
                x = recurrent(layer, x)
            else:
                x = ACTIVATIONS[trial.activation](x @ layer["kernel"] + layer["bias"])
        x = x @ last["kernel"] + last["bias"]
        return jax.nn.softmax(x) if trial.output == "softmax" else x

    def loss(params: Any, x: Any, y: Any) -> Any:
        predicted = predict(params, x)
        if trial.loss == "mse":
            return jnp.mean(jnp.square(predicted - y))
        if trial.loss == "binary_cross_entropy":
            return optax.sigmoid_binary_cross_entropy(predicted[:, 0], y).mean()
        return optax.softmax_cross_entropy_with_integer_labels(predicted, y).mean()

    return loss


def train(trial: Trial, seed: int, directory: Path) -> None:
    loss_fn = loss_of(trial)
    optimizer = {"adam": optax.adam, "sgd": optax.sgd}[trial.optimizer](trial.rate)

    def step(params: Any, state: Any, x: Any, y: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_fn)(params, x, y)
        updates, state = optimizer.update(gradients, state, params)
        updated = optax.apply_updates(params, updates)
        return updated, state, measure(loss, gradients, params, updated)

    step = jax.jit(step, donate_argnums=(0, 1))
    params = jax.tree.map(jnp.asarray, parameters(trial, seed))
    state, data = optimizer.init(params), batches(trial, seed)
    with paramedic.init("sources", id="run", mode="offline", spool_dir=directory) as run:
        watching = watch(run, loss_fn, params, *data[0], optimizer=optimizer)
        for _ in range(trial.epochs):
            for x, y in data:
                params, state, measured = step(params, state, x, y)
                watching.log(measured, params=params)
            watching.epoch_ended()


@pytest.mark.parametrize("name", TRIALS)
def test_the_fault_is_named_first_and_its_healthy_twin_raises_no_alarm(name: str, tmp_path: Path) -> None:
    trial = TRIALS[name]
    train(trial, 0, tmp_path)
    live = folded(tmp_path)
    if trial.causes:
        assert alarms(live), told(live)
        assert alarms(live)[0].causes[0].id in trial.causes, told(live)
    else:
        assert not alarms(live), told(live)

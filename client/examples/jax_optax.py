"""JAX and Optax: which of three features is the largest? Two lines measure and report every step."""

import jax
import numpy as np
import optax

import paramedic
from paramedic.integrations.jax import measure, watch

generator = np.random.default_rng(0)
inputs = generator.normal(size=(3200, 8)).astype("float32")
labels = inputs[:, :3].argmax(1)


def loss_fn(params, x, y):
    """Cross-entropy of two dense layers."""
    hidden = jax.nn.relu(x @ params["hidden"]["kernel"] + params["hidden"]["bias"])
    logits = hidden @ params["output"]["kernel"] + params["output"]["bias"]
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()


@jax.jit
def train(params, state, x, y):
    """One step, and what is measured of it."""
    loss, gradients = jax.value_and_grad(loss_fn)(params, x, y)
    updates, state = optimizer.update(gradients, state, params)
    updated = optax.apply_updates(params, updates)
    return updated, state, measure(loss, gradients, params, updated)


kernels = {"hidden": generator.normal(size=(8, 32)) / 2, "output": generator.normal(size=(32, 3)) / 4}
params = {name: {"kernel": np.float32(each), "bias": np.zeros(each.shape[1], "f4")} for name, each in kernels.items()}
optimizer = optax.adam(0.005)
state = optimizer.init(params)
with paramedic.init(project="examples", name="jax") as run:
    watching = watch(run, loss_fn, params, inputs[:32], labels[:32], optimizer=optimizer)
    for start in range(0, 3200, 32):
        params, state, measured = train(params, state, inputs[start : start + 32], labels[start : start + 32])
        watching.log(measured, params=params)

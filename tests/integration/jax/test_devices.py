"""Loops over several devices: what is addressable is taken, and says what one device would."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support.spooled import Told

_LOOPS = """
import os, sys

os.environ |= {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": "--xla_force_host_platform_device_count=2", "OMP_NUM_THREADS": "1"}
import jax, jax.numpy as jnp, numpy as np, paramedic
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from paramedic.integrations.jax import measure, watch

x, y = np.random.default_rng(0).normal(size=(2, 16, 4)).astype("f4")
params = {"weight": np.ones((4, 4), "f4")}

def loss_fn(params, x, y):
    return jnp.mean(jnp.square(jnp.tanh(x @ params["weight"]) - y))

def step(params, x, y, axis=None):
    found = jax.value_and_grad(loss_fn)(params, x, y)
    loss, gradients = found if axis is None else jax.lax.pmean(found, axis)
    updated = jax.tree.map(lambda old, gradient: old - 0.1 * gradient, params, gradients)
    return updated, measure(loss, gradients, params, updated)

half = NamedSharding(Mesh(np.array(jax.devices()), ("device",)), PartitionSpec("device"))
loops = {
    "one": (jax.jit(step), params, x, y),
    "sharded": (jax.jit(step), *jax.device_put((params, x, y), half)),
    "mapped": (
        jax.pmap(lambda *given: step(*given, "device"), axis_name="device"),
        jax.tree.map(lambda leaf: np.stack([leaf, leaf]), params),
        x.reshape(2, 8, 4),
        y.reshape(2, 8, 4),
    ),
}
for name, (train, current, *batch) in loops.items():
    given = (x, y) if name == "mapped" else batch
    with paramedic.init("devices", id=name, mode="offline", spool_dir=sys.argv[1]) as run:
        watching = watch(run, loss_fn, params, *given)
        for _ in range(5):
            current, measured = train(current, *batch)
            watching.log(measured, params=current)
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    directory: Path = tmp_path_factory.mktemp("devices")
    subprocess.run([sys.executable, "-c", _LOOPS, str(directory)], check=True, timeout=120)
    return {name: Told(directory / "devices" / f"{name}-0-0") for name in ("one", "sharded", "mapped")}


@pytest.mark.parametrize("name", ["sharded", "mapped"])
def test_several_devices_say_what_one_does(name: str, told: dict[str, Told]) -> None:
    assert told[name].scalar("loss") == pytest.approx(told["one"].scalar("loss"), rel=1e-5)
    for signal in ("gradient_norm", "weight_norm", "update_norm"):
        assert told[name].norms(signal) == pytest.approx(told["one"].norms(signal), rel=1e-4)
    assert list(told[name].scalar("probe_seconds")) == [1, 5]
    mean = [block.values[0] for batch in told[name].batches for block in batch.layers]
    assert np.isfinite(mean).any()

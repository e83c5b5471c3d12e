"""What the Keras Monitor costs a small LSTM's fit on Keras's JAX and torch backends, with no service listening.

Keras has one backend a process: `measure` asks one process for each.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from pairs import alternate, overhead

UNITS, STEPS, FEATURES, CLASSES, BATCH = 64, 20, 8, 10, 32
BATCHES = {"jax": 300, "torch": 40}  # on torch, Keras's LSTM is a loop of Python
PAIRS, ALL_SIGNALS_PAIRS = 24, 8
NOBODY = "127.0.0.1:9"  # nothing listens on the port of the discard protocol


def measure() -> dict[str, float]:
    """Alternates fits with and without the Monitor, in one process a backend.

    Returns:
        As `pairs.overhead` says: `keras_jax_...` and `keras_torch_...` without probes, `..._all_signals_...` with them,
        on their default schedule; `keras_jax_bare_step_us` and `keras_torch_bare_step_us`: a bare fit's time a step.
    """
    measured: dict[str, float] = {}
    for backend in BATCHES:
        environment = os.environ | {"KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu", "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, str(Path(__file__).resolve()), backend],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        measured |= json.loads(done.stdout.splitlines()[-1])
    return measured


def _measure(backend: str) -> dict[str, float]:
    import keras

    import paramedic
    from paramedic.integrations.keras import Monitor

    if backend == "torch":
        import torch

        torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    batches = BATCHES[backend]
    x = rng.normal(size=(batches * BATCH, STEPS, FEATURES)).astype("float32")
    y = rng.integers(0, CLASSES, batches * BATCH)

    def fit(model: Any, *callbacks: Any) -> None:
        model.fit(x, y, BATCH, shuffle=False, verbose=0, callbacks=list(callbacks))

    def model() -> Any:
        layers = [keras.Input((STEPS, FEATURES)), keras.layers.LSTM(UNITS), keras.layers.Dense(CLASSES)]
        built = keras.Sequential(layers)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        built.compile("adam", loss, metrics=["accuracy"])
        return built

    bare, watched, probed = model(), model(), model()
    with tempfile.TemporaryDirectory() as spool:
        run = paramedic.init("benchmark", url=NOBODY, spool_dir=spool)
        monitor, all_signals = Monitor(run, probes=False), Monitor(run)
        times = alternate(lambda: fit(bare), lambda: fit(watched, monitor), PAIRS)
        with_probes = alternate(lambda: fit(bare), lambda: fit(probed, all_signals), ALL_SIGNALS_PAIRS)
        run.finish(timeout=10)
    return {
        **overhead(f"keras_{backend}", times),
        **overhead(f"keras_{backend}_all_signals", with_probes),
        f"keras_{backend}_bare_step_us": float(np.median(times[:, 0, 0]) / batches * 1e6),
    }


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1]) if len(sys.argv) > 1 else measure()))

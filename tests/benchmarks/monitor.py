"""What the Keras Monitor costs a small LSTM's fit, with no service listening."""

import gc
import json
import os
import tempfile
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import paramedic
from paramedic.integrations.keras import Monitor
from paramedic.integrations.keras.harmless import harmless
from paramedic.integrations.keras.probe_batch import probe_batch
from paramedic.integrations.keras.probe_model import ProbedModel

UNITS, STEPS, FEATURES, CLASSES, BATCH = 64, 20, 8, 10, 32
BATCHES = 300  # a fit of a second: what is done once a fit must not pass for the cost of a step
PASSES = 30
ROUNDS = 24
NOBODY = "127.0.0.1:9"  # nothing listens on the port of the discard protocol


def measure() -> dict[str, float]:
    """Alternates fits with and without the Monitor, in one process, traced and warm.

    Returns:
        `monitor_overhead`: median over the rounds of monitored over bare fit, by the clock, less 1, without probes;
        `_low` and `_high` bound it with 95% confidence (order statistics). `monitor_overhead_cpu`: the same of the
        processor time of the process, which other load on the machine disturbs less. `monitor_all_signals_overhead`
        and so on: the same with probes, on their default schedule. `monitor_bare_step_us`: a bare fit's time a step.
        `probe_activation_ms`, `probe_time_ms`: one pass over the samples for activations alone, and for all including
        the path through time.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCHES * BATCH, STEPS, FEATURES)).astype("float32")
    y = rng.integers(0, CLASSES, BATCHES * BATCH)

    def fit(model: Any, callbacks: list[Any]) -> np.ndarray:
        gc.collect()  # not in the middle of either
        start = np.array([time.perf_counter(), time.process_time()])
        model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=callbacks)
        return np.array([time.perf_counter(), time.process_time()]) - start

    with tempfile.TemporaryDirectory() as spool:
        run = paramedic.init("benchmark", url=NOBODY, spool_dir=spool)
        sides = [(_model(), []), (_model(), [Monitor(run, probes=False)]), (_model(), [Monitor(run)])]
        for _ in range(3):
            for side in sides:
                fit(*side)
        times = np.empty((ROUNDS, len(sides), 2))  # round, side, clock
        for number in range(ROUNDS):
            # Whoever comes later finds warmer caches and a busier machine: each does in turn.
            for place in range(len(sides)):
                side = (number + place) % len(sides)
                times[number, side] = fit(*sides[side])
        run.finish(timeout=10)
    return {
        **_overhead("monitor", times[:, 1] / times[:, 0] - 1),
        **_overhead("monitor_all_signals", times[:, 2] / times[:, 0] - 1),
        "monitor_bare_step_us": float(np.median(times[:, 0, 0]) / BATCHES * 1e6),
        **_passes(sides[0][0], x, y),
    }


def _overhead(name: str, ratios: np.ndarray) -> dict[str, float]:
    overhead = np.sort(ratios, axis=0)
    margin = int(1.96 * ROUNDS**0.5 / 2)
    return {
        f"{name}_overhead": float(np.median(overhead[:, 0])),
        f"{name}_overhead_low": float(overhead[ROUNDS // 2 - margin, 0]),
        f"{name}_overhead_high": float(overhead[ROUNDS // 2 + margin, 0]),
        f"{name}_overhead_cpu": float(np.median(overhead[:, 1])),
    }


def _passes(model: Any, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Milliseconds of one pass of each kind of probe, compiled and warm."""
    batch = probe_batch(x, y, None, BATCH)
    probed = ProbedModel(model, model.trainable_variables)
    measured = {}
    for name, function in (("probe_activation_ms", probed.activations), ("probe_time_ms", probed.everything)):
        compiled = harmless(model, function, batch)
        compiled(batch)
        times = []
        for _ in range(PASSES):
            begin = time.perf_counter()
            keras.tree.map_structure(lambda tensor: tensor.numpy(), compiled(batch))
            times.append(time.perf_counter() - begin)
        measured[name] = float(np.median(times) * 1e3)
    return measured


def _model() -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((STEPS, FEATURES)), keras.layers.LSTM(UNITS), keras.layers.Dense(CLASSES)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


if __name__ == "__main__":
    print(json.dumps(measure()))

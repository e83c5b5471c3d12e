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

UNITS, STEPS, FEATURES, CLASSES, BATCH = 64, 20, 8, 10, 32
BATCHES = 100
PAIRS = 60  # short fits in turns meet the same machine
NOBODY = "127.0.0.1:9"  # nothing listens on the port of the discard protocol


def measure() -> dict[str, float]:
    """Alternates fits with and without the Monitor, in one process, traced and warm.

    Returns:
        `monitor_overhead`: median over the pairs of monitored over bare fit, by the clock, less 1; `_low` and `_high`
        bound it with 95% confidence (order statistics). `monitor_overhead_cpu`: the same of the processor time of the
        process, which other load on the machine disturbs less. `monitor_bare_step_us`: a bare fit's time a step.
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
        bare, monitored, monitor = _model(), _model(), [Monitor(run)]
        for _ in range(3):
            fit(bare, [])
            fit(monitored, monitor)
        times = np.empty((PAIRS, 2, 2))  # pair, side, clock
        for pair in range(PAIRS):
            # Whoever goes second finds warmer caches and a busier machine: each does in turn.
            for side in (0, 1) if pair % 2 else (1, 0):
                times[pair, side] = fit(monitored, monitor) if side else fit(bare, [])
        run.finish(timeout=10)
    overhead = np.sort(times[:, 1] / times[:, 0] - 1, axis=0)
    margin = int(1.96 * PAIRS**0.5 / 2)
    return {
        "monitor_overhead": float(np.median(overhead[:, 0])),
        "monitor_overhead_low": float(overhead[PAIRS // 2 - margin, 0]),
        "monitor_overhead_high": float(overhead[PAIRS // 2 + margin, 0]),
        "monitor_overhead_cpu": float(np.median(overhead[:, 1])),
        "monitor_bare_step_us": float(np.median(times[:, 0, 0]) / BATCHES * 1e6),
    }


def _model() -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((STEPS, FEATURES)), keras.layers.LSTM(UNITS), keras.layers.Dense(CLASSES)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


if __name__ == "__main__":
    print(json.dumps(measure()))

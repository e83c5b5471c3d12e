"""What the Keras Monitor costs a small LSTM's fit, with no service listening."""

import gc
import json
import os
import statistics
import tempfile
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

import paramedic
from paramedic.integrations.keras import Monitor

UNITS, STEPS, FEATURES, CLASSES, BATCH = 64, 20, 8, 10, 32
BATCHES = 150
PAIRS = 25
# Nothing listens on the discard port.
NOWHERE = "127.0.0.1:9"


def measure() -> dict[str, float]:
    """Alternates fits with and without the Monitor, in one process, traced and warm.

    Returns:
        monitor_overhead: Median over the pairs of (monitored fit / bare fit) - 1.
        monitor_overhead_low, monitor_overhead_high: 95% confidence interval of that median, from order statistics.
        bare_step_microseconds: Median of a bare fit's time a step.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCHES * BATCH, STEPS, FEATURES)).astype("float32")
    y = rng.integers(0, CLASSES, BATCHES * BATCH)

    def fit(model: Any, callbacks: list[Any]) -> float:
        gc.collect()  # not in the middle of either
        start = time.perf_counter()
        model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=callbacks)
        return time.perf_counter() - start

    with tempfile.TemporaryDirectory() as spool:
        run = paramedic.init("benchmark", url=NOWHERE, spool_dir=spool)
        bare, monitored, monitor = _model(), _model(), [Monitor(run)]
        for _ in range(2):
            fit(bare, [])
            fit(monitored, monitor)
        ratios, bare_times = [], []
        for pair in range(PAIRS):
            # Whoever goes second finds warmer caches and a busier machine: each does in turn.
            if pair % 2:
                with_monitor, without = fit(monitored, monitor), fit(bare, [])
            else:
                without, with_monitor = fit(bare, []), fit(monitored, monitor)
            ratios.append(with_monitor / without)
            bare_times.append(without)
        run.finish(timeout=10)
    ratios.sort()
    spread = int(1.96 * PAIRS**0.5 / 2)
    middle = PAIRS // 2
    return {
        "monitor_overhead": statistics.median(ratios) - 1,
        "monitor_overhead_low": ratios[middle - spread] - 1,
        "monitor_overhead_high": ratios[middle + spread] - 1,
        "bare_step_microseconds": statistics.median(bare_times) / BATCHES * 1e6,
    }


def _model() -> Any:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((STEPS, FEATURES)), keras.layers.LSTM(UNITS), keras.layers.Dense(CLASSES)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    return model


if __name__ == "__main__":
    print(json.dumps(measure()))

"""What the Keras Monitor costs a small LSTM's fit, with no service listening."""

import json
import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from pairs import alternate, overhead

import paramedic
from paramedic.integrations.keras import Monitor
from paramedic.integrations.keras.backend.tensorflow.harmless import harmless
from paramedic.integrations.keras.backend.tensorflow.probe_model import ProbedModel
from paramedic.integrations.keras.probe_batch import probe_batch

UNITS, STEPS, FEATURES, CLASSES, BATCH = 64, 20, 8, 10, 32
BATCHES = 500  # a fit of a second: what is done once a fit must not pass for the cost of a step
PASSES = 30
PAIRS, ALL_SIGNALS_PAIRS = 64, 16
NOBODY = "127.0.0.1:9"  # nothing listens on the port of the discard protocol


def measure() -> dict[str, float]:
    """Alternates fits with and without the Monitor, in one process, traced and warm.

    Returns:
        `monitor_overhead`: median over pairs of neighbouring fits of monitored over bare, by the clock, less 1, without
        probes; `_low` and `_high` bound it with 95% confidence (order statistics). `monitor_overhead_cpu`: the same of
        the processor time of the process, which other load on the machine disturbs less.
        `monitor_all_signals_overhead` and so on: the same with probes, on their default schedule.
        `monitor_bare_step_us`: a bare fit's time a step. `probe_activation_ms`, `probe_time_ms`: one pass over the
        samples for activations alone, and for all including the path through time.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCHES * BATCH, STEPS, FEATURES)).astype("float32")
    y = rng.integers(0, CLASSES, BATCHES * BATCH)
    data = _dataset(x, y)
    bare = _model()
    with tempfile.TemporaryDirectory() as spool:
        run = paramedic.init("benchmark", url=NOBODY, spool_dir=spool)
        times = alternate(*_sides(data, bare, Monitor(run, probes=False)), PAIRS)
        with_probes = alternate(*_sides(data, bare, Monitor(run)), ALL_SIGNALS_PAIRS)
        run.finish(timeout=10)
    return {
        **overhead("monitor", times),
        **overhead("monitor_all_signals", with_probes),
        "monitor_bare_step_us": float(np.median(times[:, 0, 0]) / BATCHES * 1e6),
        **_passes(bare, x, y),
    }


def _dataset(x: np.ndarray, y: np.ndarray) -> tf.data.Dataset:
    """The data as a pipeline that does not tune itself.

    The thread that tunes a pipeline sleeps for 10, 20, 40, ... ms, and the end of a fit waits for it to wake: it would
    round the time of a fit up to 0.3, 0.6 or 1.3 s, which is what one would then measure.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH).prefetch(2).with_options(options)


def _sides(data: tf.data.Dataset, bare: Any, monitor: Monitor) -> tuple[Callable[[], None], Callable[[], None]]:
    """A bare fit and a monitored one."""
    watched = _model()
    return lambda: _fit(bare, data, []), lambda: _fit(watched, data, [monitor])


def _fit(model: Any, data: tf.data.Dataset, callbacks: list[Any]) -> None:
    model.fit(data, shuffle=False, verbose=0, callbacks=callbacks)


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

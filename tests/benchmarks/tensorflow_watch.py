"""What watching a loop around a GradientTape costs a small LSTM's training, with no service listening."""

import json
import os
import tempfile
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from pairs import over_builds, overhead

import paramedic

UNITS, STEPS, FEATURES, CLASSES, BATCH = 64, 20, 8, 10, 32
RUNS, EAGER_RUNS = 200, 40  # steps; after two rounds none of them is measured more closely because it is early
BUILDS, ALL_SIGNALS_BUILDS, NORM_BUILDS, EAGER_BUILDS = 12, 8, 2, 3
PAIRS = 5
NOBODY = "127.0.0.1:9"  # nothing listens on the port of the discard protocol


def measure() -> dict[str, float]:
    """Alternates loops in pairs, in one process, traced and warm.

    Returns:
        `tensorflow_watch_overhead`, `_low`, `_high`, `_cpu`: what the watch costs a step in a tf.function, without
        probes, as `pairs.overhead` says. `tensorflow_watch_all_signals_overhead` and so on: with probes, on their
        default schedule. `tensorflow_watch_eager_overhead` and so on: of steps that are no tf.functions, without
        probes. `tensorflow_norm_loop_overhead`: of a loop that returns its gradients from the tf.function, and waits
        for the norm of each. `tensorflow_bare_step_us`: a bare step.
    """
    with tempfile.TemporaryDirectory() as spool:
        run = paramedic.init("benchmark", url=NOBODY, spool_dir=spool)
        plain = over_builds(lambda: (_loop(RUNS), _loop(RUNS, run, probes=False)), BUILDS, PAIRS)
        everything = over_builds(lambda: (_loop(RUNS), _loop(RUNS, run, probes=True)), ALL_SIGNALS_BUILDS, PAIRS)
        eager = over_builds(
            lambda: (_loop(EAGER_RUNS, eager=True), _loop(EAGER_RUNS, run, eager=True)), EAGER_BUILDS, PAIRS
        )
        by_hand = over_builds(lambda: (_loop(RUNS), _loop(RUNS, by_hand=True)), NORM_BUILDS, PAIRS)
        run.finish(timeout=10)
    return {
        **overhead("tensorflow_watch", plain),
        **overhead("tensorflow_watch_all_signals", everything),
        **overhead("tensorflow_watch_eager", eager),
        "tensorflow_norm_loop_overhead": overhead("by_hand", by_hand)["by_hand_overhead"],
        "tensorflow_bare_step_us": float(np.median(plain[:, 0, 0]) / RUNS * 1e6),
    }


def _loop(
    runs: int, run: Any = None, *, eager: bool = False, probes: bool = False, by_hand: bool = False
) -> Callable[[], None]:
    """A training of its own: called, it takes so many steps."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(BATCH, STEPS, FEATURES)), tf.float32)
    y = tf.constant(rng.integers(0, CLASSES, BATCH))
    model = keras.Sequential([keras.Input((STEPS, FEATURES)), keras.layers.LSTM(UNITS), keras.layers.Dense(CLASSES)])
    optimizer = keras.optimizers.Adam(0.001)
    optimizer.build(model.trainable_variables)
    loss_of = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    watch = None if run is None else run.watch(model, optimizer, loss=loss_of, probes=probes)

    def plain(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss, gradients if by_hand else []

    step = plain if eager else tf.function(plain)

    def train() -> None:
        loss = None
        for _ in range(runs):
            loss, gradients = step(x, y)
            for gradient in gradients:
                float(tf.norm(gradient))
            if watch is not None:
                watch.log(loss=loss)
        float(loss)

    return train


if __name__ == "__main__":
    print(json.dumps(measure()))

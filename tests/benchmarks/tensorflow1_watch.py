"""What watching a session of TensorFlow 1 costs a small LSTM's training, with no service listening."""

import gc
import json
import os
import tempfile
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TF_USE_LEGACY_KERAS"] = "1"  # the cells of TensorFlow 1 exist only with it

import numpy as np
import tensorflow as tf

import paramedic
from paramedic.integrations.tensorflow1 import watch

tf1 = tf.compat.v1
tf1.disable_v2_behavior()
tf1.logging.set_verbosity(tf1.logging.ERROR)

UNITS, STEPS, FEATURES, CLASSES, BATCH = 64, 20, 8, 10, 32
RUNS = 100
PAIRS, ALL_SIGNALS_PAIRS, NORM_PAIRS = 40, 20, 12
NOBODY = "127.0.0.1:9"  # nothing listens on the port of the discard protocol


def measure() -> dict[str, float]:
    """Alternates runs of bare, watched and hand-measured sessions, in one process, traced and warm.

    Returns:
        `tensorflow1_watch_overhead`: median over pairs of neighbouring loops of watched over bare, by the clock, less
        1, without probes; `_low` and `_high` bound it with 95% confidence (order statistics), `_cpu` is the same of the
        processor time of the process. `tensorflow1_watch_all_signals_overhead` and so on: with probes, on their default
        schedule. `tensorflow1_norm_loop_overhead`: of a loop that fetches each gradient and takes its norm by numpy.
        `tensorflow1_bare_step_us`: a bare step.
    """
    bare, train, gradients = _session()
    with tempfile.TemporaryDirectory() as spool:
        run = paramedic.init("benchmark", url=NOBODY, spool_dir=spool)
        plain = _alternate(bare, _watched(run, probes=False), PAIRS)
        everything = _alternate(bare, _watched(run, probes=True), ALL_SIGNALS_PAIRS)
        by_hand = _alternate(bare, lambda x, y: _norms(train, gradients, x, y), NORM_PAIRS)
        run.finish(timeout=10)
    return {
        **_overhead("tensorflow1_watch", plain),
        **_overhead("tensorflow1_watch_all_signals", everything),
        "tensorflow1_norm_loop_overhead": _overhead("by_hand", by_hand)["by_hand_overhead"],
        "tensorflow1_bare_step_us": float(np.median(plain[:, 0, 0]) / RUNS * 1e6),
    }


Loop = Callable[[np.ndarray, np.ndarray], Any]


def _session() -> tuple[Loop, Loop, list[Any]]:
    """A training in a session of its own: what makes a step, what runs more beside it, and its gradients."""
    graph = tf1.Graph()
    with graph.as_default():
        tf1.set_random_seed(0)
        x = tf1.placeholder(tf.float32, [None, STEPS, FEATURES])
        y = tf1.placeholder(tf.int64, [None])
        outputs, _ = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.LSTMCell(UNITS), x, dtype=tf.float32)
        logits = tf1.layers.dense(outputs[:, -1], CLASSES)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
        optimizer = tf1.train.AdamOptimizer(0.001)
        gradients = optimizer.compute_gradients(loss)
        train = optimizer.apply_gradients(gradients)
        session = tf1.Session()
        session.run(tf1.global_variables_initializer())

    def step(inputs: np.ndarray, targets: np.ndarray) -> Any:
        return session.run([train, loss], {x: inputs, y: targets})

    def more(tensors: Any, inputs: np.ndarray, targets: np.ndarray) -> Any:
        return session.run([train, loss, tensors], {x: inputs, y: targets})

    step.session = session  # type: ignore[attr-defined]
    return step, more, [gradient for gradient, _ in gradients]


def _watched(run: paramedic.Run, *, probes: bool) -> Loop:
    step, _, _ = _session()
    watch(run, step.session, probes=probes)  # type: ignore[attr-defined]
    return step


def _norms(more: Callable[..., Any], gradients: list[Any], x: np.ndarray, y: np.ndarray) -> list[float]:
    return [float(np.linalg.norm(gradient)) for gradient in more(gradients, x, y)[2]]


def _alternate(bare: Loop, other: Loop, pairs: int) -> np.ndarray:
    """Seconds of loops in pairs [pairs, bare or other, clock or processor]."""
    for _ in range(2):
        for loop in (bare, other):
            _train(loop)
    times = np.empty((pairs, 2, 2))
    for pair in range(pairs):
        # Whoever comes later finds warmer caches and a busier machine: each does in turn.
        for side in (0, 1) if pair % 2 else (1, 0):
            times[pair, side] = _train((bare, other)[side])
    return times


def _train(loop: Loop) -> np.ndarray:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(BATCH, STEPS, FEATURES)).astype("float32"), rng.integers(0, CLASSES, BATCH)
    gc.collect()  # not in the middle of either
    start = np.array([time.perf_counter(), time.process_time()])
    for _ in range(RUNS):
        loop(x, y)
    return np.array([time.perf_counter(), time.process_time()]) - start


def _overhead(name: str, times: np.ndarray) -> dict[str, float]:
    overhead = np.sort(times[:, 1] / times[:, 0] - 1, axis=0)
    pairs = len(overhead)
    # Ranks below the lower bound: as many heads as n tosses of a coin fall short of with a probability of 2.5%.
    outside = int((pairs - 1.96 * pairs**0.5) / 2)
    return {
        f"{name}_overhead": float(np.median(overhead[:, 0])),
        f"{name}_overhead_low": float(overhead[outside, 0]),
        f"{name}_overhead_high": float(overhead[-1 - outside, 0]),
        f"{name}_overhead_cpu": float(np.median(overhead[:, 1])),
    }


if __name__ == "__main__":
    print(json.dumps(measure()))

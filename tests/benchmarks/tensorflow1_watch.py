"""What watching a session of TensorFlow 1 costs a small LSTM's training, with no service listening."""

import json
import os
import tempfile
from collections.abc import Callable
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TF_USE_LEGACY_KERAS"] = "1"  # the cells of TensorFlow 1 exist only with it

import numpy as np
import tensorflow as tf
from pairs import alternate, overhead

import paramedic
from paramedic.integrations.tensorflow1 import watch

tf1 = tf.compat.v1

UNITS, STEPS, FEATURES, CLASSES, BATCH = 64, 20, 8, 10, 32
RUNS = 40
PAIRS, ALL_SIGNALS_PAIRS, NORM_PAIRS = 64, 32, 16
NOBODY = "127.0.0.1:9"  # nothing listens on the port of the discard protocol


def measure() -> dict[str, float]:
    """Alternates bare, watched and hand-measured sessions, in one process, warm.

    Returns:
        `tensorflow1_watch_overhead`: median over pairs of neighbouring loops of watched over bare, by the clock, less
        1, without probes; `_low` and `_high` bound it with 95% confidence (order statistics), `_cpu` is the same of the
        processor time of the process. `tensorflow1_watch_all_signals_overhead` and so on: with probes, on their default
        schedule. `tensorflow1_norm_loop_overhead` and so on: of a loop that fetches each gradient and takes its norm.
        `tensorflow1_bare_step_us`: a bare step.
    """
    tf1.disable_v2_behavior()
    tf1.logging.set_verbosity(tf1.logging.ERROR)
    with tempfile.TemporaryDirectory() as spool:
        with paramedic.init("benchmark", url=NOBODY, spool_dir=spool) as run:
            norms = alternate(_training(None), _training(run, probes=False), PAIRS)
        with paramedic.init("benchmark", url=NOBODY, spool_dir=spool) as run:
            everything = alternate(_training(None), _training(run, probes=True), ALL_SIGNALS_PAIRS)
        by_hand = alternate(_training(None), _training(None, by_hand=True), NORM_PAIRS)
    return {
        **overhead("tensorflow1_watch", norms),
        **overhead("tensorflow1_watch_all_signals", everything),
        **overhead("tensorflow1_norm_loop", by_hand),
        "tensorflow1_bare_step_us": float(np.median(norms[:, 0, 0]) / RUNS * 1e6),
    }


def _training(run: paramedic.Run | None, *, probes: bool = False, by_hand: bool = False) -> Callable[[], None]:
    """A loop of some steps in a session of its own."""
    with tf1.Graph().as_default():
        tf1.set_random_seed(0)
        x = tf1.placeholder(tf.float32, [None, STEPS, FEATURES])
        y = tf1.placeholder(tf.int64, [None])
        outputs, _ = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.LSTMCell(UNITS), x, dtype=tf.float32)
        logits = tf1.layers.dense(outputs[:, -1], CLASSES)
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
        optimizer = tf1.train.AdamOptimizer(0.001)
        gradients = optimizer.compute_gradients(loss)
        fetches: list[Any] = [optimizer.apply_gradients(gradients), loss]
        if by_hand:
            fetches.append([gradient for gradient, _ in gradients])
        # One thread: the graph is small, and how threads happen to take turns would be most of what is measured.
        session = tf1.Session(config=tf1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1))
        session.run(tf1.global_variables_initializer())
    if run is not None:
        watch(run, session, probes=probes)
    rng = np.random.default_rng(0)
    feed = {x: rng.normal(size=(BATCH, STEPS, FEATURES)), y: rng.integers(0, CLASSES, BATCH)}

    def train() -> None:
        for _ in range(RUNS):
            _, _, *measured = session.run(fetches, feed)
            for gradient in measured[0] if measured else ():
                float(np.linalg.norm(gradient))

    return train


if __name__ == "__main__":
    print(json.dumps(measure()))

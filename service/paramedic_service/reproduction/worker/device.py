"""What the trainings of a process run on."""

import contextlib
import os

import tensorflow as tf


def prepare() -> None:
    """Sets TensorFlow up, once a process.

    On the CPU every training has a core to itself: the operations of small models are too short to be shared out, and
    with one thread a training adds its numbers in the same order every time.
    """
    gpus = tf.config.list_physical_devices("GPU")
    # An earlier job of the process may have done it; TensorFlow takes it only before its first operation.
    with contextlib.suppress(RuntimeError):
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
        if not gpus:
            tf.config.threading.set_intra_op_parallelism_threads(1)


def side_by_side() -> int:
    """How many trainings to run at a time: one on a GPU, on the CPU as many as there are cores."""
    return 1 if tf.config.list_physical_devices("GPU") else len(os.sched_getaffinity(0))

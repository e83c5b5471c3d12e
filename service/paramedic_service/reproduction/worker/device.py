"""What the trainings of a process run on."""

import contextlib
import os

import tensorflow as tf


def prepare() -> int:
    """Sets TensorFlow up, once a process.

    Returns:
        How many trainings to run side by side: one on a GPU, which a single one can fill; on the CPU one a core, each
        of them on its own, because the operations of small models are too short to be shared out. With one thread a
        training adds its numbers in the same order every time.
    """
    gpus = tf.config.list_physical_devices("GPU")
    # An earlier job of the process may have done it; TensorFlow takes it only before its first operation.
    with contextlib.suppress(RuntimeError):
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
        if not gpus:
            tf.config.threading.set_intra_op_parallelism_threads(1)
    return 1 if gpus else len(os.sched_getaffinity(0))

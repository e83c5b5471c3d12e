"""Learning rates over the steps of a training."""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf


def learning_rates(rate: Any, steps: int) -> npt.NDArray[np.float32]:
    """Evaluates a learning rate at every step, float32 [steps].

    Args:
        rate: A number, or a keras.optimizers.schedules.LearningRateSchedule.
        steps: Optimizer steps.
    """
    if not callable(rate):
        return np.full(steps, rate, np.float32)

    def evaluate() -> Any:
        return tf.map_fn(lambda step: tf.cast(rate(step), tf.float32), tf.range(steps), fn_output_signature=tf.float32)

    # One graph over all steps: asked one by one outside of a graph, a schedule takes longer than the training.
    return np.asarray(tf.function(evaluate, autograph=False)(), np.float32)

"""Replicas of a model in one process, as tf.distribute.MirroredStrategy keeps them.

Each replica's step is traced by a thread of its own; what all of them take part in, all of them must ask for.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def several() -> int:
    """Returns over how many replicas the step that is being traced, or runs eagerly, is trained; 1 for no others."""
    return int(tf.distribute.get_strategy().num_replicas_in_sync)


def is_first() -> bool:
    """Whether this is the replica that speaks for all.

    Raises:
        ValueError: Which replica it is cannot be told, as on TPUs, where all have one graph.
    """
    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return True
    number = tf.get_static_value(replica.replica_id_in_sync_group)
    if number is None:
        raise ValueError("which replica this is cannot be told while its step is traced")
    return int(number) == 0


def summed(gradients: Sequence[Any]) -> list[Any]:
    """Sums gradients over replicas, as an optimizer does once it has clipped them; None stands for none."""
    if several() == 1:
        return list(gradients)
    some = [gradient for gradient in gradients if gradient is not None]
    replica = tf.distribute.get_replica_context()
    sums = iter(replica.all_reduce(tf.distribute.ReduceOp.SUM, some) if some else [])
    return [None if gradient is None else next(sums) for gradient in gradients]


def averaged(numbers: Any) -> Any:
    """Averages a tensor over replicas."""
    if several() == 1:
        return numbers
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, numbers)

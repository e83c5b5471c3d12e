"""Loops around a GradientTape, as people write them."""

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

MODES: dict[str, Callable[[Any], Any]] = {
    "eager": lambda step: step,
    "graph": tf.function,
    "xla": lambda step: tf.function(step, jit_compile=True),
}
"""How a step is compiled."""


def tape_step(model: Any, optimizer: Any, loss_of: Any, change: Callable[[Any], Any] | None = None) -> Any:
    """A step, not compiled; the gradients can be changed before they are applied."""

    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
            scaled = optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, model.trainable_variables)
        if change is not None:
            gradients = change(gradients)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return step


def run_loop(step: Any, batches: Iterable[tuple[Any, Any]], watch: Any = None) -> None:
    """Calls a step for every batch, and logs its loss."""
    for x, y in batches:
        loss = step(x, y)
        if watch is not None:
            watch.log(loss=loss)

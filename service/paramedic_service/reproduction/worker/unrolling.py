"""Recurrent layers without a loop in the graph."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

MOST_STEPS = 32
"""Time steps, over all recurrent layers of a model, up to which their loops are unrolled.

A loop in a graph costs a small layer more than what it computes; but every step that is unrolled is traced, which the
training has to win back.
"""


@contextlib.contextmanager
def unrolled(model: Any) -> Iterator[None]:
    """Unrolls the recurrent layers of a model that is called in here, where that is worth it; results are the same."""
    layers = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.RNN) and not layer.unroll]
    # The first is the sequence; a mask may follow. A layer within another has no inputs of its own.
    steps = [keras.tree.flatten(layer.input)[0].shape[1] for layer in layers if hasattr(layer, "input")]
    worth = len(steps) == len(layers) and all(steps) and sum(steps) <= MOST_STEPS
    changed = layers if worth else []
    for layer in changed:
        layer.unroll = True
    try:
        yield
    finally:
        for layer in changed:
            layer.unroll = False

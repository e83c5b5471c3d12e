"""The layers of a Keras model, those of nested models in place."""

from collections.abc import Iterator
from typing import Any

import keras

from paramedic.describe.names import MAX_NAME, unique


def walk(model: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the path and the layer of every layer that is not itself a model, in forward order.

    A layer that is used in several places appears once, where it stands first. Layers of a subclassed model come in
    the order in which it assigned them, which is all that Keras knows before the model is traced.

    Args:
        model: A keras.Model.
        path: Path of the model within the outermost one; empty for that one.
    """
    yield from _walk(model, path, set())


def _walk(model: Any, path: str, seen: set[int]) -> Iterator[tuple[str, Any]]:
    for layer in model.layers:
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        place = f"{path}/{layer.name}" if path else layer.name
        if isinstance(layer, keras.Model):
            yield from _walk(layer, place, seen)
        else:
            yield place, layer


def named_layers(model: Any) -> list[tuple[str, Any]]:
    """Returns the layers that `walk` yields, each by the name that it has in a description of the model."""
    placed = list(walk(model))
    names = unique([path for path, _ in placed], MAX_NAME)
    return [(name, layer) for name, (_, layer) in zip(names, placed, strict=True)]

"""Calling the layers of a model beside its training, so that the training cannot tell.

Calling a layer can move more than one thinks: batch statistics, seeds of random numbers, states of recurrent layers,
losses that layers add. Keras variables are shielded, so that what would be assigned to them never is.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras


class HarmfulError(Exception):
    """A probe would change something; it is not run."""


@contextlib.contextmanager
def shielded(model: Any, values: Mapping[int, Any]) -> Iterator[None]:
    """Keeps a model as it is while its layers are called.

    Args:
        model: A keras.Model, built.
        values: Of variables, by id: what they are meanwhile.
    """
    flat = list(model._flatten_layers())
    kept = [(layer, list(layer._losses), set(layer._loss_ids)) for layer in flat]
    mirrored = [(layer, layer.supports_jit) for layer in flat]
    try:
        with keras.StatelessScope(collect_losses=True) as scope:
            scope.state_mapping.update(values)
            yield
    finally:
        for layer, losses, identities in kept:
            layer._losses[:] = losses
            layer._loss_ids.clear()
            layer._loss_ids.update(identities)
        for layer, supports_jit in mirrored:
            vars(layer)["supports_jit"] = supports_jit
            if isinstance(layer, keras.layers.RNN):  # a failure leaves masks behind, which belong to our graph
                layer._maybe_reset_dropout_masks(layer.cell)


@contextlib.contextmanager
def replaced(replacements: Mapping[Any, tuple[str, Callable[..., Any]]]) -> Iterator[None]:
    """Replaces one method of each of some layers; between probes the layers are as their author made them."""
    before = {layer: vars(layer).get(name) for layer, (name, _) in replacements.items()}
    try:
        for layer, (name, method) in replacements.items():
            vars(layer)[name] = method
        yield
    finally:
        for layer, (name, _) in replacements.items():
            if before[layer] is None:
                vars(layer).pop(name, None)
            else:
                vars(layer)[name] = before[layer]

"""The gradient's path through time: what the loss would change by, were the output of a recurrent layer to change.

Each time step of a layer gets a zero added to its output, in what it puts out and in what it hands to the next step
alike. The gradient by that zero is dL/dh_t, whether or not the layer returns its sequence.
"""

from typing import Any

import keras

from paramedic.describe.keras import named_layers

MAX_LAYERS = 16


def recurrent_layers(model: Any) -> dict[str, Any]:
    """Returns the recurrent layers by name, each direction by itself; stateful ones are left out."""
    found: dict[str, Any] = {}
    for name, layer in named_layers(model):
        if isinstance(layer, keras.layers.Bidirectional):
            found[f"{name}/forward"] = layer.forward_layer
            found[f"{name}/backward"] = layer.backward_layer
        elif isinstance(layer, keras.layers.RNN):
            found[name] = layer
    recurrent = {
        name: layer
        for name, layer in found.items()
        if isinstance(layer, keras.layers.RNN) and not layer.stateful and isinstance(layer.cell, keras.layers.Layer)
    }
    return dict(list(recurrent.items())[:MAX_LAYERS])


def place_of_output(layer: Any, output: Any, states: Any) -> int:
    """Returns which of a cell's new states is its output."""
    places = [place for place, state in enumerate(keras.tree.flatten(states)) if state is output]
    if not places:
        raise ValueError(f"{layer.name} puts out something else than its state")
    return places[-1]


def call_cell(layer: Any, inputs: Any, states: Any, training: bool) -> Any:
    """Returns what a layer's cell puts out, and its new states as a list."""
    arguments = {"training": training} if layer.cell._call_has_training_arg else {}
    output, new_states = layer.cell(inputs, states, **arguments)
    return output, list(new_states) if isinstance(new_states, list | tuple) else [new_states]

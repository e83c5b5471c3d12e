"""The gradient's path through time: what the loss would change by, were the output of a recurrent layer to change.

Each time step of a layer gets a zero added to its output, in what it puts out and in what it hands to the next step
alike. The gradient by that zero is dL/dh_t, whether or not the layer returns its sequence.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

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


@dataclass(frozen=True, slots=True)
class Perturbation:
    """What is added to the outputs of a recurrent layer, in the order in which it reads its input.

    Attributes:
        zeros: [time, samples, units].
        present: bool [time], whether any sample has the time step.
    """

    zeros: Any
    present: Any


def perturbed_loop(layer: Any, tape: Any, perturbations: dict[Any, Perturbation]) -> Callable[..., Any]:
    """Returns what stands in for a recurrent layer's loop over time.

    Args:
        layer: A keras.layers.RNN.
        tape: Watches the perturbations.
        perturbations: Gets the layer's.
    """

    def inner_loop(sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        if layer in perturbations:
            raise ValueError(f"{layer.name} is used more than once: its time steps cannot be told apart")
        states = initial_state if isinstance(initial_state, list | tuple) else [initial_state]
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        inputs = _time_major(sequences, layer.go_backwards)
        present = None if mask is None else _time_major(tf.cast(mask, tf.bool), layer.go_backwards)[..., None]
        output, _ = _cell(layer, inputs[0], states, training)  # what it looks like; nothing else is made of it
        zeros = tf.zeros([tf.shape(inputs)[0], *output.shape], output.dtype)
        tape.watch(zeros)
        exists = tf.ones([inputs.shape[0]], tf.bool) if present is None else tf.reduce_any(present, axis=[1, 2])
        perturbations[layer] = Perturbation(zeros, exists)

        def step(carry: Any, scanned: Any) -> Any:
            states, _ = carry
            output, new_states = _cell(layer, scanned[0], states, training)
            place = _place_of_output(layer, output, new_states)
            if present is not None:
                new_states = keras.tree.map_structure(
                    lambda new, old: tf.where(scanned[2], new, old), new_states, states
                )
            flat = keras.tree.flatten(new_states)
            # Changed after masking: what a masked step passes on is the state before it, and counts as well.
            flat[place] = output = flat[place] + scanned[1]
            if present is not None and layer.zero_output_for_mask:
                output = tf.where(scanned[2], output, tf.zeros_like(output))
            return keras.tree.pack_sequence_as(new_states, flat), output

        scanned = (inputs, zeros) if present is None else (inputs, zeros, present)
        states, outputs = tf.scan(step, scanned, (list(states), tf.zeros_like(output)))
        last_states = keras.tree.map_structure(lambda state: state[-1], states)
        return outputs[-1], tf.transpose(outputs, [1, 0, *range(2, outputs.shape.rank)]), last_states

    return inner_loop


def path_norms(gradient: Any) -> Any:
    """Returns the norm of a gradient [time, samples, units] at each time step, float32 [time]."""
    return tf.sqrt(tf.reduce_sum(tf.square(tf.cast(gradient, tf.float32)), axis=list(range(1, gradient.shape.rank))))


def _place_of_output(layer: Any, output: Any, states: Any) -> int:
    """Returns which of a cell's new states is its output."""
    places = [place for place, state in enumerate(keras.tree.flatten(states)) if state is output]
    if not places:
        raise ValueError(f"{layer.name} puts out something else than its state")
    return places[-1]


def _cell(layer: Any, inputs: Any, states: Any, training: bool) -> Any:
    arguments = {"training": training} if layer.cell._call_has_training_arg else {}
    output, new_states = layer.cell(inputs, states, **arguments)
    return output, list(new_states) if isinstance(new_states, list | tuple) else [new_states]


def _time_major(tensor: Any, backwards: bool) -> Any:
    swapped = tf.transpose(tensor, [1, 0, *range(2, tensor.shape.rank)])
    return tf.reverse(swapped, [0]) if backwards else swapped

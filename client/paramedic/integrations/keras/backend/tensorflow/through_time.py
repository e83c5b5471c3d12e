"""The loop over time of a recurrent layer, as a TensorFlow graph with a zero added to the output of each step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from paramedic.integrations.keras.through_time import call_cell, place_of_output


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
        output, _ = call_cell(layer, inputs[0], states, training)  # what it looks like; nothing else is made of it
        zeros = tf.zeros([tf.shape(inputs)[0], *output.shape], output.dtype)
        tape.watch(zeros)
        exists = tf.ones([inputs.shape[0]], tf.bool) if present is None else tf.reduce_any(present, axis=[1, 2])
        perturbations[layer] = Perturbation(zeros, exists)

        def step(carry: Any, scanned: Any) -> Any:
            states, _ = carry
            output, new_states = call_cell(layer, scanned[0], states, training)
            place = place_of_output(layer, output, new_states)
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


def _time_major(tensor: Any, backwards: bool) -> Any:
    swapped = tf.transpose(tensor, [1, 0, *range(2, tensor.shape.rank)])
    return tf.reverse(swapped, [0]) if backwards else swapped

"""The loop over time of a recurrent layer, with something added to the output of each step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import ops

from paramedic.integrations.keras.through_time import call_cell, place_of_output


@dataclass(frozen=True, slots=True)
class Path:
    """What is known of a recurrent layer once it was called.

    Attributes:
        shape: Of its output in the order in which it reads its input, [time, samples, units].
        dtype: Of its output.
        present: bool [time], whether any sample has the time step.
    """

    shape: tuple[int, ...]
    dtype: str
    present: Any


def perturbed_loop(name: str, layer: Any, added: Any, paths: dict[str, Path]) -> Callable[..., Any]:
    """Returns what stands in for a recurrent layer's loop over time.

    Args:
        name: Of the layer.
        layer: A keras.layers.RNN.
        added: [time, samples, units], added to the output of each step; None: nothing is.
        paths: Gets the layer's.
    """

    def inner_loop(sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        if name in paths:
            raise ValueError(f"{name} is used more than once: its time steps cannot be told apart")
        states = list(initial_state) if isinstance(initial_state, list | tuple) else [initial_state]
        mask = mask[0] if isinstance(mask, list | tuple) else mask
        inputs = _time_major(sequences, layer.go_backwards)
        output, _ = call_cell(layer, inputs[0], states, training)  # what it looks like; nothing else is made of it
        shape = (int(inputs.shape[0]), *(int(size) for size in output.shape))
        scanned = {"inputs": inputs}
        present = ops.ones([shape[0]], "bool")
        if mask is not None:
            scanned["present"] = _time_major(ops.cast(mask, "bool"), layer.go_backwards)[..., None]
            present = ops.any(scanned["present"], axis=(1, 2))
        if added is not None:
            scanned["added"] = added
        paths[name] = Path(shape, keras.backend.standardize_dtype(output.dtype), present)

        def step(carry: Any, scanned: Any) -> Any:
            states = keras.tree.pack_sequence_as(structure, carry)
            output, new_states = call_cell(layer, scanned["inputs"], states, training)
            place = place_of_output(layer, output, new_states)
            flat = keras.tree.flatten(new_states)
            here = scanned.get("present")
            if here is not None:
                flat = [ops.where(here, new, old) for new, old in zip(flat, carry, strict=True)]
            if "added" in scanned:
                # Changed after masking: what a masked step passes on is the state before it, and counts as well.
                flat[place] = flat[place] + scanned["added"]
            output = flat[place]
            if here is not None and layer.zero_output_for_mask:
                output = ops.where(here, output, ops.zeros_like(output))
            return flat, output

        structure = states
        last, outputs = ops.scan(step, keras.tree.flatten(states), scanned)
        return outputs[-1], ops.swapaxes(outputs, 0, 1), keras.tree.pack_sequence_as(structure, last)

    return inner_loop


def path_norms(gradient: Any) -> Any:
    """Returns the norm of a gradient [time, samples, units] at each time step, float32 [time]."""
    axes = tuple(range(1, len(gradient.shape)))
    return ops.sqrt(ops.sum(ops.square(ops.cast(gradient, "float32")), axis=axes))


def _time_major(tensor: Any, backwards: bool) -> Any:
    swapped = ops.swapaxes(tensor, 0, 1)
    return ops.flip(swapped, 0) if backwards else swapped

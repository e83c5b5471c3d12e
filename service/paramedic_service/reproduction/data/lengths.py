"""Sequences brought to one length, and samples to other axes."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from paramedic_service.reproduction.data.samples import Array, DataError


def padded(sequences: Array, steps: int) -> Array:
    """Cuts what comes behind `steps`, and puts zeros behind what is shorter.

    Args:
        sequences: [samples, time steps, ...], or lists of unequal length.
        steps: Of the result.

    Returns:
        [samples, steps, ...], float32 where lists were given.
    """

    def pad(sequence: Array, _: int) -> Array:
        room = [(0, steps - min(len(sequence), steps)), *[(0, 0)] * (sequence.ndim - 1)]
        return np.pad(sequence[:steps], room)

    return _each(sequences, pad)


def windowed(sequences: Array, steps: int) -> Array:
    """Takes one window of each sequence: the first of one, the second of the next, and so on.

    As many samples as before stay comparable, one by one; whoever trains for real makes all windows of all sequences.

    Args:
        sequences: [samples, time steps, ...], or lists of unequal length.
        steps: Of a window.

    Raises:
        DataError: A sequence is shorter.
    """

    def window(sequence: Array, place: int) -> Array:
        windows = len(sequence) // steps
        if not windows:
            raise DataError(f"data.inputs: a sequence of {len(sequence)} steps has no window of {steps}")
        begin = place % windows * steps
        return sequence[begin : begin + steps]

    return _each(sequences, window)


def reshaped(samples: Array, sizes: Sequence[int]) -> Array:
    """Gives every sample other axes.

    Raises:
        DataError: It has other than as many values.
    """
    try:
        return samples.reshape(len(samples), *sizes)
    except ValueError as error:
        raise DataError(f"data.inputs: samples of shape {samples.shape[1:]} cannot have {tuple(sizes)}") from error


def _each(sequences: Array, change: Callable[[Array, int], Array]) -> Array:
    if sequences.dtype != object and sequences.ndim < 2:
        raise DataError("data.inputs: samples without a time axis have no length to change")
    kind: Any = np.float32 if sequences.dtype == object else sequences.dtype
    return np.stack([change(np.asarray(sequence, kind), place) for place, sequence in enumerate(sequences)])

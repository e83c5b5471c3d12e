"""What a training will hold, estimated before any of it exists."""

import math

from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.reproduction.plan.limits import MEBIBYTE, Limits
from paramedic_service.reproduction.plan.plans import LayerPlan, ModelPlan
from paramedic_service.rules.description import Description

_BYTES = 4
_COPIES_OF_WEIGHTS = 6
"""The weights, their gradients, an optimizer's two moments, the update, and the weights at the beginning."""
_COPIES_OF_ACTIVATIONS = 3
"""Kept for the backward pass, the gradient of it, and what is computed in between."""
_STATES = 10
"""Arrays of the state's size that a gated recurrent layer keeps each step: gates, states, their activations."""
_RECURRENT = ("SimpleRNN", "GRU", "LSTM", "RNN", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D")
_UNKNOWN_LENGTH = 256
"""Steps of sequences whose length nothing tells."""


def check_size(plan: LayerPlan, parameters: int, path: str, limits: Limits) -> None:
    """Refuses a layer that makes a model too large.

    Args:
        plan: The layer.
        parameters: Of the model up to it.
        path: Of the layer.
        limits: Bounds.
    """
    if parameters > limits.parameters:
        raise SpecError(
            path, f"the model has {parameters:,} weights up to here, expected at most {limits.parameters:,}"
        )
    elements = math.prod(size for size in plan.output_shape[1:] if size > 0)
    if elements > limits.features:
        raise SpecError(path, f"a sample has {elements:,} elements here, expected at most {limits.features:,}")
    if len(plan.output_shape) > limits.rank:
        raise SpecError(path, f"its output has {len(plan.output_shape)} axes, expected at most {limits.rank}")


def check_memory(plan: ModelPlan, description: Description, batch_size: int, limits: Limits) -> None:
    """Refuses a training that would not fit into memory.

    Args:
        plan: Its model.
        description: The training, for the length of its sequences and the number of its samples.
        batch_size: Samples a step.
        limits: Bounds.
    """
    length = _length(description, limits)
    shapes = {layer.name: _whole(layer.output_shape, length) for layer in plan.layers}
    activations = sum(_elements(layer, shapes) for layer in plan.layers)
    reported = description.data.samples if description.data is not None else None
    samples = min(reported or limits.samples, limits.samples)
    arrays = sum(math.prod(shapes[layer.name]) for layer in plan.inputs)
    arrays += sum(math.prod(shapes[name]) for name in plan.outputs)
    needed = _BYTES * (
        _COPIES_OF_WEIGHTS * plan.parameters + _COPIES_OF_ACTIVATIONS * activations * batch_size + 2 * arrays * samples
    )
    if needed > limits.memory_bytes:
        raise SpecError(
            "description.model.layers",
            f"a training of it in batches of {batch_size} would hold about {needed // MEBIBYTE:,} MiB, expected at "
            f"most {limits.memory_bytes // MEBIBYTE:,} MiB; use smaller batches, shorter sequences or fewer units",
        )


def _elements(layer: LayerPlan, shapes: dict[str, tuple[int, ...]]) -> int:
    """Elements a sample that a layer holds for its backward pass."""
    elements = math.prod(shapes[layer.name])
    if not layer.inputs:
        return elements
    read = shapes[layer.inputs[0]]
    if layer.kind in _RECURRENT:
        return elements + read[0] * _STATES * shapes[layer.name][-1]
    if layer.kind in ("MultiHeadAttention", "Attention", "AdditiveAttention"):
        heads = layer.arguments.get("num_heads", 1)
        return 4 * elements + int(heads) * read[0] * shapes[layer.inputs[1]][0]
    return elements


def _whole(shape: tuple[int, ...], length: int) -> tuple[int, ...]:
    """The axes of one sample, unknown ones as long as sequences are."""
    return tuple(length if size < 0 else size for size in shape[1:])


def _length(description: Description, limits: Limits) -> int:
    arrays = description.data.inputs if description.data is not None else ()
    told = [array.longest or (array.shape[1] if len(array.shape) > 1 else 0) for array in arrays]
    longest = max(told, default=0)
    return min(longest if longest > 0 else _UNKNOWN_LENGTH, limits.sequence_length)

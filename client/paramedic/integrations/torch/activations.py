"""What the activations of layers are like, over some samples of a step."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from paramedic.describe.torch import RECURRENT, Entry

MAX_LAYERS = 64

SIGNALS = ("activation_mean", "activation_deviation", "dead_share", "saturated_share", "sample_deviation")

MAX_SAMPLES = 32
MAX_VALUES = 500_000
"""Numbers that are kept of one layer; fewer samples where they are large."""

_DEAD = 1e-5
_DEAD_SAMPLES = 0.95
_MARGIN = 0.05
_BOUNDS: Mapping[str, tuple[float, float]] = {
    "tanh": (-1.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
}
# Layers that have neither an activation nor a kernel, and shape what the layers after them see.
_KINDS = frozenset(
    {
        *("BatchNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization"),
        *("Bidirectional", "MultiHeadAttention", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"),
    }
)


def is_probed(layer: Entry) -> bool:
    """Whether the activations of a layer are measured."""
    return layer.module is not None and bool(layer.neutral.activation or layer.neutral.kind in _KINDS)


def sampled(output: Any, axis: int) -> Any:
    """Copies some samples of what a layer puts out.

    Args:
        output: The tensor.
        axis: That of the samples.

    Returns:
        At most 32 of them, evenly spread, on the first axis; None when these are no activations.
    """
    if not isinstance(output, torch.Tensor) or output.dim() < 2 or not output.is_floating_point():
        return None
    values = output.detach().transpose(0, axis)
    count = values.shape[0]
    if not values.numel():
        return None
    most = max(2, min(MAX_SAMPLES, MAX_VALUES * count // values.numel()))
    step = -(-count // most)
    return values[::step].clone()


def statistics(layer: Entry, samples: Any) -> Any:
    """Measures the activations of one layer.

    Args:
        layer: Whose they are.
        samples: What its module put out, [samples, ...]; what follows it as its activation is applied here.

    Returns:
        float32 [5], in the order of `SIGNALS`.
    """
    values = samples.float()
    for function in layer.functions:
        values = function(values)
    mean = values.mean()
    deviation = (values - mean).square().mean().sqrt()
    sample_deviation = (values - values.mean(0)).square().mean(0).sqrt().mean()
    return torch.stack([mean, deviation, _dead_share(layer, values), _saturated_share(layer, values), sample_deviation])


def bounds(layer: Entry) -> tuple[float, float] | None:
    """Bounds of the function that a layer's output passed last; None when it has none."""
    within = layer.neutral.settings.get("layer")
    activation = within["config"]["activation"] if within else layer.neutral.activation
    return _BOUNDS.get(activation)


def _dead_share(layer: Entry, values: Any) -> Any:
    # The 95th percentile is below a bound where 95% of the values are: counting is cheaper than sorting.
    unit_axis = 1 if layer.channels_first else values.dim() - 1
    others = [axis for axis in range(values.dim()) if axis != unit_axis]
    small = (values.abs() < _DEAD).float().mean(others)
    return (small >= _DEAD_SAMPLES).float().mean()


def _saturated_share(layer: Entry, values: Any) -> Any:
    limits = bounds(layer)
    if limits is None:
        return torch.full((), float("nan"), device=values.device)
    lowest, highest = limits
    return ((values <= lowest + _MARGIN) | (values >= highest - _MARGIN)).float().mean()


def spread(layers: Sequence[Entry]) -> list[Entry]:
    """Of more than 64 layers, as many spread over the depth."""
    if len(layers) <= MAX_LAYERS:
        return list(layers)
    return [layers[position * (len(layers) - 1) // (MAX_LAYERS - 1)] for position in range(MAX_LAYERS)]


def sample_axis(module: Any, output: Any, time_major: set[tuple[int, ...]]) -> int:
    """Axis of the samples in what a module puts out: the second one, where a sequence's steps come first.

    Args:
        module: The module.
        output: What it put out.
        time_major: Steps and samples of the recurrent layers that are known to read sequences so; may be added to.
    """
    if not isinstance(output, torch.Tensor) or output.dim() != 3:
        return 0
    if isinstance(module, RECURRENT) and not module.batch_first:
        time_major.add(tuple(output.shape[:2]))
    return int(tuple(output.shape[:2]) in time_major and not getattr(module, "batch_first", False))

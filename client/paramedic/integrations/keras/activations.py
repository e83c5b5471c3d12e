"""What the activations of layers are like, over the samples of a probe."""

from typing import Any

import keras
from keras import ops

from paramedic.describe.keras import named_layers
from paramedic.integrations.keras.scalars import rank

MAX_LAYERS = 64

SIGNALS = ("activation_mean", "activation_deviation", "dead_share", "saturated_share", "sample_deviation")

_DEAD = 1e-5
_DEAD_SAMPLES = 0.95
_MARGIN = 0.05
_BOUNDS = {
    "tanh": (-1.0, 1.0),
    "hard_tanh": (-1.0, 1.0),
    "softsign": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
}
_SPARSE = ("RaggedTensor", "SparseTensor", "BCOO", "BCSR")
# Layers that have neither an activation nor a kernel, and shape what the layers after them see.
_KINDS = (
    keras.layers.RNN,
    keras.layers.Bidirectional,
    keras.layers.TimeDistributed,
    keras.layers.MultiHeadAttention,
    keras.layers.BatchNormalization,
    keras.layers.LayerNormalization,
    keras.layers.GroupNormalization,
    keras.layers.RMSNormalization,
    keras.layers.UnitNormalization,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.PReLU,
    keras.layers.ELU,
    keras.layers.Softmax,
)


def probed_layers(model: Any) -> dict[str, Any]:
    """Returns the layers to probe by name, in forward order; of more than 64, as many spread over the depth."""
    found = [
        (name, layer)
        for name, layer in named_layers(model)
        if isinstance(layer, _KINDS) or hasattr(layer, "activation") or hasattr(layer, "kernel")
    ]
    if len(found) > MAX_LAYERS:
        found = [found[position * (len(found) - 1) // (MAX_LAYERS - 1)] for position in range(MAX_LAYERS)]
    return dict(found)


def activation_of(output: Any) -> Any:
    """Returns the activations among what a layer puts out, states left aside; None when they are no numbers."""
    while isinstance(output, list | tuple) and output:
        output = output[0]
    if not ops.is_tensor(output) or type(output).__name__ in _SPARSE:
        return None
    floating = keras.backend.is_float_dtype(keras.backend.standardize_dtype(output.dtype))
    return output if floating and (rank(output) or 0) >= 2 else None


def statistics(layer: Any, activation: Any) -> Any:
    """Measures the activations of one layer.

    Args:
        layer: Whose they are.
        activation: [samples, ...], the last axis units unless the layer has its channels first.

    Returns:
        float32 [5], in the order of `SIGNALS`.
    """
    values = ops.cast(activation, "float32")
    mean = ops.mean(values)
    deviation = ops.sqrt(ops.mean(ops.square(values - mean)))
    over_samples = ops.mean(values, axis=0)
    sample_deviation = ops.mean(ops.sqrt(ops.mean(ops.square(values - over_samples), axis=0)))
    return ops.stack([mean, deviation, _dead_share(layer, values), _saturated_share(layer, values), sample_deviation])


def _dead_share(layer: Any, values: Any) -> Any:
    # The 95th percentile is below a bound where 95% of the values are: counting is cheaper than sorting.
    dimensions = len(values.shape)
    unit_axis = 1 if getattr(layer, "data_format", None) == "channels_first" else dimensions - 1
    others = tuple(axis for axis in range(dimensions) if axis != unit_axis)
    small = ops.mean(ops.cast(ops.abs(values) < _DEAD, "float32"), axis=others)
    return ops.mean(ops.cast(small >= _DEAD_SAMPLES, "float32"))


def _saturated_share(layer: Any, values: Any) -> Any:
    bounds = _bounds(layer)
    if bounds is None:
        return ops.convert_to_tensor(float("nan"), "float32")
    lowest, highest = bounds
    near = ops.logical_or(values <= lowest + _MARGIN, values >= highest - _MARGIN)
    return ops.mean(ops.cast(near, "float32"))


def _bounds(layer: Any) -> tuple[float, float] | None:
    """Bounds of the function that a layer's output passed last; None when it has none."""
    if isinstance(layer, keras.layers.Bidirectional):
        return _bounds(layer.forward_layer) if layer.merge_mode in ("concat", "ave") else None
    if isinstance(layer, keras.layers.TimeDistributed):
        return _bounds(layer.layer)
    bounds = _BOUNDS.get(getattr(getattr(layer, "activation", None), "__name__", ""))
    if isinstance(layer, keras.layers.LSTM) and bounds is not None and bounds[0] == 0:
        return None  # a closed output gate puts zeros out, which is no saturation
    return bounds

"""What the activations of layers are like, over the samples of a probe."""

from typing import Any

import keras
import tensorflow as tf

from paramedic.describe.keras import named_layers

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
    if (
        not tf.is_tensor(output)
        or not hasattr(output, "dtype")
        or isinstance(output, tf.RaggedTensor | tf.SparseTensor)
    ):
        return None
    known = output.shape.rank is not None and output.shape.rank >= 2
    return output if known and output.dtype.is_floating else None


def statistics(layer: Any, activation: Any) -> Any:
    """Measures the activations of one layer.

    Args:
        layer: Whose they are.
        activation: [samples, ...], the last axis units unless the layer has its channels first.

    Returns:
        float32 [5], in the order of `SIGNALS`.
    """
    values = tf.cast(activation, tf.float32)
    mean = tf.reduce_mean(values)
    deviation = tf.sqrt(tf.reduce_mean(tf.square(values - mean)))
    over_samples = tf.reduce_mean(values, axis=0)
    sample_deviation = tf.reduce_mean(tf.sqrt(tf.reduce_mean(tf.square(values - over_samples), axis=0)))
    return tf.stack([mean, deviation, _dead_share(layer, values), _saturated_share(layer, values), sample_deviation])


def _dead_share(layer: Any, values: Any) -> Any:
    # The 95th percentile is below a bound where 95% of the values are: counting is cheaper than sorting.
    unit_axis = 1 if getattr(layer, "data_format", None) == "channels_first" else values.shape.rank - 1
    others = [axis for axis in range(values.shape.rank) if axis != unit_axis]
    small = tf.reduce_mean(tf.cast(tf.abs(values) < _DEAD, tf.float32), axis=others)
    return tf.reduce_mean(tf.cast(small >= _DEAD_SAMPLES, tf.float32))


def _saturated_share(layer: Any, values: Any) -> Any:
    bounds = _bounds(layer)
    if bounds is None:
        return tf.constant(float("nan"))
    lowest, highest = bounds
    near = (values <= lowest + _MARGIN) | (values >= highest - _MARGIN)
    return tf.reduce_mean(tf.cast(near, tf.float32))


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

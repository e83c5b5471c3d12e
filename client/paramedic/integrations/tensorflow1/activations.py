"""What the activations of layers are like, on the batch of the step itself."""

from typing import Any

import tensorflow as tf

from paramedic.describe.tensorflow1 import Layer, Network

MAX_LAYERS = 64

SIGNALS = ("activation_mean", "activation_deviation", "dead_share", "saturated_share", "sample_deviation")

_DEAD = 1e-5
_DEAD_SAMPLES = 0.95
_MARGIN = 0.05
_BOUNDS = {"tanh": (-1.0, 1.0), "softsign": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}


def probed_layers(network: Network) -> list[Layer]:
    """Returns the layers to probe, in forward order; of more than 64, as many spread over the depth."""
    found = [layer for layer in network.layers if _can_probe(layer)]
    if len(found) > MAX_LAYERS:
        found = [found[position * (len(found) - 1) // (MAX_LAYERS - 1)] for position in range(MAX_LAYERS)]
    return found


def _can_probe(layer: Layer) -> bool:
    output = layer.output
    shapes = bool(layer.activation) or layer.kind == "BatchNormalization"
    if not shapes or output is None or not output.dtype.is_floating or output.shape.rank is None:
        return False
    return bool(output.shape.rank >= 2 and (layer.cell is not None or output.op._get_control_flow_context() is None))


def statistics(layer: Layer) -> Any:
    """Measures the activations of one layer.

    Returns:
        float32 [5], in the order of `SIGNALS`.
    """
    values = tf.cast(layer.output, tf.float32)
    mean = tf.reduce_mean(values)
    deviation = tf.sqrt(tf.reduce_mean(tf.square(values - mean)))
    over_samples = tf.reduce_mean(values, axis=0)
    sample_deviation = tf.reduce_mean(tf.sqrt(tf.reduce_mean(tf.square(values - over_samples), axis=0)))
    return tf.stack([mean, deviation, _dead_share(layer, values), _saturated_share(layer, values), sample_deviation])


def _dead_share(layer: Layer, values: Any) -> Any:
    # The 95th percentile is below a bound where 95% of the values are: counting is cheaper than sorting.
    unit_axis = 1 if layer.channels_first else values.shape.rank - 1
    others = [axis for axis in range(values.shape.rank) if axis != unit_axis]
    small = tf.reduce_mean(tf.cast(tf.abs(values) < _DEAD, tf.float32), axis=others)
    return tf.reduce_mean(tf.cast(small >= _DEAD_SAMPLES, tf.float32))


def _saturated_share(layer: Layer, values: Any) -> Any:
    bounds = _BOUNDS.get(layer.activation)
    if bounds is None or (layer.kind == "LSTM" and bounds[0] == 0):
        return tf.constant(float("nan"))
    lowest, highest = bounds
    near = (values <= lowest + _MARGIN) | (values >= highest - _MARGIN)
    return tf.reduce_mean(tf.cast(near, tf.float32))

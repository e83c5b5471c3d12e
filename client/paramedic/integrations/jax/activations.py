"""What the activations of layers are like, over the samples of a probe."""

from typing import Any

import jax.numpy as jnp

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


def statistics(activation: Any, function: str, unit_axis: int, sample_axis: int) -> Any:
    """Measures the activations of one layer.

    Args:
        activation: Any shape.
        function: Name of the function that it passed last.
        unit_axis: Axis of the units.
        sample_axis: Axis of the samples.

    Returns:
        float32 [5], in the order of `SIGNALS`.
    """
    values = activation.astype(jnp.float32)
    mean = jnp.mean(values)
    deviation = jnp.sqrt(jnp.mean(jnp.square(values - mean)))
    over_samples = jnp.mean(values, axis=sample_axis, keepdims=True)
    spread = jnp.sqrt(jnp.mean(jnp.square(values - over_samples), axis=sample_axis))
    return jnp.stack(
        [mean, deviation, _dead_share(values, unit_axis), _saturated_share(values, function), jnp.mean(spread)]
    )


def _dead_share(values: Any, unit_axis: int) -> Any:
    # The 95th percentile is below a bound where 95% of the values are: counting is cheaper than sorting.
    others = tuple(axis for axis in range(values.ndim) if axis != unit_axis)
    small = jnp.mean((jnp.abs(values) < _DEAD).astype(jnp.float32), axis=others)
    return jnp.mean((small >= _DEAD_SAMPLES).astype(jnp.float32))


def _saturated_share(values: Any, function: str) -> Any:
    if function not in _BOUNDS:
        return jnp.float32(jnp.nan)
    lowest, highest = _BOUNDS[function]
    return jnp.mean(((values <= lowest + _MARGIN) | (values >= highest - _MARGIN)).astype(jnp.float32))

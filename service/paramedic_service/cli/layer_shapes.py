"""Output shapes that follow from a layer's settings and its input shape."""

import math
from collections.abc import Mapping
from typing import Any

_RECURRENT = ("LSTM", "GRU", "SimpleRNN")
_UNCHANGED = frozenset(
    {"Activation", "ReLU", "LeakyReLU", "ELU", "PReLU", "Softmax"}
    | {"BatchNormalization", "LayerNormalization", "Normalization", "Rescaling"}
    | {"Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "AlphaDropout", "GaussianNoise"}
    | {"Masking", "Identity"}
)


def output_shape(kind: str, config: Mapping[str, Any], shape: tuple[int, ...]) -> tuple[int, ...]:
    """Returns the output shape of a layer; empty when it does not follow.

    Args:
        kind: Class name of the layer.
        config: Its settings, as Keras writes them.
        shape: Of its input, with the batch dimension; -1 for unknown sizes, empty when unknown.
    """
    if not shape:
        return ()
    if kind in _UNCHANGED:
        return shape
    if kind == "Dense" and isinstance(config.get("units"), int):
        return (*shape[:-1], config["units"])
    if kind in _RECURRENT and isinstance(config.get("units"), int):
        return (*shape[: 2 if config.get("return_sequences") else 1], config["units"])
    if kind == "Flatten":
        return shape[0], math.prod(shape[1:]) if min(shape[1:], default=0) > 0 else -1
    if kind.startswith("Global") and kind.endswith(("1D", "2D", "3D")) and not config.get("keepdims"):
        return shape[0], shape[-1]
    if kind == "Embedding" and isinstance(config.get("output_dim"), int):
        return (*shape, config["output_dim"])
    return _wrapped(kind, config, shape)


def _wrapped(kind: str, config: Mapping[str, Any], shape: tuple[int, ...]) -> tuple[int, ...]:
    inner = config.get("layer")
    if not isinstance(inner, Mapping) or not isinstance(inner.get("config"), Mapping):
        return ()
    if kind == "TimeDistributed":
        one = output_shape(str(inner.get("class_name", "")), inner["config"], (shape[0], *shape[2:]))
        return (shape[0], shape[1], *one[1:]) if one else ()
    if kind == "Bidirectional":
        one = output_shape(str(inner.get("class_name", "")), inner["config"], shape)
        return (*one[:-1], one[-1] * (2 if config.get("merge_mode", "concat") == "concat" else 1)) if one else ()
    return ()

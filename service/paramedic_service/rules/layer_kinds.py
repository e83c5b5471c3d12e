"""What the layers of a model do, by the class names that Keras gives them.

A kind that is in no set is unknown: it may do anything, and rules that meet one say nothing about what lies around it.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from paramedic_service.rules.description import Layer

GATED = frozenset({"LSTM", "GRU", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"})
PLAIN_RECURRENT = frozenset({"SimpleRNN"})
RECURRENT = GATED | PLAIN_RECURRENT
TRANSPOSED = frozenset({"Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"})
CONVOLUTIONS = TRANSPOSED | {
    "Conv1D",
    "Conv2D",
    "Conv3D",
    "SeparableConv1D",
    "SeparableConv2D",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
}
DENSE = frozenset({"Dense", "EinsumDense"})
ATTENTION = frozenset({"MultiHeadAttention", "GroupQueryAttention", "Attention", "AdditiveAttention"})
WEIGHTED = DENSE | CONVOLUTIONS | RECURRENT
"""Layers that multiply their input by a kernel."""

NORMALISATIONS = frozenset(
    {
        "BatchNormalization",
        "LayerNormalization",
        "GroupNormalization",
        "RMSNormalization",
        "SpectralNormalization",
        "UnitNormalization",
    }
)
DROPOUTS = frozenset(
    {"Dropout", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "AlphaDropout", "GaussianDropout"}
)
ACTIVATION_LAYERS: Mapping[str, str] = {
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "PReLU": "prelu",
    "ELU": "elu",
    "Softmax": "softmax",
    "ThresholdedReLU": "relu",
}
"""Layers that are nothing but an activation, besides Activation itself."""

POOLINGS = frozenset(f"{kind}Pooling{n}D" for kind in ("Max", "Average") for n in (1, 2, 3))
GLOBAL_POOLINGS = frozenset(f"Global{kind}Pooling{n}D" for kind in ("Max", "Average") for n in (1, 2, 3))
RESHAPING = frozenset(
    {"Flatten", "Reshape", "Permute", "RepeatVector", "Identity", "Masking"}
    | {f"{kind}{n}D" for kind in ("ZeroPadding", "Cropping", "UpSampling") for n in (1, 2, 3)}
)
"""Layers that move or drop values and leave each as it is."""

PASSING = DROPOUTS | RESHAPING | {"GaussianNoise", "ActivityRegularization"}
"""Layers between which and their input nothing changes in expectation."""

KNOWN = (
    WEIGHTED
    | ATTENTION
    | NORMALISATIONS
    | PASSING
    | POOLINGS
    | GLOBAL_POOLINGS
    | frozenset(ACTIVATION_LAYERS)
    | {"InputLayer", "Activation", "Embedding", "Rescaling", "Normalization"}
    | {"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"}
)
"""Every kind whose effect is known."""

SATURATING = frozenset({"sigmoid", "tanh", "hard_sigmoid", "softsign", "hard_tanh"})
RECTIFIERS = frozenset({"relu", "relu6", "leaky_relu", "prelu", "elu", "celu", "crelu"})
LINEAR = frozenset({"", "linear"})

_WRAPPERS = frozenset({"TimeDistributed", "Bidirectional"})


def unwrapped(layer: Layer) -> Layer:
    """The layer that a TimeDistributed or Bidirectional holds, in the place and with the shapes of the wrapper.

    The width of a bidirectional layer is what its output has, which depends on how it merges the two directions.
    """
    inner = layer.settings.get("layer")
    if layer.kind not in _WRAPPERS or not isinstance(inner, Mapping):
        return layer
    config = inner.get("config")
    if not isinstance(config, Mapping):
        return layer
    units = number(config, "units") or number(config, "filters")
    activation = config.get("activation")
    kind = str(inner.get("class_name", layer.kind))
    return unwrapped(
        replace(
            layer,
            kind=kind,
            units=layer.units or (int(units) if units else None),
            activation=activation if isinstance(activation, str) else layer.activation,
            settings={**config, "operations": layer.settings.get("operations")},
        )
    )


def operations(layer: Layer) -> tuple[str, ...]:
    """Operations that are no layers and are applied to the output: "Softmax", "Add"; by class name."""
    applied = layer.settings.get("operations")
    return tuple(map(str, applied)) if isinstance(applied, list | tuple) else ()


def width(layer: Layer) -> int | None:
    """Size of the output's last axis; None when unknown."""
    if layer.output_shape and layer.output_shape[-1] > 0:
        return layer.output_shape[-1]
    return layer.units


def number(settings: Mapping[str, Any], name: str) -> float | None:
    """A number of the settings; None when it is absent, or no finite number."""
    value = settings.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def class_name(settings: Mapping[str, Any], name: str) -> str:
    """Class name of a serialised object in the settings, "GlorotUniform"; empty when there is none."""
    value = settings.get(name)
    if isinstance(value, Mapping):
        return str(value.get("class_name", ""))
    return value if isinstance(value, str) else ""


def activation(layer: Layer) -> str | None:
    """The nonlinearity that a layer applies to its output: "linear" for none; None when that cannot be known."""
    name = ACTIVATION_LAYERS.get(layer.kind) or layer.activation or "linear"
    for applied in operations(layer):
        known = _OPERATIONS.get(applied)
        if known is None:
            return None
        if known != "linear":
            name = known if name in LINEAR else "composed"
    return name


_OPERATIONS: Mapping[str, str] = {
    "Softmax": "softmax",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Relu": "relu",
    "LeakyRelu": "leaky_relu",
    "Elu": "elu",
    "Gelu": "gelu",
    "Silu": "silu",
    "Softplus": "softplus",
    "Reshape": "linear",
    "Squeeze": "linear",
    "ExpandDims": "linear",
    "Transpose": "linear",
    "Cast": "linear",
}

"""Operations that are no modules, by the names that autograd gives their nodes."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from torch.nn import functional

ACTIVATIONS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "Relu": ("relu", functional.relu),
    "Threshold": ("relu", functional.relu),
    "LeakyRelu": ("leaky_relu", functional.leaky_relu),
    "Elu": ("elu", functional.elu),
    "Gelu": ("gelu", functional.gelu),
    "Silu": ("silu", functional.silu),
    "Mish": ("mish", functional.mish),
    "Sigmoid": ("sigmoid", functional.sigmoid),
    "LogSigmoid": ("log_sigmoid", functional.logsigmoid),
    "Hardsigmoid": ("hard_sigmoid", functional.hardsigmoid),
    "Hardswish": ("hard_silu", functional.hardswish),
    "Tanh": ("tanh", functional.tanh),
    "Hardtanh": ("hard_tanh", functional.hardtanh),
    "Softplus": ("softplus", functional.softplus),
    "Softmax": ("softmax", lambda values: functional.softmax(values, -1)),
    "LogSoftmax": ("log_softmax", lambda values: functional.log_softmax(values, -1)),
}
"""Name in neutral terms, and the function itself."""

LAYERS: Mapping[str, str] = {
    "Add": "Add",
    "Sub": "Subtract",
    "Mul": "Multiply",
    "Cat": "Concatenate",
    "MaxPool2DWithIndices": "MaxPooling2D",
    "MaxPool3DWithIndices": "MaxPooling3D",
    "AvgPool2D": "AveragePooling2D",
    "AvgPool3D": "AveragePooling3D",
    "NativeDropout": "Dropout",
    "NativeLayerNorm": "LayerNormalization",
    "NativeBatchNorm": "BatchNormalization",
    "CudnnBatchNorm": "BatchNormalization",
}
"""Kinds of layers that do the same."""

STATE = "State"
"""What a recurrent layer puts out beside its sequence: the state after its last time step."""

ONE_STEP = frozenset({STATE, "Select", "Unbind", "Index", "IndexSelect", "Gather"})
"""Of a sequence, they leave single time steps."""

MOVING = ONE_STEP | frozenset(
    {
        *("Alias", "AsStrided", "Clone", "Contiguous", "CopySlices", "Expand", "Movedim", "Narrow", "Permute"),
        *("PackPaddedSequence", "Reshape", "ReshapeAlias", "Slice", "Split", "SplitWithSizes", "Squeeze", "T"),
        *("ToCopy", "Transpose", "UnsafeSplit", "UnsafeView", "Unsqueeze", "View", "Identity"),
        *("_DDPSink", "BackwardHookFunction", "Pad", "ConstantPadNd", "Roll", "Flip"),
    }
)
"""They move or drop values and leave each as it is."""

_PRODUCTS = ("Bmm", "ScaledDotProduct", "_ScaledDotProduct", "_EfficientAttention", "_FlashAttention")


def is_product(name: str) -> bool:
    """Whether an operation multiplies activations with each other, as attention does."""
    return name.startswith(_PRODUCTS)


def operation(node: Any) -> str:
    """Name of an operation, "Relu", by its node of the autograd graph, ReluBackward0."""
    return re.sub(r"Backward\d*$", "", str(node.name()).rpartition(":")[2])

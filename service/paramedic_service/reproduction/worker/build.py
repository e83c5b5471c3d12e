"""Keras models from plans: from tables of classes, never by looking a name up anywhere else."""

import random
import re
from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import layers

from paramedic_service.reproduction.plan import LayerPlan, ModelPlan, Part

_INPUT = "InputLayer"
_KERAS_NAME = re.compile(r"[^A-Za-z0-9_.-]")

LAYERS: Mapping[str, Callable[..., Any]] = {
    layer.__name__: layer
    for layer in (
        layers.Activation, layers.ActivityRegularization, layers.Add, layers.AdditiveAttention, layers.AlphaDropout,
        layers.Attention, layers.Average, layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D,
        layers.BatchNormalization, layers.Bidirectional, layers.Concatenate, layers.Conv1D, layers.Conv1DTranspose,
        layers.Conv2D, layers.Conv2DTranspose, layers.Conv3D, layers.ConvLSTM1D, layers.ConvLSTM2D, layers.Cropping1D,
        layers.Cropping2D, layers.Cropping3D, layers.Dense, layers.DepthwiseConv1D, layers.DepthwiseConv2D, layers.Dot,
        layers.Dropout, layers.ELU, layers.Embedding, layers.Flatten, layers.GaussianDropout, layers.GaussianNoise,
        layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D, layers.GlobalAveragePooling3D,
        layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.GlobalMaxPooling3D, layers.GroupNormalization,
        layers.GRU, layers.GRUCell, layers.Identity, layers.LayerNormalization, layers.LeakyReLU, layers.LSTM,
        layers.LSTMCell, layers.Masking, layers.Maximum, layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D,
        layers.Minimum, layers.MultiHeadAttention, layers.Multiply, layers.Permute, layers.PReLU, layers.ReLU,
        layers.RepeatVector, layers.Rescaling, layers.Reshape, layers.RMSNormalization, layers.RNN,
        layers.SeparableConv1D, layers.SeparableConv2D, layers.SimpleRNN, layers.SimpleRNNCell, layers.Softmax,
        layers.SpatialDropout1D, layers.SpatialDropout2D, layers.Subtract, layers.TimeDistributed,
        layers.UnitNormalization, layers.UpSampling1D, layers.UpSampling2D, layers.UpSampling3D, layers.ZeroPadding1D,
        layers.ZeroPadding2D, layers.ZeroPadding3D,
    )
}  # fmt: skip
"""Every kind of layer, wrapper and cell that a plan may name."""

PARTS: Mapping[str, Callable[..., Any]] = {
    part.__name__: part
    for part in (
        keras.initializers.Zeros, keras.initializers.Ones, keras.initializers.Constant, keras.initializers.Identity,
        keras.initializers.Orthogonal, keras.initializers.RandomNormal, keras.initializers.TruncatedNormal,
        keras.initializers.RandomUniform, keras.initializers.VarianceScaling, keras.initializers.GlorotNormal,
        keras.initializers.GlorotUniform, keras.initializers.HeNormal, keras.initializers.HeUniform,
        keras.initializers.LecunNormal, keras.initializers.LecunUniform,
        keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2,
        keras.regularizers.OrthogonalRegularizer,
        keras.constraints.MaxNorm, keras.constraints.MinMaxNorm, keras.constraints.NonNeg, keras.constraints.UnitNorm,
        layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Softmax,
    )
}  # fmt: skip
"""Everything that layers are made with."""

_ops = keras.ops
OPERATIONS: Mapping[str, Callable[..., Any]] = {
    "Absolute": _ops.absolute, "Add": _ops.add, "Cast": _ops.cast, "Clip": _ops.clip, "Concatenate": _ops.concatenate,
    "Cos": _ops.cos, "Divide": _ops.divide, "Elu": _ops.elu, "Exp": _ops.exp, "ExpandDims": _ops.expand_dims,
    "Gelu": _ops.gelu, "HardSigmoid": _ops.hard_sigmoid, "Log": _ops.log, "Log1p": _ops.log1p,
    "LogSigmoid": _ops.log_sigmoid, "LogSoftmax": _ops.log_softmax, "Max": _ops.max, "Maximum": _ops.maximum,
    "Mean": _ops.mean, "Min": _ops.min, "Minimum": _ops.minimum, "Multiply": _ops.multiply, "Negative": _ops.negative,
    "Power": _ops.power, "Reciprocal": _ops.reciprocal, "Relu": _ops.relu, "Relu6": _ops.relu6,
    "Reshape": _ops.reshape, "Selu": _ops.selu, "Sigmoid": _ops.sigmoid, "Sign": _ops.sign, "Silu": _ops.silu,
    "Sin": _ops.sin, "Softmax": _ops.softmax, "Softplus": _ops.softplus, "Softsign": _ops.softsign, "Sqrt": _ops.sqrt,
    "Square": _ops.square, "Squeeze": _ops.squeeze, "StopGradient": _ops.stop_gradient, "Subtract": _ops.subtract,
    "Sum": _ops.sum, "Tanh": _ops.tanh, "Transpose": _ops.transpose, "TrueDivide": _ops.true_divide,
}  # fmt: skip
"""Operations that are no layers."""

_LISTS = frozenset({"Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot"})
"""Layers that take what they read as one list."""
_ATTENTION = frozenset({"Attention", "AdditiveAttention"})
"""Likewise, of a query, a value and perhaps a key."""


def build(model: ModelPlan, seed: int | None = None) -> Any:
    """Builds the keras.Model of a plan, with new weights.

    Args:
        model: As planned; nothing of it is checked again.
        seed: Of the weights: a place begins the same way in every model that has it. Keras draws from Python's own
            random numbers, which are left somewhere else. None: whatever comes.
    """
    names = _keras_names(model)
    made: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    for place in model.layers:
        if place.kind == _INPUT:
            outputs[place.name] = keras.Input(
                place.arguments["shape"], dtype=place.arguments["dtype"], name=names[place.name]
            )
            continue
        arrays = [outputs[source] for source in place.inputs]
        if place.operation:
            outputs[place.name] = _operated(place, arrays)
            continue
        if seed is not None:
            random.seed(f"{seed}/{place.name}")
        if not place.shares:
            made[place.name] = _layer(place, names[place.name], model.precision)
        outputs[place.name] = _called(made[place.shares or place.name], place, arrays)
    inputs = [outputs[place.name] for place in model.inputs]
    results = [outputs[name] for name in model.outputs]
    return keras.Model(_one_or_all(inputs), _one_or_all(results))


def _layer(place: LayerPlan, name: str, precision: str) -> Any:
    """Makes the layer of a place."""
    return LAYERS[place.kind](**{"dtype": precision} | _arguments(place.arguments, precision), name=name)


def _arguments(arguments: Mapping[str, Any], precision: str) -> dict[str, Any]:
    return {name: _argument(value, precision) for name, value in arguments.items()}


def _argument(value: Any, precision: str) -> Any:
    if isinstance(value, Part):
        return PARTS[value.kind](**_arguments(value.arguments, precision))
    if isinstance(value, LayerPlan):
        return LAYERS[value.kind](**{"dtype": precision} | _arguments(value.arguments, precision))
    if isinstance(value, tuple) and any(isinstance(item, LayerPlan) for item in value):
        cells = [_argument(item, precision) for item in value]
        return cells[0] if len(cells) == 1 else cells
    return value


def _called(layer: Any, place: LayerPlan, arrays: list[Any]) -> Any:
    if place.kind in _LISTS | _ATTENTION:
        return layer(arrays, **place.call)
    return layer(*arrays, **place.call)


def _operated(place: LayerPlan, arrays: list[Any]) -> Any:
    """Applies the operation of a place."""
    given = dict(place.arguments)
    parameters: tuple[str, ...] = given.pop("arrays")
    if place.kind == "GetItem":
        keys = tuple(slice(*key) if isinstance(key, tuple) else key for key in given["key"])
        return arrays[0][keys]
    if parameters == ("x",):  # whatever each of them calls it
        return OPERATIONS[place.kind](arrays[0], **given)
    if not parameters[0].endswith("*"):
        return OPERATIONS[place.kind](**dict(zip(parameters, arrays, strict=True)), **given)
    if place.kind == "Add":
        total = arrays[0]
        for each in arrays[1:]:
            total = _ops.add(total, each)
        return total
    return OPERATIONS[place.kind](arrays, **given)


def _keras_names(model: ModelPlan) -> dict[str, str]:
    """Names that TensorFlow takes, unique as the plan's are."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for place in model.layers:
        base = _KERAS_NAME.sub("_", place.name).strip("._-")[:100] or "layer"
        name, number = base, 1
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name)
        names[place.name] = name
    return names


def _one_or_all(tensors: list[Any]) -> Any:
    return tensors[0] if len(tensors) == 1 else tensors

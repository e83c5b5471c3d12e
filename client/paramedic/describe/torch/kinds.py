"""What a torch module is, in the neutral vocabulary of the wire contract, which is Keras's.

Tensors that have their channels first are described as if these came last, as everything that reads a description
expects it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import torch
from torch import nn

Settings: TypeAlias = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Neutral:
    """A layer in neutral terms.

    Attributes:
        kind: Keras's class name; torch's own where there is no counterpart.
        activation: That is part of the layer; empty when it has none.
        units: Output width; None when not applicable.
        settings: As Keras names them.
    """

    kind: str
    activation: str = ""
    units: int | None = None
    settings: Settings = field(default_factory=dict)


ACTIVATIONS: Mapping[str, str] = {
    "ReLU": "relu",
    "ReLU6": "relu6",
    "LeakyReLU": "leaky_relu",
    "PReLU": "prelu",
    "ELU": "elu",
    "CELU": "celu",
    "SELU": "selu",
    "GELU": "gelu",
    "SiLU": "silu",
    "Mish": "mish",
    "Sigmoid": "sigmoid",
    "LogSigmoid": "log_sigmoid",
    "Hardsigmoid": "hard_sigmoid",
    "Hardswish": "hard_silu",
    "Tanh": "tanh",
    "Hardtanh": "hard_tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Softmax": "softmax",
    "Softmax2d": "softmax",
    "LogSoftmax": "log_softmax",
    # transformers has its own.
    "GELUActivation": "gelu",
    "NewGELUActivation": "gelu",
    "GELUTanh": "gelu",
    "QuickGELUActivation": "gelu",
    "SiLUActivation": "silu",
}
"""Modules that are nothing but an activation."""

_LAYERS_OF_THEIR_OWN = frozenset({"ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax"})

RECURRENT = (nn.RNN, nn.LSTM, nn.GRU)
CELLS = (nn.RNNCell, nn.LSTMCell, nn.GRUCell)
CHANNELS_FIRST = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._NormBase,
    nn.GroupNorm,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
    nn.modules.dropout.Dropout1d,
    nn.modules.dropout.Dropout2d,
    nn.modules.dropout.Dropout3d,
    nn.Upsample,
)
"""Modules whose second axis is the channels."""


def base_name(module: Any) -> str:
    """Name of torch's own class that a module is of; the module's class where it is none of torch's."""
    for base in type(module).__mro__:
        if base.__module__.startswith("torch.nn.modules.") and base is not nn.Module:
            return str(base.__name__)
    return type(module).__name__


def neutral(module: Any) -> Neutral:
    """Describes a module that is no stack of recurrent layers."""
    name = base_name(module)
    if name in ACTIVATIONS:
        return _activation(name, module)
    for classes, describe in _KINDS:
        if isinstance(module, classes):
            return describe(module)
    return Neutral(type(module).__name__)


def is_known(module: Any) -> bool:
    """Whether a module is one layer, whatever is within it."""
    return isinstance(module, RECURRENT) or base_name(module) in ACTIVATIONS or isinstance(module, _ALL)


def levels(module: Any) -> int:
    """Number of layers that a recurrent module stacks."""
    return int(module.num_layers)


def neutral_level(module: Any, sequences: bool) -> Neutral:
    """Describes one layer of a recurrent module.

    Args:
        module: An nn.RNN, nn.LSTM or nn.GRU.
        sequences: Whether its output at every time step is read.
    """
    units = int(module.proj_size or module.hidden_size)
    kind = {"RNN": "SimpleRNN"}.get(base_name(module), base_name(module))
    activation = str(getattr(module, "nonlinearity", "tanh"))
    settings: Settings = {"return_sequences": sequences, "use_bias": bool(module.bias)}
    if kind != "SimpleRNN":
        settings["recurrent_activation"] = "sigmoid"
    if kind == "LSTM":
        settings["unit_forget_bias"] = False
    if kind == "GRU":
        settings["reset_after"] = True
    if not module.bidirectional:
        return Neutral(kind, activation, units, settings)
    within = {"class_name": kind, "config": {"units": units, "activation": activation, **settings}}
    return Neutral("Bidirectional", "", 2 * units, {"layer": within, "merge_mode": "concat"})


def _activation(name: str, module: Any) -> Neutral:
    settings: Settings = {}
    if name == "LeakyReLU":
        settings["negative_slope"] = module.negative_slope
    if name == "Softmax":
        settings["axis"] = -1 if module.dim is None else module.dim
    if name in _LAYERS_OF_THEIR_OWN:
        return Neutral(name, settings=settings)
    return Neutral("Activation", ACTIVATIONS[name], settings=settings)


def _dense(module: Any) -> Neutral:
    return Neutral("Dense", "linear", int(module.out_features), {"use_bias": module.bias is not None})


def _convolution(module: Any) -> Neutral:
    axes = len(module.kernel_size)
    settings: Settings = {
        "kernel_size": list(module.kernel_size),
        "strides": list(module.stride),
        "dilation_rate": list(module.dilation),
        "groups": module.groups,
        "padding": _padding(module),
        "use_bias": module.bias is not None,
    }
    kind = f"Conv{axes}DTranspose" if module.transposed else f"Conv{axes}D"
    return Neutral(kind, "linear", int(module.out_channels), settings)


def _padding(module: Any) -> Any:
    if isinstance(module.padding, str):
        return module.padding
    if not any(module.padding):
        return "valid"
    reach = [step * (size - 1) for step, size in zip(module.dilation, module.kernel_size, strict=True)]
    whole = [2 * each for each in module.padding] == reach and set(module.stride) == {1}
    return "same" if whole and not module.transposed else list(module.padding)


def _normalisation(kind: str) -> Callable[[Any], Neutral]:
    def describe(module: Any) -> Neutral:
        settings: Settings = {} if module.eps is None else {"epsilon": module.eps}
        if getattr(module, "momentum", None) is not None:
            settings["momentum"] = 1 - module.momentum  # of the old value rather than of the new one
        if isinstance(module, nn.GroupNorm):
            settings["groups"] = module.num_groups
        elif isinstance(module, nn.modules.instancenorm._InstanceNorm):
            settings["groups"] = module.num_features
        return Neutral(kind, settings=settings)

    return describe


def _dropout(kind: str) -> Callable[[Any], Neutral]:
    return lambda module: Neutral(kind, settings={"rate": module.p})


def _pooling(kind: str) -> Callable[[Any], Neutral]:
    def describe(module: Any) -> Neutral:
        stride = module.kernel_size if module.stride is None else module.stride
        return Neutral(kind, settings={"pool_size": _plain(module.kernel_size), "strides": _plain(stride)})

    return describe


def _global_pooling(kind: str) -> Callable[[Any], Neutral]:
    def describe(module: Any) -> Neutral:
        if _plain(module.output_size) in (1, [1], [1, 1], [1, 1, 1]):
            return Neutral(kind, settings={"keepdims": True})
        return Neutral(type(module).__name__, settings={"output_size": _plain(module.output_size)})

    return describe


def _plain(size: Any) -> Any:
    return list(size) if isinstance(size, Sequence) else size


def _embedding(module: Any) -> Neutral:
    return Neutral("Embedding", settings={"input_dim": module.num_embeddings, "output_dim": module.embedding_dim})


def _attention(module: Any) -> Neutral:
    return Neutral("MultiHeadAttention", settings={"num_heads": module.num_heads, "key_dim": module.head_dim})


def _cell(module: Any) -> Neutral:
    kind = {"RNNCell": "SimpleRNNCell"}.get(base_name(module), base_name(module))
    return Neutral(kind, str(getattr(module, "nonlinearity", "tanh")), int(module.hidden_size))


def _named(kind: str) -> Callable[[Any], Neutral]:
    return lambda _: Neutral(kind)


# The first that fits is taken: what is derived from another stands before it.
_KINDS: tuple[tuple[Any, Callable[[Any], Neutral]], ...] = (
    (nn.Linear, _dense),
    (nn.modules.conv._ConvNd, _convolution),
    (CELLS, _cell),
    (nn.Embedding, _embedding),
    (nn.MultiheadAttention, _attention),
    (nn.modules.instancenorm._InstanceNorm, _normalisation("GroupNormalization")),
    (nn.modules.batchnorm._NormBase, _normalisation("BatchNormalization")),
    (nn.LayerNorm, _normalisation("LayerNormalization")),
    (nn.GroupNorm, _normalisation("GroupNormalization")),
    (nn.RMSNorm, _normalisation("RMSNormalization")),
    (nn.Dropout1d, _dropout("SpatialDropout1D")),
    (nn.Dropout2d, _dropout("SpatialDropout2D")),
    (nn.Dropout3d, _dropout("SpatialDropout3D")),
    ((nn.AlphaDropout, nn.FeatureAlphaDropout), _dropout("AlphaDropout")),
    (nn.Dropout, _dropout("Dropout")),
    *(
        (getattr(nn, f"{ours}Pool{axes}d"), _pooling(f"{theirs}Pooling{axes}D"))
        for axes in (1, 2, 3)
        for ours, theirs in (("Max", "Max"), ("Avg", "Average"))
    ),
    *(
        (getattr(nn, f"Adaptive{ours}Pool{axes}d"), _global_pooling(f"Global{theirs}Pooling{axes}D"))
        for axes in (1, 2, 3)
        for ours, theirs in (("Max", "Max"), ("Avg", "Average"))
    ),
    (nn.Flatten, _named("Flatten")),
    (nn.Unflatten, _named("Reshape")),
    (nn.Identity, _named("Identity")),
)
_ALL = tuple(classes for classes, _ in _KINDS if isinstance(classes, type)) + CELLS + (nn.FeatureAlphaDropout,)


def with_activation(layer: Neutral, activation: str) -> Neutral:
    """The layer with an activation that follows it told as its own, as Keras does."""
    return replace(layer, activation=activation)


def takes_activation(layer: Neutral) -> bool:
    """Whether an activation that follows a layer can be told as the layer's own."""
    return layer.activation == "linear"


def is_compiled(module: Any) -> bool:
    """Whether a module runs as compiled code, into which nobody looks."""
    if getattr(module, "_compiled_call_impl", None) is not None or isinstance(module, torch.jit.ScriptModule):
        return True
    # Its class stands where importing it would take seconds, in a module that is there only if it is needed.
    return any(base.__name__ == "OptimizedModule" for base in type(module).__mro__)

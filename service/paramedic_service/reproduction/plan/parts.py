"""What layers are made with: activations, initialisers, regularisers, constraints, numeric policies."""

from collections.abc import Mapping
from typing import Any

from paramedic_service.reproduction.plan.checks import (
    Check,
    choice,
    either,
    integer,
    listed,
    number,
    only,
    several,
    shown,
)
from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.reproduction.plan.limits import Limits
from paramedic_service.reproduction.plan.plans import Part

FLOATS = ("float16", "bfloat16", "float32", "float64")
POLICIES = (*FLOATS, "mixed_float16", "mixed_bfloat16")
DTYPES = (*FLOATS, "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool")

ACTIVATIONS = frozenset(
    {"linear", "relu", "relu6", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "mish", "exponential", "softplus"}
    | {"softsign", "tanh", "sigmoid", "hard_sigmoid", "hard_silu", "hard_tanh", "softmax", "log_softmax"}
    | {"log_sigmoid", "squareplus", "sparse_plus", "sparse_sigmoid", "sparsemax", "hard_shrink", "soft_shrink"}
    | {"tanh_shrink", "threshold"}
)
_ACTIVATION_ALIASES = {"swish": "silu", "hard_swish": "hard_silu"}

GAIN = number(-1e6, 1e6)
"""A factor or offset of weights: faults of scale are wanted, infinities are not."""

_seed = either(integer(-(2**53), 2**53), only(None, "a seed is a number"))
_FANS: dict[str, Check] = {"seed": _seed}

INITIALISERS: Mapping[str, Mapping[str, Check]] = {
    "Zeros": {},
    "Ones": {},
    "Constant": {"value": GAIN},
    "Identity": {"gain": GAIN},
    "Orthogonal": {"gain": GAIN, "seed": _seed},
    "RandomNormal": {"mean": GAIN, "stddev": number(0, 1e6), "seed": _seed},
    "TruncatedNormal": {"mean": GAIN, "stddev": number(0, 1e6), "seed": _seed},
    "RandomUniform": {"minval": GAIN, "maxval": GAIN, "seed": _seed},
    "VarianceScaling": {
        "scale": number(1e-12, 1e6),
        "mode": choice("fan_in", "fan_out", "fan_avg"),
        "distribution": choice("truncated_normal", "untruncated_normal", "uniform"),
        "seed": _seed,
    },
    "GlorotNormal": _FANS,
    "GlorotUniform": _FANS,
    "HeNormal": _FANS,
    "HeUniform": _FANS,
    "LecunNormal": _FANS,
    "LecunUniform": _FANS,
}
_INITIALISER_ALIASES = {
    "zeros": "Zeros", "zero": "Zeros", "ones": "Ones", "one": "Ones", "constant": "Constant", "identity": "Identity",
    "IdentityInitializer": "Identity", "orthogonal": "Orthogonal", "OrthogonalInitializer": "Orthogonal",
    "random_normal": "RandomNormal", "normal": "RandomNormal", "truncated_normal": "TruncatedNormal",
    "random_uniform": "RandomUniform", "uniform": "RandomUniform", "variance_scaling": "VarianceScaling",
    "glorot_normal": "GlorotNormal", "glorot_uniform": "GlorotUniform", "he_normal": "HeNormal",
    "he_uniform": "HeUniform", "lecun_normal": "LecunNormal", "lecun_uniform": "LecunUniform",
}  # fmt: skip

_strength = number(0, 1e6)
REGULARISERS: Mapping[str, Mapping[str, Check]] = {
    "L1": {"l1": _strength},
    "L2": {"l2": _strength},
    "L1L2": {"l1": _strength, "l2": _strength},
    "OrthogonalRegularizer": {"factor": _strength, "mode": choice("rows", "columns")},
}
_REGULARISER_ALIASES = {"l1": "L1", "l2": "L2", "l1_l2": "L1L2", "orthogonal_regularizer": "OrthogonalRegularizer"}

_axes = either(integer(-6, 5), several(integer(-6, 5), 1, 6))
CONSTRAINTS: Mapping[str, Mapping[str, Check]] = {
    "MaxNorm": {"max_value": number(0, 1e6), "axis": _axes},
    "MinMaxNorm": {"min_value": number(0, 1e6), "max_value": number(0, 1e6), "rate": number(0, 1), "axis": _axes},
    "NonNeg": {},
    "UnitNorm": {"axis": _axes},
}
_CONSTRAINT_ALIASES = {
    "max_norm": "MaxNorm", "min_max_norm": "MinMaxNorm", "non_neg": "NonNeg", "unit_norm": "UnitNorm",
}  # fmt: skip

_slope = number(-1e3, 1e3)
ACTIVATION_LAYERS: Mapping[str, Mapping[str, Check]] = {
    "ReLU": {"max_value": number(0, 1e6), "negative_slope": number(0, 1e3), "threshold": number(0, 1e6)},
    "LeakyReLU": {"negative_slope": number(0, 1e3)},
    "ELU": {"alpha": _slope},
    "Softmax": {"axis": _axes},
}
"""Layers without weights that may stand as the activation of another."""

# What Keras reports of every object, and what is the same whatever it holds.
_OF_EVERY_PART = frozenset({"name", "trainable", "dtype", "seed", "input_axes", "output_axes"})


def part(table: Mapping[str, Mapping[str, Check]], what: str, aliases: Mapping[str, str] | None = None) -> Check:
    """Something with a class name and a configuration, as Keras serialises it, or only its name.

    Args:
        table: Checks of its arguments by class name.
        what: For errors: "initialiser".
        aliases: Class names by other names.
    """
    short = aliases or {}

    def check(value: Any, field: str, limits: Limits) -> Part:
        kind, config, of_config = named(value, field, what)
        kind = short.get(kind, kind)
        if kind not in table:
            raise SpecError(field, f"got {shown(kind)}, expected an {what} of {listed(table)}")
        return Part(kind, arguments(config, table[kind], of_config, limits))

    return check


def named(value: Any, field: str, what: str) -> tuple[str, Mapping[str, Any], str]:
    """Reads a class name and its configuration.

    Returns:
        The class name, the configuration, and the path of that.
    """
    if isinstance(value, str):
        return value, {}, field
    if not isinstance(value, Mapping):
        raise SpecError(field, f"got {shown(value)}, expected the name of an {what}, or its class_name and config")
    foreign = set(value) - {"class_name", "config"}
    if foreign:
        raise SpecError(
            f"{field}.{_key(min(foreign))}", "not taken: a class is told by class_name and config, never by where it is"
        )
    kind, config = value.get("class_name"), value.get("config") or {}
    if not isinstance(kind, str):
        raise SpecError(f"{field}.class_name", f"got {shown(kind)}, expected the name of an {what}")
    if not isinstance(config, Mapping):
        raise SpecError(f"{field}.config", f"got {shown(config)}, expected settings by name")
    return kind, config, f"{field}.config"


def arguments(config: Mapping[str, Any], checks: Mapping[str, Check], field: str, limits: Limits) -> dict[str, Any]:
    """Checks settings by name; None says that there is nothing to say."""
    checked = {}
    for key, value in sorted(config.items()):  # maps on the wire have no order, and errors should not change
        if value is None or (key in _OF_EVERY_PART and key not in checks):
            continue
        if key not in checks:
            allowed = f"there are {listed(checks)}" if checks else "it takes none"
            raise SpecError(f"{field}.{_key(key)}", f"there is no such setting; {allowed}")
        checked[key] = checks[key](value, f"{field}.{key}", limits)
    checked.pop("seed", None)  # seeds are the reproduction's own
    return checked


def activation(value: Any, field: str, limits: Limits) -> str | Part:
    """An activation by name, or a layer without weights in its place."""
    if isinstance(value, Mapping) and value.get("class_name") == "function" and isinstance(value.get("config"), str):
        named({**value, "config": {}}, field, "activation")
        value = value["config"]
    if isinstance(value, str):
        known = _ACTIVATION_ALIASES.get(value, value)
        if known not in ACTIVATIONS:
            raise SpecError(field, f"got {shown(value)}, expected one of {listed(ACTIVATIONS)}")
        return known
    layer: Part = _activation_layer(value, field, limits)
    return layer


def policy(value: Any, field: str, limits: Limits) -> str:
    """The numeric policy of a layer, as Keras serialises it, or only its name."""
    if isinstance(value, Mapping):
        kind, config, of_config = named(value, field, "numeric policy")
        if kind != "DTypePolicy":
            raise SpecError(field, f"got {shown(kind)}, expected a DTypePolicy")
        return policy(config.get("name"), f"{of_config}.name", limits)
    known: str = _policy(value, field, limits)
    return known


def _key(key: Any) -> str:
    """A key within an error's path."""
    return key if isinstance(key, str) and key.isidentifier() and len(key) <= 64 and key.isascii() else shown(key)


_activation_layer = part(ACTIVATION_LAYERS, "activation")
_policy = choice(*POLICIES)
initialiser = part(INITIALISERS, "initialiser", _INITIALISER_ALIASES)
regulariser = part(REGULARISERS, "regulariser", _REGULARISER_ALIASES)
constraint = part(CONSTRAINTS, "constraint", _CONSTRAINT_ALIASES)

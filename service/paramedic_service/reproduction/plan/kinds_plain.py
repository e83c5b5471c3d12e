"""Dense and embedding layers, activations, noise, normalisation, and layers that only rearrange."""

from collections.abc import Mapping

from paramedic_service.reproduction.plan.checks import Check, choice, either, integer, number, only, several
from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.reproduction.plan.kind import (
    AXIS,
    CHANNELS_LAST,
    EPSILON,
    FLAG,
    RATE,
    Arguments,
    Kind,
    Shape,
    features,
    known,
    place_of,
    product,
    ranked,
    unchanged,
    weighted,
)
from paramedic_service.reproduction.plan.parts import ACTIVATION_LAYERS, DTYPES, GAIN, activation

_axes = either(AXIS, several(AXIS, 1, 5))
_dimension = either(integer(-1, -1), integer(1, "features"))


def _dense(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    shape, units = ranked(inputs[0], 2, 6, path), arguments["units"]
    return (*shape[:-1], units), units * (features(shape, path) + arguments.get("use_bias", True))


def _embedding(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    shape, width = ranked(inputs[0], 1, 5, path), arguments["output_dim"]
    return (*shape, width), arguments["input_dim"] * width


def _prelu(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    shape = ranked(inputs[0], 2, 6, path)
    shared = arguments.get("shared_axes", ())
    sizes = tuple(1 if axis in shared else known(shape[axis], path, f"axis {axis}") for axis in range(1, len(shape)))
    return shape, product(sizes)


def _normalised(arguments: Arguments, inputs: tuple[Shape, ...], path: str, each: int, extra: int) -> tuple[Shape, int]:
    """Geometry of a normalisation with `each` tensors that can be left out, and `extra` ones that cannot."""
    shape = ranked(inputs[0], 2, 6, path)
    axis = arguments.get("axis", -1)
    places = [place_of(one, len(shape), path) for one in (axis if isinstance(axis, tuple) else (axis,))]
    size = product(tuple(known(shape[place], path, f"axis {place}") for place in dict.fromkeys(places)))
    tensors = sum(arguments.get(name, True) for name in ("center", "scale")[:each])
    return shape, size * (tensors + extra)


def _batch_normalised(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    return _normalised(arguments, inputs, path, 2, 2)


def _layer_normalised(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    if arguments.get("rms_scaling"):
        return _normalised({**arguments, "center": False}, inputs, path, 2, 0)
    return _normalised(arguments, inputs, path, 2, 0)


def _group_normalised(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    shape, weights = _normalised(arguments, inputs, path, 2, 0)
    channels, groups = shape[place_of(arguments.get("axis", -1), len(shape), path)], arguments.get("groups", 32)
    if groups != -1 and channels % groups:
        raise SpecError(f"{path}.settings.groups", f"got {groups}, expected a divisor of its {channels} channels")
    return shape, weights


def _rms_normalised(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    return _normalised(arguments, inputs, path, 0, 1)


def _along_axes(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    axis = arguments.get("axis", -1)
    for each in axis if isinstance(axis, tuple) else (axis,):
        place_of(each, len(inputs[0]), path)
    return inputs[0], 0


def _flat(_: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    shape = ranked(inputs[0], 1, 6, path)
    return (shape[0], product(shape[1:])), 0


def _reshaped(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    given, asked = product(inputs[0][1:]), arguments["target_shape"]
    field = f"{path}.settings.target_shape"
    if asked.count(-1) > 1:
        raise SpecError(field, f"got {list(asked)}, expected -1 once at most")
    rest = product(tuple(size for size in asked if size > 0))
    if given >= 0 and (given % rest if -1 in asked else given != rest):
        raise SpecError(field, f"got {list(asked)}, which does not hold the {given} elements of its input")
    left = given // rest if given >= 0 else -1
    return (inputs[0][0], *(left if size == -1 else size for size in asked)), 0


def _permuted(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    shape, order = inputs[0], arguments["dims"]
    if sorted(order) != list(range(1, len(shape))):
        raise SpecError(f"{path}.settings.dims", f"got {list(order)}, expected each of 1 to {len(shape) - 1} once")
    return (shape[0], *(shape[axis] for axis in order)), 0


def _repeated(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    shape = ranked(inputs[0], 2, 2, path)
    return (shape[0], arguments["n"], shape[1]), 0


def _sequence(_: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    return ranked(inputs[0], 3, 3, path), 0


def _masked(_: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    return ranked(inputs[0], 2, 6, path), 0


def _image(_: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    return ranked(inputs[0], 4, 4, path), 0


_centred: Mapping[str, Check] = {
    "axis": _axes,
    "epsilon": EPSILON,
    "center": FLAG,
    "scale": FLAG,
    **weighted("beta", "gamma", activity=False),
}
_unseeded = only(None, "noise is drawn for every element")
_never_renormalised = only(False, "renormalisation is not built")

KINDS: Mapping[str, Kind] = {
    "Dense": Kind(
        _dense, {"units": integer(1, "units"), "use_bias": FLAG, **weighted("kernel", "bias")}, "units", True,
        ("units",),
    ),
    "Embedding": Kind(
        _embedding,
        {
            "input_dim": integer(1, "vocabulary"),
            "output_dim": integer(1, "units"),
            "mask_zero": FLAG,
            "input_length": integer(1, "sequence_length"),
            **weighted("embeddings"),
        },
        needs=("input_dim", "output_dim"),
    ),
    "Activation": Kind(unchanged, {"activation": activation}, activation=True, needs=("activation",)),
    **{name: Kind(_along_axes if "axis" in each else unchanged, each) for name, each in ACTIVATION_LAYERS.items()},
    "PReLU": Kind(_prelu, {"shared_axes": several(integer(1, 5), 1, 5), **weighted("alpha", activity=False)}),
    "Identity": Kind(unchanged),
    "Masking": Kind(_masked, {"mask_value": GAIN}),
    "Dropout": Kind(unchanged, {"rate": RATE, "noise_shape": _unseeded}, needs=("rate",), defaults={"rate": 0.5}),
    "AlphaDropout": Kind(unchanged, {"rate": RATE, "noise_shape": _unseeded}, needs=("rate",), defaults={"rate": 0.5}),
    "GaussianDropout": Kind(unchanged, {"rate": RATE}, needs=("rate",), defaults={"rate": 0.5}),
    "GaussianNoise": Kind(unchanged, {"stddev": number(0, 1e6)}, needs=("stddev",)),
    "SpatialDropout1D": Kind(_sequence, {"rate": RATE}, needs=("rate",), defaults={"rate": 0.5}),
    "SpatialDropout2D": Kind(
        _image, {"rate": RATE, **CHANNELS_LAST}, needs=("rate",), defaults={"rate": 0.5}
    ),
    "ActivityRegularization": Kind(unchanged, {"l1": number(0, 1e6), "l2": number(0, 1e6)}),
    "BatchNormalization": Kind(
        _batch_normalised,
        {
            **_centred,
            "axis": AXIS,
            "momentum": number(0, 1),
            **{f"moving_{name}_initializer": weighted(name)[f"{name}_initializer"] for name in ("mean", "variance")},
            "synchronized": FLAG,
            "renorm": _never_renormalised,
            "renorm_clipping": _never_renormalised,
            "renorm_momentum": number(0, 1),
        },
    ),
    "LayerNormalization": Kind(_layer_normalised, {**_centred, "rms_scaling": FLAG}),
    "GroupNormalization": Kind(
        _group_normalised, {**_centred, "axis": AXIS, "groups": either(integer(-1, -1), integer(1, 8192))}
    ),
    "RMSNormalization": Kind(_rms_normalised, {"axis": _axes, "epsilon": EPSILON}),
    "UnitNormalization": Kind(_along_axes, {"axis": _axes}),
    "Rescaling": Kind(unchanged, {"scale": GAIN, "offset": GAIN}, needs=("scale",)),
    "Flatten": Kind(_flat, CHANNELS_LAST),
    "Reshape": Kind(_reshaped, {"target_shape": several(_dimension, 1, 5)}, needs=("target_shape",)),
    "Permute": Kind(_permuted, {"dims": several(integer(1, 5), 1, 5)}, needs=("dims",)),
    "RepeatVector": Kind(_repeated, {"n": integer(1, "sequence_length")}, needs=("n",)),
}  # fmt: skip

INPUT_CHECKS: Mapping[str, Check] = {
    "dtype": choice(*DTYPES),
    "sparse": only(False, "samples are dense arrays"),
    "ragged": only(False, "samples are dense arrays"),
    "optional": only(False, "every input is given"),
}

"""Convolutions, pooling, padding and their like, over sequences [batch, steps, channels] and images."""

from collections.abc import Mapping

from paramedic_service.reproduction.plan.checks import Check, choice, either, integer, several
from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.reproduction.plan.kind import (
    CHANNELS_LAST,
    FLAG,
    Arguments,
    Geometry,
    Kind,
    Shape,
    features,
    product,
    ranked,
    weighted,
)

_SIZE = integer(1, 1024)


def _sizes(arguments: Arguments, name: str, axes: int, default: int = 1) -> Shape:
    """One size an axis, where a single one stands for all."""
    given = arguments.get(name, default)
    return tuple(given) if isinstance(given, tuple) else (given,) * axes


def _length(size: int, window: int, stride: int, padding: str, dilation: int, path: str) -> int:
    """Places of a window along an axis: Dumoulin and Visin, A guide to convolution arithmetic, 2016."""
    if size < 0:
        return -1
    reach = dilation * (window - 1) + 1
    if padding in ("same", "causal"):
        return -(-size // stride)
    if reach > size:
        raise SpecError(f"{path}.input_shape", f"a window of {reach} does not fit into its {size} places")
    return (size - reach) // stride + 1


def _slid(arguments: Arguments, shape: Shape, window: str, path: str, default: int = 1) -> Shape:
    axes = len(shape) - 2
    windows = _sizes(arguments, window, axes, default)
    # Pooling goes on by its own size unless told otherwise.
    strides = _sizes(arguments, "strides", axes) if "strides" in arguments or window != "pool_size" else windows
    dilations = _sizes(arguments, "dilation_rate", axes)
    padding = arguments.get("padding", "valid")
    if max(strides) > 1 and max(dilations) > 1:
        raise SpecError(f"{path}.settings.dilation_rate", "strides and dilation cannot both be greater than 1")
    each = zip(shape[1:-1], windows, strides, dilations, strict=True)
    return tuple(_length(size, width, stride, padding, dilation, path) for size, width, stride, dilation in each)


def _convolved(axes: int) -> Geometry:
    def geometry(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
        shape = ranked(inputs[0], axes + 2, axes + 2, path)
        channels, filters, groups = features(shape, path), arguments["filters"], arguments.get("groups", 1)
        if channels % groups or filters % groups:
            raise SpecError(
                f"{path}.settings.groups",
                f"got {groups}, expected a divisor of {channels} channels and {filters} filters",
            )
        kernel = product(_sizes(arguments, "kernel_size", axes)) * (channels // groups) * filters
        places = _slid(arguments, shape, "kernel_size", path)
        return (shape[0], *places, filters), kernel + filters * arguments.get("use_bias", True)

    return geometry


def _transposed(axes: int) -> Geometry:
    def geometry(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
        shape = ranked(inputs[0], axes + 2, axes + 2, path)
        windows, strides = _sizes(arguments, "kernel_size", axes), _sizes(arguments, "strides", axes)
        dilations = _sizes(arguments, "dilation_rate", axes)
        if max(strides) > 1 and max(dilations) > 1:
            raise SpecError(f"{path}.settings.dilation_rate", "strides and dilation cannot both be greater than 1")
        valid = arguments.get("padding", "valid") == "valid"
        places = tuple(
            -1 if size < 0 else size * stride + (max(dilation * (width - 1) + 1 - stride, 0) if valid else 0)
            for size, width, stride, dilation in zip(shape[1:-1], windows, strides, dilations, strict=True)
        )
        filters = arguments["filters"]
        kernel = product(windows) * features(shape, path) * filters
        return (shape[0], *places, filters), kernel + filters * arguments.get("use_bias", True)

    return geometry


def _depthwise(axes: int) -> Geometry:
    def geometry(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
        shape = ranked(inputs[0], axes + 2, axes + 2, path)
        channels = features(shape, path) * arguments.get("depth_multiplier", 1)
        kernel = product(_sizes(arguments, "kernel_size", axes)) * channels
        places = _slid(arguments, shape, "kernel_size", path)
        return (shape[0], *places, channels), kernel + channels * arguments.get("use_bias", True)

    return geometry


def _separable(axes: int) -> Geometry:
    def geometry(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
        (batch, *places, channels), depthwise = _depthwise(axes)({**arguments, "use_bias": False}, inputs, path)
        filters = arguments["filters"]
        pointwise = channels * filters + filters * arguments.get("use_bias", True)
        return (batch, *places, filters), depthwise + pointwise

    return geometry


def _pooled(axes: int) -> Geometry:
    def geometry(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
        shape = ranked(inputs[0], axes + 2, axes + 2, path)
        return (shape[0], *_slid(arguments, shape, "pool_size", path, 2), shape[-1]), 0

    return geometry


def _pooled_globally(axes: int) -> Geometry:
    def geometry(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
        shape = ranked(inputs[0], axes + 2, axes + 2, path)
        kept = (1,) * axes if arguments.get("keepdims") else ()
        return (shape[0], *kept, shape[-1]), 0

    return geometry


def _bordered(axes: int, argument: str, sign: int) -> Geometry:
    """Rows added to both ends of each axis, or taken off."""

    def geometry(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
        shape = ranked(inputs[0], axes + 2, axes + 2, path)
        ends = arguments.get(argument, 1 if sign > 0 else ((0, 0),) * axes)
        each = (ends,) * axes if not isinstance(ends, tuple) else (ends,) if axes == 1 else ends
        both = [sum(end) if isinstance(end, tuple) else 2 * end for end in each]
        places = tuple(-1 if size < 0 else size + sign * more for size, more in zip(shape[1:-1], both, strict=True))
        if any(size == 0 or size < -1 for size in places):
            raise SpecError(f"{path}.settings.{argument}", f"leaves nothing of its input of shape {list(shape)}")
        return (shape[0], *places, shape[-1]), 0

    return geometry


def _enlarged(axes: int) -> Geometry:
    def geometry(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
        shape = ranked(inputs[0], axes + 2, axes + 2, path)
        factors = _sizes(arguments, "size", axes, 2)
        places = (-1 if size < 0 else size * factor for size, factor in zip(shape[1:-1], factors, strict=True))
        return (shape[0], *places, shape[-1]), 0

    return geometry


def _each_axis(axes: int) -> Check:
    return either(_SIZE, several(_SIZE, axes, axes))


def _windows(axes: int, *paddings: str) -> dict[str, Check]:
    size = _each_axis(axes)
    return {
        "kernel_size": size,
        "strides": size,
        "dilation_rate": size,
        "padding": choice(*(paddings or ("valid", "same"))),
        "use_bias": FLAG,
        **CHANNELS_LAST,
    }


def _kinds(axes: int) -> dict[str, Kind]:
    """Kinds over a number of axes beside the batch and the channels."""
    size, end = _each_axis(axes), integer(0, 1024)
    filters: dict[str, Check] = {"filters": integer(1, "units")}
    needs = ("filters", "kernel_size")
    paddings = ("valid", "same", "causal") if axes == 1 else ("valid", "same")
    smooth = {"interpolation": choice("nearest", "bilinear")} if axes == 2 else {}
    pool = {"pool_size": size, "strides": size, "padding": choice("valid", "same"), **CHANNELS_LAST}
    globally: dict[str, Check] = {"keepdims": FLAG, **CHANNELS_LAST}
    ends = (
        either(end, several(end, 2, 2))
        if axes == 1
        else either(end, several(either(end, several(end, 2, 2)), axes, axes))
    )
    kinds = {
        "Conv": Kind(
            _convolved(axes),
            {**filters, **_windows(axes, *paddings), "groups": integer(1, "units"), **weighted("kernel", "bias")},
            "filters", True, needs,
        ),
        "MaxPooling": Kind(_pooled(axes), pool),
        "AveragePooling": Kind(_pooled(axes), pool, needs=("pool_size",)),
        "GlobalMaxPooling": Kind(_pooled_globally(axes), globally),
        "GlobalAveragePooling": Kind(_pooled_globally(axes), globally),
        "ZeroPadding": Kind(_bordered(axes, "padding", 1), {"padding": ends, **CHANNELS_LAST}),
        "Cropping": Kind(_bordered(axes, "cropping", -1), {"cropping": ends, **CHANNELS_LAST}, needs=("cropping",)),
        "UpSampling": Kind(
            _enlarged(axes), {"size": size, **CHANNELS_LAST, **smooth}
        ),
    }  # fmt: skip
    if axes == 3:
        return kinds
    kinds |= {
        "Conv{}Transpose": Kind(
            _transposed(axes), {**filters, **_windows(axes), **weighted("kernel", "bias")}, "filters", True, needs
        ),
        "SeparableConv": Kind(
            _separable(axes),
            {**filters, **_windows(axes, *paddings), "depth_multiplier": integer(1, 64),
             **weighted("depthwise", "pointwise", "bias")},
            "filters", True, needs,
        ),
        "DepthwiseConv": Kind(
            _depthwise(axes),
            {**_windows(axes), "depth_multiplier": integer(1, 64), **weighted("depthwise", "bias")},
            activation=True, needs=("kernel_size",),
        ),
    }  # fmt: skip
    return kinds


KINDS: Mapping[str, Kind] = {
    (name.format(f"{axes}D") if "{}" in name else f"{name}{axes}D"): kind
    for axes in (1, 2, 3)
    for name, kind in _kinds(axes).items()
}

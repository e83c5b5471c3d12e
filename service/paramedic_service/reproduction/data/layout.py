"""How the values of one input hang together: as features, over time, in space, or as tokens."""

import math
from dataclasses import dataclass
from typing import Literal

from paramedic_service.reproduction.data.samples import DataError
from paramedic_service.reproduction.plan.limits import Limits
from paramedic_service.rules.description import ArrayProfile, Model

Kind = Literal["table", "sequence", "image", "tokens"]

UNKNOWN_SIZE = 32
"""Size of an axis whose size nobody reported."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What kind of input an array is.

    Attributes:
        kind: Of the input.
        shape: Of one sample of the array.
        axes: Sizes along which the values hang together, as many values as the shape has: (features,) of a table,
            (steps, features) of a sequence, (steps,) of tokens, (rows, columns, channels) of an image, which may come
            to the model flat.
    """

    kind: Kind
    shape: tuple[int, ...]
    axes: tuple[int, ...]

    @property
    def positions(self) -> tuple[int, ...]:
        """Steps or pixels: where an output may stand. Empty for a table."""
        return self.axes if self.kind == "tokens" else self.axes[:-1]

    @property
    def narrow(self) -> bool:
        """Whether it is a sequence of so few numbers a step that only their course over time says anything."""
        return self.kind == "sequence" and self.channels <= 2

    @property
    def channels(self) -> int:
        """Values at a position."""
        return 1 if self.kind == "tokens" else self.axes[-1]


def layout_of(profile: ArrayProfile, model: Model | None, limits: Limits, field: str) -> Layout:
    """Tells the kind of an input by its profile, and by the layers that read it.

    Args:
        profile: Of the input.
        model: As reported; None when unknown.
        limits: On the size of a sample.
        field: Path of the profile, for the error.

    Raises:
        DataError: A sample has no size, or is larger than allowed.
    """
    shape = sample_shape(profile, limits, field)
    layers = model.layers if model is not None else ()
    if _holds_tokens(profile, model) and len(shape) <= 1:
        return Layout("tokens", shape, shape or (1,))
    if len(shape) >= 3:
        return Layout("image", shape, shape)
    for layer in layers[:3]:
        inside = layer.output_shape[1:]
        if (
            layer.kind == "Reshape"
            and len(inside) > len(shape)
            and min(inside) > 0
            and math.prod(inside) == math.prod(shape)
        ):
            return Layout("image" if len(inside) >= 3 else "sequence", shape, inside)
    if len(shape) == 2:
        flat = any(layer.kind.startswith(("Conv2D", "SeparableConv2D")) for layer in layers)
        return Layout("image", shape, (*shape, 1)) if flat else Layout("sequence", shape, shape)
    return Layout("table", shape, shape or (1,))


def sample_shape(profile: ArrayProfile, limits: Limits, field: str) -> tuple[int, ...]:
    """Shape of one sample, with sizes put in that vary or are unknown.

    Raises:
        DataError: It has no size, or is larger than allowed.
    """
    longest = profile.longest or UNKNOWN_SIZE
    shape = tuple(longest if size == -1 else size for size in profile.shape[1:])
    if len(profile.shape) > limits.rank:
        raise DataError(f"{field}.shape: {len(profile.shape)} axes, at most {limits.rank} are taken")
    if any(size < 1 for size in shape):
        raise DataError(f"{field}.shape: {list(profile.shape)} has an axis without elements")
    if math.prod(shape) > limits.features:
        raise DataError(f"{field}.shape: {math.prod(shape)} values a sample, at most {limits.features} are taken")
    return shape


def _holds_tokens(profile: ArrayProfile, model: Model | None) -> bool:
    whole = profile.whole_share == 1 and (profile.lowest or 0) >= 0
    if model is not None and model.layers:
        return whole and any(layer.kind == "Embedding" for layer in model.layers)
    return whole and profile.padding_share is not None

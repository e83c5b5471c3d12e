"""What a kind of layer is: the arguments it takes, and the shape and the weights that follow from them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from paramedic_service.reproduction.plan.checks import Check, boolean, choice, integer, number
from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.reproduction.plan.parts import constraint, initialiser, regulariser

Shape = tuple[int, ...]
"""Sizes of all axes, the batch first; -1 for an unknown one."""

Arguments = Mapping[str, Any]

Geometry = Callable[[Arguments, tuple[Shape, ...], str], tuple[Shape, int]]
"""From the arguments, the shapes of the inputs and the path of the layer: the output shape and the weights."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of layer.

    Attributes:
        geometry: What comes out of it.
        checks: Of its arguments, by the setting's name, which is the constructor's.
        width: The argument that a description calls `units`; empty for none.
        activation: Whether it has an activation of its own.
        needs: Arguments without which there is no such layer.
        defaults: Of arguments that a remedy's insertion leaves out.
        inputs: Least and most arrays that it reads.
        call: Checks of what it may be called with beside them.
    """

    geometry: Geometry
    checks: Mapping[str, Check] = field(default_factory=dict)
    width: str = ""
    activation: bool = False
    needs: tuple[str, ...] = ()
    defaults: Arguments = field(default_factory=dict)
    inputs: tuple[int, int] = (1, 1)
    call: Mapping[str, Check] = field(default_factory=dict)


CHANNELS_LAST: Mapping[str, Check] = {"data_format": choice("channels_last")}
RATE = number(0, 0.999)
EPSILON = number(0, 1e3)
FLAG = boolean
AXIS = integer(-6, 5)

_BY_ROLE: Mapping[str, Check] = {
    "initializer": initialiser,
    "regularizer": regulariser,
    "constraint": constraint,
}


def weighted(*tensors: str, activity: bool = True) -> dict[str, Check]:
    """Checks of how tensors begin, and of what holds them back.

    Args:
        tensors: Their names: "kernel", "bias".
        activity: Whether the output can be regularised, too.
    """
    checks = {f"{tensor}_{role}": check for tensor in tensors for role, check in _BY_ROLE.items()}
    return checks | ({"activity_regularizer": regulariser} if activity else {})


def unchanged(_: Arguments, inputs: tuple[Shape, ...], __: str) -> tuple[Shape, int]:
    """Geometry of layers that keep the shape and have no weights."""
    return inputs[0], 0


def ranked(shape: Shape, least: int, most: int, path: str) -> Shape:
    """Refuses arrays with too few or too many axes."""
    if not least <= len(shape) <= most:
        count = str(least) if least == most else f"{least} to {most}"
        raise SpecError(f"{path}.input_shape", f"its input has the shape {list(shape)}, expected {count} axes")
    return shape


def known(size: int, path: str, what: str) -> int:
    """Refuses axes of an unknown size where weights or shapes depend on it."""
    if size < 0:
        raise SpecError(f"{path}.input_shape", f"the size of its {what} is not known, and its weights depend on it")
    return size


def features(shape: Shape, path: str) -> int:
    """Size of the last axis."""
    return known(shape[-1], path, "last axis")


def product(sizes: Shape) -> int:
    """Elements of some axes; -1 when any is unknown."""
    return -1 if any(size < 0 for size in sizes) else math.prod(sizes)


def place_of(axis: int, rank: int, path: str) -> int:
    """An axis counted from the front.

    Raises:
        SpecError: There is no such axis, or it is the batch's.
    """
    place = axis + rank if axis < 0 else axis
    if not 1 <= place < rank:
        raise SpecError(f"{path}.settings.axis", f"got {axis}, and its input has the axes 1 to {rank - 1}")
    return place

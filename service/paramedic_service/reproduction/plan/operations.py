"""Operations of a graph that are no layers: arithmetic on arrays, by the class names of Keras's operations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paramedic_service.reproduction.plan.checks import (
    Check,
    boolean,
    choice,
    either,
    integer,
    listed,
    only,
    several,
    shown,
)
from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.reproduction.plan.kind import AXIS, Arguments, Geometry, Shape, product, unchanged
from paramedic_service.reproduction.plan.kinds_joining import broadcast, joined
from paramedic_service.reproduction.plan.limits import Limits
from paramedic_service.reproduction.plan.parts import DTYPES, GAIN, arguments

_AXES = either(AXIS, several(AXIS, 1, 5))


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation.

    Attributes:
        geometry: What comes out of it; it has no weights.
        arrays: Its parameters that are arrays, in their order; a single one that is a list of arrays ends with "*".
        checks: Of its other arguments.
        constants: Check of what may stand in place of an array; None where only arrays are taken.
        needs: Arguments that it cannot be without.
    """

    geometry: Geometry
    arrays: tuple[str, ...] = ("x",)
    checks: Mapping[str, Check] = field(default_factory=dict)
    constants: Check | None = None
    needs: tuple[str, ...] = ()


def _combined(_: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    return broadcast(inputs, path), 0


def _reduced(values: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    shape = inputs[0]
    axis = values.get("axis")
    if axis is None:
        raise SpecError(f"{path}.arguments.axis", "expected one: a mean over the batch is no output of a model")
    gone = {_place(each, len(shape), path) for each in (axis if isinstance(axis, tuple) else (axis,))}
    if values.get("keepdims"):
        return tuple(1 if place in gone else size for place, size in enumerate(shape)), 0
    return tuple(size for place, size in enumerate(shape) if place not in gone), 0


def _reshaped(values: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    shape, asked = inputs[0], values["newshape"]
    field_path = f"{path}.arguments.newshape"
    if asked.count(-1) > 1 or (asked[0] != -1 and asked[0] != shape[0]):
        raise SpecError(field_path, f"got {list(asked)}, expected -1 for the batch in front, and for nothing else")
    given, left = product(shape[1:]), product(asked[1:])
    if given >= 0 and given != left:
        raise SpecError(field_path, f"got {list(asked)}, which does not hold the {given} elements of its input")
    return (shape[0], *asked[1:]), 0


def _expanded(values: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    shape = inputs[0]
    place = _place(values["axis"], len(shape) + 1, path)
    return (*shape[:place], 1, *shape[place:]), 0


def _squeezed(values: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    shape = inputs[0]
    axis = values["axis"]
    gone = {_place(each, len(shape), path) for each in (axis if isinstance(axis, tuple) else (axis,))}
    if any(shape[place] != 1 for place in gone):
        raise SpecError(
            f"{path}.arguments.axis", f"only axes of size 1 can go, and its input has the shape {list(shape)}"
        )
    return tuple(size for place, size in enumerate(shape) if place not in gone), 0


def _transposed(values: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    shape, axes = inputs[0], values["axes"]
    if axes[0] != 0 or sorted(axes) != list(range(len(shape))):
        raise SpecError(
            f"{path}.arguments.axes", f"got {list(axes)}, expected 0 and then 1 to {len(shape) - 1} in any order"
        )
    return tuple(shape[axis] for axis in axes), 0


def _concatenated(values: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    return joined(inputs, values.get("axis", 0), path), 0


def _picked(values: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    """Basic indexing, the batch kept whole."""
    shape, keys = inputs[0], values["key"]
    field_path = f"{path}.arguments.key"
    if len(keys) > len(shape) or keys[0] != (None, None, None):
        raise SpecError(field_path, "expected the whole batch, then an index or slice an axis")
    sizes: list[int] = []
    for size, key in zip(shape, keys + ((None, None, None),) * (len(shape) - len(keys)), strict=True):
        if isinstance(key, tuple):
            sizes.append(len(range(*slice(*key).indices(size))) if size >= 0 else size if key == (None,) * 3 else -1)
        elif size >= 0 and not -size <= key < size:
            raise SpecError(field_path, f"got {key}, and the axis has {size} places")
    if 0 in sizes:
        raise SpecError(field_path, f"leaves nothing of its input of shape {list(shape)}")
    return tuple(sizes), 0


def _place(axis: int, rank: int, path: str) -> int:
    place = axis + rank if axis < 0 else axis
    if not 1 <= place < rank:
        raise SpecError(f"{path}.arguments.axis", f"got {axis}, expected one of the axes 1 to {rank - 1}")
    return place


def _slice(value: Any, field_path: str, limits: Limits) -> tuple[int | None, ...]:
    """A slice, told as {"slice": [start, stop, step]}."""
    if not isinstance(value, Mapping) or set(value) != {"slice"}:
        raise SpecError(field_path, f'got {shown(value)}, expected a whole number, or {{"slice": [start, stop, step]}}')
    ends: tuple[int | None, ...] = several(_END, 3, 3)(value["slice"], f"{field_path}.slice", limits)
    if ends[2] == 0:
        raise SpecError(f"{field_path}.slice[2]", "got 0, expected another step")
    return ends


_END = either(only(None, "the end of the axis"), integer(-(2**31), 2**31))
_KEY = several(either(integer(-(2**31), 2**31), _slice), 1, 6)
_INT = either(integer(-1, -1), integer(1, "features"))

UNARY = frozenset(
    {
        "Negative",
        "Absolute",
        "Exp",
        "Log",
        "Log1p",
        "Sqrt",
        "Square",
        "Sin",
        "Cos",
        "Sign",
        "Reciprocal",
        "StopGradient",
    }
    | {"Relu", "Relu6", "Sigmoid", "Tanh", "Softplus", "Softsign", "Silu", "Elu", "Selu", "Gelu", "LogSigmoid"}
    | {"HardSigmoid", "Softmax", "LogSoftmax"}
)
"""Operations on one array that need nothing else."""

_ACTIVATION_CHECKS: Mapping[str, Mapping[str, Check]] = {
    "Softmax": {"axis": AXIS},
    "LogSoftmax": {"axis": AXIS},
    "Gelu": {"approximate": boolean},
    "Elu": {"alpha": GAIN},
}
_BINARY = ("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Maximum", "Minimum", "Power")
_REDUCTIONS = ("Mean", "Sum", "Max", "Min")

OPERATIONS: Mapping[str, Operation] = {
    **{name: Operation(unchanged, checks=_ACTIVATION_CHECKS.get(name, {})) for name in UNARY},
    **{name: Operation(_combined, ("x1", "x2"), constants=GAIN) for name in _BINARY},
    **{name: Operation(_reduced, checks={"axis": _AXES, "keepdims": boolean}) for name in _REDUCTIONS},
    "Reshape": Operation(_reshaped, checks={"newshape": several(_INT, 2, 6)}, needs=("newshape",)),
    "ExpandDims": Operation(_expanded, checks={"axis": AXIS}, needs=("axis",)),
    "Squeeze": Operation(_squeezed, checks={"axis": _AXES}, needs=("axis",)),
    "Transpose": Operation(_transposed, checks={"axes": several(integer(0, 5), 2, 6)}, needs=("axes",)),
    "Concatenate": Operation(_concatenated, ("xs*",), {"axis": AXIS}),
    "GetItem": Operation(_picked, checks={"key": _KEY}, needs=("key",)),
    "Cast": Operation(unchanged, checks={"dtype": choice(*DTYPES)}, needs=("dtype",)),
    "Clip": Operation(unchanged, checks={"x_min": GAIN, "x_max": GAIN}, needs=("x_min", "x_max")),
}
"""Operations by class name."""


def operation_arguments(
    kind: str, given: Mapping[str, Any], arrays: int, path: str, limits: Limits
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Checks the arguments of an operation.

    Args:
        kind: Its class name.
        given: What it is called with beside arrays, by parameter.
        arrays: How many arrays it reads.
        path: Of the node.
        limits: Bounds.

    Returns:
        The arguments, and the parameters that its arrays are for.
    """
    if kind not in OPERATIONS:
        raise SpecError(f"{path}.operation", f"got {shown(kind)}, expected an operation of {listed(OPERATIONS)}")
    operation = OPERATIONS[kind]
    constant = {} if operation.constants is None else dict.fromkeys(operation.arrays, operation.constants)
    checked = arguments(given, {**operation.checks, **constant}, f"{path}.arguments", limits)
    missing = [name for name in operation.needs if name not in checked]
    if missing:
        raise SpecError(f"{path}.arguments.{missing[0]}", f"a {kind} cannot be built without it")
    free = tuple(name for name in operation.arrays if name not in checked)
    if free and free[0].endswith("*"):
        return checked, free * arrays
    if not free or arrays != len(free):
        if kind == "Add" and arrays > 2 and free == operation.arrays:  # sums of many are told as one
            return checked, ("xs*",) * arrays
        raise SpecError(f"{path}.inputs", f"got {arrays} arrays, and {kind} reads {len(free)} here")
    return checked, free

"""Layers that read several arrays: merging and attention."""

from collections.abc import Mapping

from paramedic_service.reproduction.plan.checks import Check, choice, either, integer, only, several
from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.reproduction.plan.kind import (
    AXIS,
    FLAG,
    RATE,
    Arguments,
    Kind,
    Shape,
    features,
    place_of,
    ranked,
    weighted,
)

_MANY = (2, 64)
_CAUSAL: Mapping[str, Check] = {"use_causal_mask": FLAG}
"""Whether no step sees what comes after it."""


def broadcast(shapes: tuple[Shape, ...], path: str) -> Shape:
    """Shape of arrays combined element by element: axes of size 1 stretch, missing ones come in front.

    Raises:
        SpecError: They do not fit together.
    """
    rank = max(map(len, shapes))
    columns = zip(*((1,) * (rank - len(shape)) + shape for shape in shapes), strict=True)
    combined = []
    for sizes in columns:
        real = {size for size in sizes if size not in (1, -1)}
        if len(real) > 1:
            raise SpecError(
                f"{path}.inputs",
                f"arrays of shapes {', '.join(str(list(shape)) for shape in shapes)} do not fit together",
            )
        combined.append(real.pop() if real else min(sizes))
    return tuple(combined)


def _merged(_: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    # Merging layers keep the batch in front and stretch what follows it.
    rank = max(map(len, inputs))
    aligned = tuple((shape[0], *(1,) * (rank - len(shape)), *shape[1:]) for shape in inputs)
    return broadcast(aligned, path), 0


def joined(shapes: tuple[Shape, ...], axis: int, path: str) -> Shape:
    """Shape of arrays put one behind the other along an axis."""
    if len({len(shape) for shape in shapes}) > 1:
        raise SpecError(f"{path}.inputs", "arrays with different numbers of axes cannot be joined")
    place = place_of(axis, len(shapes[0]), path)
    rest = tuple((*shape[:place], 1, *shape[place + 1 :]) for shape in shapes)
    for shape in rest[1:]:
        if any(size != first and -1 not in (size, first) for size, first in zip(shape, rest[0], strict=True)):
            raise SpecError(f"{path}.inputs", "arrays that are joined along one axis must agree in all others")
    sizes = [shape[place] for shape in shapes]
    total = -1 if -1 in sizes else sum(sizes)
    return (*rest[0][:place], total, *rest[0][place + 1 :])


def _concatenated(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    return joined(inputs, arguments.get("axis", -1), path), 0


def _multiplied(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    first, second = (ranked(shape, 2, 4, path) for shape in inputs)
    axes = arguments["axes"]
    one, two = axes if isinstance(axes, tuple) else (axes, axes)
    one, two = place_of(one, len(first), path), place_of(two, len(second), path)
    if first[one] != second[two] and -1 not in (first[one], second[two]):
        raise SpecError(
            f"{path}.settings.axes", f"axes of {first[one]} and {second[two]} elements cannot be multiplied"
        )
    shape = (*first[:one], *first[one + 1 :], *second[1:two], *second[two + 1 :])
    return (shape if len(shape) > 1 else (*shape, 1)), 0


def _attended(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    """Vaswani et al., Attention Is All You Need, 2017, with biases."""
    query, value = ranked(inputs[0], 3, 3, path), ranked(inputs[1], 3, 3, path)
    key = inputs[2] if len(inputs) > 2 else value
    heads, of_key = arguments["num_heads"], arguments["key_dim"]
    of_value = arguments.get("value_dim", of_key)
    bias = arguments.get("use_bias", True)
    width = arguments.get("output_shape", features(query, path))
    width = width[-1] if isinstance(width, tuple) else width
    projections = (
        (features(query, path) + bias) * heads * of_key
        + (features(key, path) + bias) * heads * of_key
        + (features(value, path) + bias) * heads * of_value
        + (heads * of_value + bias) * width
    )
    return (*query[:-1], width), int(projections)


def _scored(extra: int, per_feature: bool) -> "Kind":
    """Attention without projections: Luong et al., 2015 (dot), Bahdanau et al., 2015 (additive)."""

    def geometry(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
        query, value = ranked(inputs[0], 3, 3, path), ranked(inputs[1], 3, 3, path)
        if query[-1] != (inputs[2] if len(inputs) > 2 else value)[-1]:
            raise SpecError(f"{path}.inputs", "queries and keys must have the same number of features")
        scale = arguments.get("use_scale", per_feature)
        size = features(query, path) if per_feature else 1
        return (*query[:-1], value[-1]), scale * size + (arguments.get("score_mode") == "concat") * extra

    checks = {"use_scale": FLAG, "dropout": RATE}
    if not per_feature:
        checks["score_mode"] = choice("dot", "concat")
    return Kind(geometry, checks, inputs=(2, 3), call=_CAUSAL)


_width = either(integer(1, "units"), several(integer(1, "units"), 1, 1))

KINDS: Mapping[str, Kind] = {
    **{name: Kind(_merged, inputs=_MANY) for name in ("Add", "Multiply", "Average", "Maximum", "Minimum")},
    "Subtract": Kind(_merged, inputs=(2, 2)),
    "Concatenate": Kind(_concatenated, {"axis": AXIS}, inputs=_MANY),
    "Dot": Kind(
        _multiplied, {"axes": either(AXIS, several(AXIS, 2, 2)), "normalize": FLAG}, needs=("axes",), inputs=(2, 2)
    ),
    "Attention": _scored(1, per_feature=False),
    "AdditiveAttention": _scored(0, per_feature=True),
    "MultiHeadAttention": Kind(
        _attended,
        {
            "num_heads": integer(1, 256),
            "key_dim": integer(1, "units"),
            "value_dim": integer(1, "units"),
            "dropout": RATE,
            "use_bias": FLAG,
            "output_shape": _width,
            "use_gate": only(False, "gated attention is not built"),
            "attention_axes": several(integer(1, 1), 1, 1),
            **weighted("kernel", "bias"),
        },
        needs=("num_heads", "key_dim"),
        inputs=(2, 3),
        call=_CAUSAL,
    ),
}

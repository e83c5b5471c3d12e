"""What a patch changes, field by field: what stands there now, and what should."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from paramedic.v1.reproduction_pb2 import Arm, ReproductionSpec
from paramedic_service.incidents import patch
from paramedic_service.ingest.description import read
from paramedic_service.reproduction.patches import read_patch
from paramedic_service.rules.description import Description, Layer

# They follow from what is changed, and nobody writes them into code.
_DERIVED = frozenset({"input_shape", "output_shape", "parameters", "inputs"})

_DATA = {
    "standardise": ("as given", "mean 0 and standard deviation 1 for every feature, by the training set's statistics"),
    "clean": ("with NaN or infinite values", "without the samples that hold them"),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One field.

    Attributes:
        where: Which one: "optimizer.learning_rate".
        before: What stands there; empty where there is nothing.
        after: What should; empty where nothing should be.
    """

    where: str
    before: str
    after: str


def changes_of(spec: ReproductionSpec, arm: Arm) -> list[Change]:
    """The fields that an arm changes; none where its patch does not fit.

    Args:
        spec: Of the reproduction.
        arm: One of its arms.
    """
    wanted = read_patch(arm.patch)
    if spec.workload:
        given = read_patch(spec.workload_arguments)
        return [Change(name, _told(given.get(name)), _told(value)) for name, value in wanted.items()]
    before = read(spec.description)
    try:
        after = patch.apply(before, wanted)
    except patch.PatchError:
        return []
    return [*_compared(before, after), *_of_data(wanted)]


def _compared(before: Description, after: Description) -> Iterator[Change]:
    yield from _fields("optimizer", before.optimizer, after.optimizer)
    yield from _fields("training", before.training, after.training)
    for index, (old, new) in enumerate(zip(before.losses, after.losses, strict=True)):
        yield from _fields(f"losses[{index}]" if len(before.losses) > 1 else "loss", old, new)
    yield from _layers(
        before.model.layers if before.model is not None else (), after.model.layers if after.model is not None else ()
    )


def _layers(before: tuple[Layer, ...], after: tuple[Layer, ...]) -> Iterator[Change]:
    old, new = {layer.name: layer for layer in before}, {layer.name: layer for layer in after}
    for name in [*new, *(name for name in old if name not in new)]:
        if name not in old:
            place = list(new).index(name)
            where = f"behind {after[place - 1].name}" if place else "at the front"
            yield Change(f"new layer {where}", "", new[name].kind)
        elif name not in new:
            yield Change(f"layer {name}", old[name].kind, "")
        else:
            yield from _fields(name, old[name], new[name])


def _fields(where: str, before: Any, after: Any) -> Iterator[Change]:
    if before == after or after is None:
        return
    for name in (field.name for field in fields(after) if field.name not in {*_DERIVED, "settings"}):
        old, new = getattr(before, name, None), getattr(after, name)
        if old != new:
            yield Change(f"{where}.{name}", _told(old), _told(new))
    known: Mapping[str, Any] = getattr(before, "settings", {})
    for name, new in getattr(after, "settings", {}).items():
        if known.get(name) != new:
            yield Change(f"{where}.{name}", _told(known.get(name)), _told(new))


def _of_data(wanted: Mapping[str, Any]) -> Iterator[Change]:
    for path, operation in wanted.items():
        if not path.startswith("data."):
            continue
        [(word, argument)] = operation.items()
        before, after = _DATA.get(word, ("as given", f"{word} {argument}"))
        if word == "truncate":
            before, after = "whole sequences", f"sequences of at most {argument} steps"
        yield Change(path.removeprefix("data."), before, after)


def _told(value: Any) -> str:
    match value:
        case None | "" | () | {}:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}"
        case _:
            return str(value)

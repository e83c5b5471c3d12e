"""Arms: one for each distinct remedy that a program can apply."""

from collections.abc import Mapping, Sequence
from typing import Any

from paramedic.v1.reproduction_pb2 import Arm
from paramedic_service.incidents.incident import Cause
from paramedic_service.reproduction.patches import write_patch
from paramedic_service.reproduction.verdict import REPORTED

_LONGEST_NAME = 200


def arms_of(causes: Sequence[Cause], most: int) -> list[Arm]:
    """The training as reported, then one arm for each distinct remedy that has a patch.

    Args:
        causes: Of an incident, the most likely first; so come their arms.
        most: Bound on the arms.
    """
    arms = [Arm(name=REPORTED, text="The training as it was reported.")]
    patches: list[Mapping[str, Any]] = []
    names = {REPORTED}
    for remedy in (remedy for cause in causes for remedy in cause.remedies):
        if len(arms) >= most:
            break
        if not remedy.patch or remedy.patch in patches:
            continue
        patches.append(remedy.patch)
        name = _unique(patch_name(remedy.patch), names)
        names.add(name)
        arms.append(Arm(name=name, text=remedy.text, patch=write_patch(remedy.patch)))
    return arms


def patch_name(patch: Mapping[str, Any]) -> str:
    """A patch in a few words: "optimizer.learning_rate x 0.1".

    Args:
        patch: In the grammar of `incidents.patch`; at least one path.
    """
    told = [f"{path} {_operation(operation)}" for path, operation in patch.items()]
    if len(told) == 1:
        return told[0][:_LONGEST_NAME]
    if len(told) == 2:
        return ", ".join(told)[:_LONGEST_NAME]
    return f"{told[0][: _LONGEST_NAME - 20]} and {len(told) - 1} more"


def _operation(operation: object) -> str:
    if not isinstance(operation, Mapping) or len(operation) != 1:
        return str(operation)
    [(word, argument)] = operation.items()
    match word, argument:
        case "multiply", _:
            return f"x {_value(argument)}"
        case "set", _:
            return f"= {_value(argument)}"
        case "replace", Mapping():
            return ", ".join(f"{old} -> {new}" for old, new in argument.items())
        case _, True:
            return str(word)
        case _:
            return f"{word} {_value(argument)}"


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name}={_value(each)}" for name, each in value.items())
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _unique(name: str, taken: set[str]) -> str:
    if name not in taken:
        return name
    numbered = (f"{name[: _LONGEST_NAME - 8]} ({number})" for number in range(2, len(taken) + 3))
    return next(each for each in numbered if each not in taken)

"""Rule state as a tree of plain values, so that a snapshot needs no pickle.

State lives in dataclasses of numbers, strings, arrays, lists, dictionaries, enums and further dataclasses; their
annotations are enough to rebuild them.
"""

import dataclasses
import hashlib
import types
import typing
from enum import Enum
from pathlib import Path
from typing import Any


def code_version() -> str:
    """Fingerprint of the rules' source: state made by other rules must be folded again, not restored."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def dump(value: Any) -> Any:
    """Turns dataclasses into dictionaries, tuples into lists and enums into values, all the way down."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: dump(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple):
        return [dump(item) for item in value]
    if isinstance(value, dict):
        return {key: dump(item) for key, item in value.items()}
    return value


def load(hint: Any, tree: Any) -> Any:
    """Rebuilds what dump took apart.

    Args:
        hint: Type annotation of the value.
        tree: What dump returned for it.

    Raises:
        ValueError: The tree does not fit the annotation.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if tree is None:
            return None
        return load(next(argument for argument in arguments if argument is not types.NoneType), tree)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = typing.get_type_hints(hint)
        names = [field.name for field in dataclasses.fields(hint)]
        if not isinstance(tree, dict) or set(tree) != set(names):
            raise ValueError(f"state does not fit {hint.__name__}: expected the fields {names}")
        return hint(**{name: load(hints[name], tree[name]) for name in names})
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(tree)
    if origin is list:
        return [load(arguments[0], item) for item in tree]
    if origin is tuple:
        kinds = arguments[:1] * len(tree) if Ellipsis in arguments else arguments
        return tuple(load(kind, item) for kind, item in zip(kinds, tree, strict=True))
    if origin is dict:
        return {key: load(arguments[1], item) for key, item in tree.items()}
    return tree

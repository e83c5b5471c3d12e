"""Patches of arms: from the wire to the grammar of `incidents.patch`."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.struct_pb2 import Struct, Value

_EXACT = 2.0**53  # the largest number up to which doubles tell whole numbers apart


def read_patch(patch: Struct) -> dict[str, Any]:
    """What an arm changes, as `incidents.patch.apply` takes it.

    Structs know no integers; whole numbers become some again, since units and batch sizes must be.

    Args:
        patch: Of an arm or a remedy.
    """
    return {name: _plain(value) for name, value in patch.fields.items()}


def write_patch(changes: Mapping[str, Any]) -> Struct:
    """The wire's form of a patch.

    Args:
        changes: In the grammar of `incidents.patch`.
    """
    patch = Struct()
    patch.update(_dictionaries(changes))
    return patch


def _plain(value: Value) -> Any:
    match value.WhichOneof("kind"):
        case "struct_value":
            return read_patch(value.struct_value)
        case "list_value":
            return [_plain(item) for item in value.list_value.values]
        case "number_value":
            number = value.number_value
            return int(number) if abs(number) <= _EXACT and number.is_integer() else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case _:
            return None


def _dictionaries(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _dictionaries(value) if isinstance(value, Mapping) else value for key, value in tree.items()}

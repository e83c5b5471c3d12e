"""What a framework reports about an object, as a protobuf Struct."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from google.protobuf.struct_pb2 import Struct

_MAX_CHARACTERS = 1024
_MAX_ELEMENTS = 256
_MAX_DEPTH = 8
# Where a serialised object can be imported from. The class name says what it is.
_PROVENANCE = frozenset({"module", "registered_name", "build_config", "shared_object_id"})


def settings(config: Mapping[str, Any], without: Collection[str] = ()) -> Struct:
    """Returns a framework's configuration of one object as a Struct.

    Args:
        config: As the framework reports it. Values that a Struct has no type for are told as text; long texts and
            lists are cut, since settings are for reading, and constants stand in the framework's own serialisation.
            None says that there is nothing to say.
        without: Keys to leave out at the top level, because they are said elsewhere, or say nothing.
    """
    struct = Struct()
    said = {str(key): _plain(value, 0) for key, value in config.items() if key not in without and value is not None}
    struct.update(said)
    return struct


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist() if value.size <= _MAX_ELEMENTS else f"array of shape {value.shape}"
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) <= 2**53 else str(value)  # beyond it a double is another number
    if isinstance(value, Mapping) and depth < _MAX_DEPTH:
        return {str(key): _plain(item, depth + 1) for key, item in value.items() if key not in _PROVENANCE}
    if isinstance(value, list | tuple) and depth < _MAX_DEPTH:
        return [_plain(item, depth + 1) for item in value[:_MAX_ELEMENTS]]
    return str(value)[:_MAX_CHARACTERS].encode("utf-8", "replace").decode()

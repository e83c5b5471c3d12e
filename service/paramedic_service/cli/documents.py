"""Contract messages as JSON documents whose keys never change: the names of the contract's fields."""

import math
import re
from collections.abc import Sequence
from typing import Any, cast

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct


def document(message: Message) -> dict[str, Any]:
    """Returns a message as a document.

    Every field is there: null when it was omitted and omission means something. Enums are their short names
    ("running"), integers are numbers whatever their size, and "NaN", "Infinity" and "-Infinity" stand for the numbers
    that JSON lacks.
    """
    fields: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        if field.has_presence and not message.HasField(field.name):
            fields[field.name] = None
        else:
            fields[field.name] = _value(getattr(message, field.name), cast(EnumDescriptor | None, field.enum_type))
    return fields


def _value(value: Any, enum: EnumDescriptor | None) -> Any:
    if isinstance(value, Struct):
        return {key: _value(element, None) for key, element in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_value(element, enum) for element in value]
    if isinstance(value, Message):
        return document(value)
    if enum is not None:
        return short_name(enum, value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def short_name(enum: EnumDescriptor, value: int) -> str:
    """Returns "running" for RUN_STATE_RUNNING; the number of a value that this version does not know."""
    known = enum.values_by_number.get(value)
    if known is None:
        return str(value)
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper() + "_"
    return known.name.removeprefix(prefix).lower()

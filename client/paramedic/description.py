"""Descriptions of a run: what init knows, how later ones add to it, and how large ones are sent."""

import dataclasses
import os
import platform
import socket
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from google.protobuf.struct_pb2 import ListValue, Struct, Value

from paramedic.v1.description_pb2 import Environment, RunDescription
from paramedic.version import VERSION

_MAX_DEPTH = 32


def initial_description(config: Mapping[str, Any] | None) -> RunDescription:
    """Returns what is known before the training says anything.

    Args:
        config: The author's own settings.

    Raises:
        ValueError: The settings contain themselves.
    """
    description = RunDescription(
        environment=Environment(
            python_version=platform.python_version(),
            client_version=VERSION,
            hostname=_text(socket.gethostname()),
            platform=f"{sys.platform}-{platform.machine()}",
            process_id=os.getpid(),
        )
    )
    if config is not None:
        description.config.CopyFrom(_struct(config, 0))
    return description


def merge(known: RunDescription, update: RunDescription) -> None:
    """Adds an update to what is known: a field that is set replaces it, one that is omitted leaves it."""
    for descriptor, _ in update.ListFields():
        known.ClearField(descriptor.name)  # type: ignore[arg-type]  # the stubs know each name, not a name
    known.MergeFrom(update)


def split_description(description: RunDescription, limit: int) -> Iterator[RunDescription]:
    """Yields descriptions that together say the same, each within the limit where that is possible.

    The framework's own serialisation of a large model is the first thing to go: everything else says the same in
    neutral terms.

    Args:
        description: Of any size.
        limit: Bytes.
    """
    if description.ByteSize() <= limit:
        yield description
        return
    for descriptor, value in description.ListFields():
        part = RunDescription(**{descriptor.name: value})
        if part.ByteSize() > limit and part.HasField("model"):
            part.model.framework_json = ""
        yield part


def _struct(mapping: Mapping[Any, Any], depth: int) -> Struct:
    return Struct(fields={_text(str(key)): _value(value, depth + 1) for key, value in mapping.items()})


def _value(value: Any, depth: int) -> Value:
    if depth > _MAX_DEPTH:
        raise ValueError(f"config is nested more than {_MAX_DEPTH} deep; does it contain itself?")
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if value is None:
        return Value(null_value=0)  # type: ignore[arg-type]
    if isinstance(value, bool):
        return Value(bool_value=value)
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, Mapping):
        return Value(struct_value=_struct(value, depth))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return Value(struct_value=_struct({f.name: getattr(value, f.name) for f in dataclasses.fields(value)}, depth))
    if isinstance(value, list | tuple | set | frozenset):
        return Value(list_value=ListValue(values=[_value(element, depth + 1) for element in value]))
    return Value(string_value=_text(str(value)))


def _number(value: int | float) -> Value:
    if isinstance(value, int) and abs(value) > 2**53:  # beyond it a double is another number
        return Value(string_value=str(value))
    return Value(number_value=value)


def _text(text: str) -> str:
    return text.encode("utf-8", "replace").decode()

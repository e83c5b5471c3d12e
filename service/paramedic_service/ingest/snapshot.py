"""Snapshots of a folded run: they shorten restarts and hold nothing that the log does not tell."""

from collections.abc import Mapping
from typing import Any

import msgpack
import numpy as np

from paramedic.v1.description_pb2 import RunDescription
from paramedic_service.ingest.live import LiveRun
from paramedic_service.rules.catalogue import DEFAULTS
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.rulebook import Rulebook
from paramedic_service.store.records import RunRecord, RunState

# Grows when the shape below or what `fold` makes of entries changes: older snapshots are then left unread.
VERSION = 3

_ARRAY = 1  # msgpack extension type: dtype, shape, little-endian bytes


def take(live: LiveRun) -> bytes:
    """Serialises a run as it stands."""
    return pack(
        {
            "version": VERSION,
            "position": live.position,
            "state": live.state.value,
            "description": live.description.SerializeToString(),
            "rows": live.rows,
            "last_sequence": live.last_sequence,
            "last_step": live.last_step,
            "last_report_at": live.last_report_at,
            "latest_scalars": live.latest_scalars,
            "latest_norms": live.latest_norms,
            "path_layers": sorted(live.path_layers),
            "silent": live.silent,
            "ended_at": live.ended_at,
            "diagnosis": live.diagnosis.state(),
        }
    )


def restore(record: RunRecord, body: bytes, rulebook: Rulebook = DEFAULTS) -> LiveRun:
    """Builds the run that `take` saw.

    Args:
        record: What the store knows of it.
        body: What `take` returned.
        rulebook: To judge by.

    Raises:
        ValueError: Another version took it, or it is damaged; fold the whole log instead.
    """
    state = unpack(body)
    if not isinstance(state, Mapping) or state.get("version") != VERSION:
        raise ValueError("the snapshot is of another version")
    try:
        description = RunDescription.FromString(state["description"])
        return LiveRun(
            key=record.key,
            number=record.number,
            name=record.name,
            created_at=record.created_at,
            state=RunState(state["state"]),
            diagnosis=Diagnosis.restore(state["diagnosis"], rulebook),
            description=description,
            tensor_names=tuple(tensor.name for tensor in description.tensors),
            rows=state["rows"],
            last_sequence=state["last_sequence"],
            position=state["position"],
            last_step=state["last_step"],
            last_report_at=state["last_report_at"],
            latest_scalars=dict(state["latest_scalars"]),
            latest_norms=dict(state["latest_norms"]),
            path_layers=set(state["path_layers"]),
            silent=state["silent"],
            ended_at=state["ended_at"],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"the snapshot is damaged: {error!r}") from error


def pack(tree: object) -> bytes:
    """Serialises a tree of dict, list, str, int, float, bool, None, bytes and numpy arrays."""
    packed: bytes = msgpack.packb(tree, default=_pack_array)
    return packed


def unpack(body: bytes) -> Any:
    """Reads what `pack` wrote.

    Raises:
        ValueError: It is damaged.
    """
    try:
        return msgpack.unpackb(body, ext_hook=_unpack_array, strict_map_key=False)
    except (msgpack.UnpackException, ValueError, TypeError) as error:
        raise ValueError(f"the snapshot is damaged: {error!r}") from error


def _pack_array(value: object) -> object:
    if isinstance(value, np.ndarray):
        array = value.astype(value.dtype.newbyteorder("<"), copy=False)
        head = msgpack.packb((array.dtype.str, value.shape))
        return msgpack.ExtType(_ARRAY, head + array.tobytes())
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"cannot pack {type(value).__name__}")


def _unpack_array(code: int, data: bytes) -> object:
    if code != _ARRAY:
        raise ValueError(f"unknown extension type {code}")
    unpacker = msgpack.Unpacker(max_buffer_size=len(data))
    unpacker.feed(data)
    dtype, shape = unpacker.unpack()
    # Copied, because what comes straight from bytes cannot be written to.
    return np.frombuffer(data, np.dtype(dtype), offset=unpacker.tell()).reshape(shape).copy()

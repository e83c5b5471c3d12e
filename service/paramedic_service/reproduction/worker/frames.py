"""Messages on a pipe: each behind its length, four bytes, little-endian."""

import struct
from asyncio import IncompleteReadError, StreamReader
from typing import BinaryIO

HEADER = struct.Struct("<I")
LARGEST = 64 * 1024 * 1024  # bytes; a training with all its curves has a few hundred thousand


def frame(payload: bytes) -> bytes:
    """A message as it stands on the pipe.

    Raises:
        ValueError: It is too large.
    """
    if len(payload) > LARGEST:
        raise ValueError(
            f"a message of {len(payload)} bytes, at most {LARGEST} can be sent: keep fewer points of curves"
        )
    return HEADER.pack(len(payload)) + payload


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next message; None when the other side has hung up, also in the middle of one."""
    header = stream.read(HEADER.size)
    if len(header) < HEADER.size:
        return None
    size = HEADER.unpack(header)[0]
    payload = stream.read(size)
    return payload if len(payload) == size else None


async def next_frame(stream: StreamReader) -> bytes | None:
    """The next message; None when the other side has hung up, also in the middle of one.

    Raises:
        ValueError: What came is no message of ours.
    """
    try:
        size = HEADER.unpack(await stream.readexactly(HEADER.size))[0]
        if size > LARGEST:
            raise ValueError(f"a message of {size} bytes was announced, at most {LARGEST} are taken")
        return await stream.readexactly(size)
    except IncompleteReadError:
        return None

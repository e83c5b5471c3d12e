"""One file of a spool: a magic, then records of length, checksum and payload."""

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"PMSPOOL1"
SUFFIX = ".spool"

# Longer than any request; a length beyond it is damage.
MAX_PAYLOAD_BYTES = 64 * 1024 * 1024

_HEADER = struct.Struct("<II")  # length of the payload, CRC-32 of the payload


@dataclass(frozen=True, slots=True)
class Damage:
    """Something in a segment that cannot be read.

    Attributes:
        path: The file.
        offset: Where in it, bytes.
        what: For people.
    """

    path: Path
    offset: int
    what: str


def frame(payload: bytes) -> bytes:
    """Returns the record of a payload."""
    return _HEADER.pack(len(payload), zlib.crc32(payload)) + payload


def read_segment(path: Path, offset: int = 0) -> Iterator[tuple[int, bytes | Damage]]:
    """Yields what a segment holds, each with the offset behind it.

    A record whose checksum is wrong is passed over; what follows an impossible length, and a tail that was not written
    to its end, cannot be told apart into records and is one damage.

    Args:
        path: The file.
        offset: Where to begin, as yielded before; 0 is the start of the file.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if offset == 0 and size > 0:  # an empty file was left between its creation and its first byte: nothing is lost
            offset = len(MAGIC)
            if file.read(offset) != MAGIC:
                yield size, Damage(path, 0, "not a spool file, or one whose beginning is lost")
                return
        file.seek(offset)
        while offset < size:
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size:
                yield size, Damage(path, offset, "cut off within a record's header")
                return
            length, checksum = _HEADER.unpack(header)
            if length > min(MAX_PAYLOAD_BYTES, size - offset - _HEADER.size):
                yield size, Damage(path, offset, "cut off within a record, or its length is damaged")
                return
            payload = file.read(length)
            start, offset = offset, offset + _HEADER.size + length
            if zlib.crc32(payload) == checksum:
                yield offset, payload
            else:
                yield offset, Damage(path, start, "a record's checksum is wrong")


class SegmentWriter:
    """Appends records to a new file.

    Records go to the kernel one by one, unbuffered: they survive the process, which is what a killed training needs.
    """

    def __init__(self, path: Path) -> None:
        """Creates the file.

        Raises:
            OSError: It cannot be created, or exists.
        """
        self.path = path
        self.size = len(MAGIC)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            self._write(MAGIC)
        except OSError:
            os.close(self._descriptor)
            path.unlink(missing_ok=True)
            raise

    def append(self, payload: bytes) -> None:
        """Writes a record, whole or not at all.

        Raises:
            OSError: The disk is full or broken; the file is as it was.
        """
        record = frame(payload)
        try:
            self._write(record)
        except OSError:
            os.ftruncate(self._descriptor, self.size)
            os.lseek(self._descriptor, self.size, os.SEEK_SET)
            raise
        self.size += len(record)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._descriptor)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

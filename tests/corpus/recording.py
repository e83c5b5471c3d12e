"""Compact recordings: the client's spool of one run, compressed whole."""

import lzma
from collections.abc import Iterator
from pathlib import Path

from paramedic.segment import MAGIC, Damage, frame, read_segment
from paramedic.spool import spool_directories
from paramedic.v1.telemetry_pb2 import StreamTelemetryRequest

SUFFIX = ".spool.xz"


def pack(spool: Path, packed: Path) -> None:
    """Compresses what a client left in its spool; decompressed it is one spool file again.

    Args:
        spool: A directory with one run's spool below it.
        packed: The file to write.

    Raises:
        ValueError: There is not exactly one run, or some of it is damaged.
    """
    directories = spool_directories(spool)
    if len(directories) != 1:
        raise ValueError(f"{spool} holds {len(directories)} recorded runs, expected one")
    records = [payload for path in sorted(directories[0].glob("*.spool")) for _, payload in read_segment(path)]
    whole = [record for record in records if not isinstance(record, Damage)]
    if len(whole) < len(records):
        raise ValueError(f"{spool} holds damaged records")
    packed.write_bytes(lzma.compress(MAGIC + b"".join(map(frame, whole)), preset=9 | lzma.PRESET_EXTREME))


def entries(packed: Path, scratch: Path) -> Iterator[bytes]:
    """Yields the entries of a recorded log, in order, as serialised requests without the registration.

    Args:
        packed: A recording.
        scratch: Directory for the decompressed file, which is removed again.

    Raises:
        ValueError: The recording is damaged.
    """
    plain = scratch / packed.name.removesuffix(".xz")
    plain.write_bytes(lzma.decompress(packed.read_bytes()))
    try:
        for _, payload in read_segment(plain):
            if isinstance(payload, Damage):
                raise ValueError(f"{packed} is damaged: {payload.what}")
            if StreamTelemetryRequest.FromString(payload).WhichOneof("body") != "register":
                yield payload
    finally:
        plain.unlink()

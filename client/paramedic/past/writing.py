"""Writes a past run as a client would have left it on disk, to be delivered or replayed like any other."""

import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from paramedic.drops import Drops
from paramedic.encoding import (
    MAX_REQUEST_BYTES,
    Columns,
    encode_batch,
    encode_message,
    encode_registration,
    select,
    split,
    with_sequence,
)
from paramedic.past.run import PastRun
from paramedic.settings import Settings
from paramedic.spool import Spool
from paramedic.v1.run_pb2 import RUN_STATE_FINISHED
from paramedic.v1.telemetry_pb2 import EpochEnded, FinishRun, RegisterRun, RunEvent, TrainingBegan
from paramedic.version import VERSION

_SEQUENCE_BYTES = 11


def identifier(past: PastRun) -> str:
    """Returns an id that the same run always has, so that importing it twice stores it once."""
    columns = past.columns(0.0)
    digest = sha256(past.name.encode())
    digest.update(columns.steps.tobytes())
    for name, scalar in columns.scalars.items():
        digest.update(name.encode() + scalar.values.tobytes())
    return f"import-{digest.hexdigest()[:16]}"


def write(past: PastRun, settings: Settings) -> Path:
    """Writes a spool.

    Args:
        past: The run.
        settings: Whose run it is, and where spools lie.

    Returns:
        The run's spool directory.

    Raises:
        PastRunError: The run has no steps.
        OSError: It cannot be written.
    """
    columns = past.columns(time.time())
    drops = Drops(settings.label)
    register = RegisterRun(run=settings.identity, name=settings.name or past.name, client_version=VERSION)
    spool = Spool(settings.spool_directory, drops, encode_registration(register))
    try:
        for sequence, body in enumerate(_bodies(past, columns), 1):
            spool.append(with_sequence(body, sequence))
    finally:
        spool.close()
    return settings.spool_directory


def _bodies(past: PastRun, columns: Columns) -> Iterator[bytes]:
    description = past.described()
    if description.ByteSize():
        yield encode_message(description)
    began = float(columns.times[0])
    yield encode_message(RunEvent(time=began, training_began=TrainingBegan()))
    if past.by_epochs:
        yield from _epochs(columns)
    else:
        yield from _batches(columns)
    yield encode_message(FinishRun(state=RUN_STATE_FINISHED, time=float(columns.times[-1])))


def _epochs(columns: Columns) -> Iterator[bytes]:
    for row in range(len(columns.steps)):
        yield from _batches(select(columns, row, row + 1))
        step = int(columns.steps[row])
        ended = RunEvent(time=float(columns.times[row]), step=step, epoch_ended=EpochEnded(epoch=max(step, 0)))
        yield encode_message(ended)


def _batches(columns: Columns) -> Iterator[bytes]:
    for piece in split(columns, MAX_REQUEST_BYTES - _SEQUENCE_BYTES):
        yield encode_batch(piece)

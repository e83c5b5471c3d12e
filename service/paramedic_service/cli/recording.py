"""Recorded runs: what a client spooled, or what a store holds."""

import lzma
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from google.protobuf.message import DecodeError

from paramedic.segment import SUFFIX, Damage, read_segment
from paramedic.spool import spool_directories
from paramedic.v1.telemetry_pb2 import StreamTelemetryRequest
from paramedic_service.ingest.live import LiveRun
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.rulebook import Rulebook
from paramedic_service.store.interface import Store, StoreError
from paramedic_service.store.records import RunKey, RunRecord

_COMPRESSED = f"{SUFFIX}.xz"
_PAGE = 1000


class RecordingError(Exception):
    """There is nothing to replay; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a recorded run's log.

    Attributes:
        place: Where it stands, for people.
        body: Serialised `StreamTelemetryRequest`; None when it is damaged.
        by_service: Whether the service itself wrote it.
        damage: What is wrong with it; empty when it can be read.
    """

    place: str
    body: bytes | None
    by_service: bool = False
    damage: str = ""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded run.

    Attributes:
        key: Which run.
        name: For people.
        entries: Its log, in order.
    """

    key: RunKey
    name: str
    entries: Iterator[Entry]

    def begin(self, rulebook: Rulebook) -> LiveRun:
        """The run before its first entry, to be judged by a rulebook."""
        return LiveRun(self.key, 0, self.name, created_at=0.0, diagnosis=Diagnosis(rulebook))


def spooled(path: Path) -> Recording:
    """Opens what a client left on disk.

    Args:
        path: A run's spool directory, a directory with one somewhere below it, or a single file of one.

    Raises:
        RecordingError: There is no recorded run, or more than one.
        OSError: It cannot be read.
    """
    segments = _segments(path)
    for entry in _read(segments):
        request = _parse(entry.body)
        if request is not None and request.WhichOneof("body") == "register":
            run = request.register.run
            key = RunKey(run.project, run.id, run.attempt, run.rank)
            return Recording(key, request.register.name or run.id, _logged(segments))
    raise RecordingError(f"{path} does not say whose run it is: no registration in it can be read")


@contextmanager
def stored(url: str, key: RunKey) -> Iterator[Recording]:
    """Opens a run in a service's store, for reading only.

    Args:
        url: As in the service's setting `store_url`.
        key: Which run.

    Raises:
        RecordingError: The store cannot be read, or does not hold the run.
    """
    # Imported late: no other command needs a database, and its libraries are most of what a start costs.
    from paramedic_service.store.opening import open_store

    try:
        store = open_store(url, read_only=True)
        try:
            record = store.get_run(key)
            if record is None:
                raise RecordingError(
                    f"no run {key.project}/{key.id} (attempt {key.attempt}, rank {key.rank}) in this store"
                )
            yield _recorded(store, record)
        finally:
            store.close()
    except StoreError as error:
        raise RecordingError(str(error)) from error


@contextmanager
def all_stored(url: str, project: str | None) -> Iterator[list[Recording]]:
    """Opens every run in a service's store, for reading only, the newest first.

    Args:
        url: As in the service's setting `store_url`.
        project: Only of this project; None for all.

    Raises:
        RecordingError: The store cannot be read.
    """
    # Imported late, as above.
    from paramedic_service.store.opening import open_store

    try:
        store = open_store(url, read_only=True)
        try:
            records: list[RunRecord] = []
            token = None
            while True:
                page = store.list_runs(project=project, limit=_PAGE, token=token)
                records += page.items
                token = page.next_token
                if token is None:
                    break
            yield [_recorded(store, record) for record in records]
        finally:
            store.close()
    except StoreError as error:
        raise RecordingError(str(error)) from error


def all_spooled(root: Path) -> list[Recording]:
    """Opens every recorded run at or below a directory: spools, and spool files compressed as `.spool.xz`.

    Raises:
        RecordingError: There is none.
        OSError: One cannot be read.
    """
    if root.is_file():
        return [spooled(root)]
    found = [*spool_directories(root), *sorted(root.rglob(f"*{_COMPRESSED}"))]
    if not found:
        raise RecordingError(f"{root} holds no recorded run: there is no {SUFFIX} or {_COMPRESSED} file at or below it")
    return [spooled(path) for path in found]


def _recorded(store: Store, record: RunRecord) -> Recording:
    entries = (
        Entry(f"position {entry.position}", entry.body, by_service=entry.sequence is None)
        for entry in store.read_log(record.number)
    )
    return Recording(record.key, record.name, entries)


def _segments(path: Path) -> list[Path]:
    if not path.exists():
        raise RecordingError(f"{path} does not exist; name a spool directory, or a {SUFFIX} file of one")
    if path.is_file():
        return [path]
    directories = spool_directories(path)
    if not directories:
        raise RecordingError(f"{path} holds no recorded run: there is no {SUFFIX} file at or below it")
    if len(directories) > 1:
        raise RecordingError(f"{path} holds {len(directories)} recorded runs; name one, such as {directories[0]}")
    return sorted(directories[0].glob(f"*{SUFFIX}"))


def _read(segments: list[Path]) -> Iterator[Entry]:
    for path in segments:
        start = 0
        with _plain(path) as readable:
            for end, payload in read_segment(readable):
                place = f"{path} at byte {start}"
                if isinstance(payload, Damage):
                    yield Entry(place, None, damage=payload.what)
                else:
                    yield Entry(place, payload)
                start = end


@contextmanager
def _plain(path: Path) -> Iterator[Path]:
    """The file as it is read: itself, or what a compressed one holds."""
    if not path.name.endswith(_COMPRESSED):
        yield path
        return
    with NamedTemporaryFile(suffix=SUFFIX) as plain:
        try:
            plain.write(lzma.decompress(path.read_bytes()))
        except lzma.LZMAError as error:
            raise RecordingError(f"{path} is damaged: {error}; copy it anew") from error
        plain.flush()
        yield Path(plain.name)


def _logged(segments: list[Path]) -> Iterator[Entry]:
    """Yields entries of the log: without registrations, and without what was spooled twice."""
    last = 0
    for entry in _read(segments):
        request = _parse(entry.body)
        if request is None:
            yield entry
        elif request.sequence > last:
            last = request.sequence
            yield entry


def _parse(body: bytes | None) -> StreamTelemetryRequest | None:
    try:
        return None if body is None else StreamTelemetryRequest.FromString(body)
    except DecodeError:
        return None

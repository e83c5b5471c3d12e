"""A queue of requests on disk, for when the service is away or slow.

Layout: a directory a run, in it segment files `NNNNNNNN.spool`, each beginning with the run's registration, so that
what is left of a spool always tells whose it is. There is no cursor on disk: where to resume is the service's word
alone, and what it has already is passed over by sequence.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from paramedic.condense import condense
from paramedic.directory_lock import LOCK_NAME, DirectoryLock
from paramedic.drops import Drops
from paramedic.encoding import split_sequence
from paramedic.segment import SUFFIX, Damage, SegmentWriter, read_segment

SPOOL_BYTES = 1 << 30
SEGMENT_BYTES = 4 << 20


@dataclass(slots=True)
class _Segment:
    path: Path
    number: int
    size: int = 0
    last: int = 0  # highest sequence in it
    entries: int = 0
    condensed: bool = False  # what a dropped segment left behind


class Spool:
    """Requests of one run, first in, first out; bounded in bytes, and private to one process.

    Reading moves a cursor; settling deletes. What was read and never settled is read again after `rewind`.

    Attributes:
        registration: The request that opens the run's stream.
        settled: Entries up to this sequence are done with.
        last: Highest sequence in it; 0 when it is empty.
    """

    def __init__(
        self,
        directory: Path,
        drops: Drops,
        registration: bytes | None = None,
        *,
        limit: int = SPOOL_BYTES,
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        """Opens the directory, makes it when it is missing, and takes over what an earlier process left in it.

        Args:
            directory: Of this run alone.
            drops: Where losses are counted.
            registration: Of the run. None: as found in the directory.
            limit: Bound on its size, bytes; the oldest segments are given up beyond it.
            segment_bytes: Size at which a file is full.

        Raises:
            DirectoryInUseError: Another process has it open.
            OSError: The directory cannot be read or written.
            ValueError: No registration is given, and none is found.
        """
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = DirectoryLock(directory)
        self._directory = directory
        self._drops = drops
        self._limit = limit
        self._segment_bytes = segment_bytes
        self._segments: deque[_Segment] = deque()
        self._writer: SegmentWriter | None = None
        self._next_number = 1
        self._position = 0  # of the cursor, in _segments
        self._offset = 0  # of the cursor, in its segment
        self._reader: Iterator[tuple[int, bytes | Damage]] | None = None
        self._closed = False
        self._damages: set[tuple[Path, int]] = set()
        self.settled = 0
        self.last = 0
        try:
            found = self._recover()
        except BaseException:
            self._lock.release()
            raise
        if registration is None and found is None:
            self._lock.release()
            raise ValueError(f"{directory} holds no readable registration, so nobody knows whose run it is")
        self.registration: bytes = registration if registration is not None else found or b""

    @property
    def empty(self) -> bool:
        """Whether everything in it is settled."""
        return not self._segments

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(segment.size for segment in self._segments)

    @property
    def entries(self) -> int:
        """Records on disk that are in no settled segment."""
        return sum(segment.entries for segment in self._segments)

    def append(self, payload: bytes) -> None:
        """Adds a request to the end.

        Raises:
            OSError: It could not be written; what is there stays readable.
        """
        sequence, _ = split_sequence(payload)
        if self._writer is None or self._writer.size + len(payload) > self._segment_bytes:
            self._roll()
        assert self._writer is not None
        self._writer.append(payload)
        segment = self._segments[-1]
        segment.size = self._writer.size
        segment.last = self.last = sequence
        segment.entries += 1
        while self.size > self._limit and self._drop_oldest():
            pass

    def read(self) -> bytes | None:
        """Returns the request under the cursor and moves on; None when there is no more."""
        while self._position < len(self._segments):
            segment = self._segments[self._position]
            if self._reader is None:
                self._reader = read_segment(segment.path, self._offset)
            try:
                record = next(self._reader, None)
            except OSError as error:
                record = segment.size, Damage(segment.path, self._offset, f"cannot be read: {error}")
                self._reader = None
            if record is None:
                self._reader = None
                if self._offset >= segment.size:
                    if self._position + 1 == len(self._segments):
                        return None  # stays here: there may be more later
                    self._position += 1
                    self._offset = 0
                continue
            self._offset, payload = record
            if isinstance(payload, Damage):
                self._count_damage(payload)
            elif _sequence(payload) > self.settled:
                return payload
        return None

    def rewind(self) -> None:
        """Moves the cursor back to the oldest request that is not settled."""
        self._position = self._offset = 0
        self._reader = None

    def settle(self, sequence: int) -> None:
        """Forgets everything up to a sequence, and deletes the files that hold nothing else."""
        self.settled = max(self.settled, sequence)
        while self._segments and self._segments[0].last <= self.settled:
            self._remove_first()

    def clear(self) -> None:
        """Deletes everything."""
        while self._segments:
            self._remove_first()

    def rewrite(self, change: Callable[[bytes], bytes]) -> None:
        """Replaces every request that is not settled."""
        old = list(self._segments)
        self._close_writer()
        self._segments.clear()
        self.rewind()
        for segment in old:
            for payload in self._payloads(segment):
                try:
                    self.append(change(payload))
                except OSError as error:
                    self._drops.add("disk_error", 1, f"cannot write to {self._directory}: {error}")
            _unlink(segment.path)

    def close(self) -> None:
        """Closes the files and lets go of the directory, which is removed when nothing is left in it."""
        if self._closed:
            return
        self._closed = True
        self._close_writer()
        self._reader = None
        self._lock.release()
        if self.empty:
            with suppress(OSError):  # somebody put something else there
                self._directory.rmdir()
                self._directory.parent.rmdir()

    def _recover(self) -> bytes | None:
        registration: bytes | None = None
        numbered = sorted(
            (int(path.stem), path) for path in self._directory.glob(f"*{SUFFIX}") if path.stem.isdecimal()
        )
        for number, path in numbered:
            segment = _Segment(path, number)
            for offset, payload in read_segment(path):
                segment.size = offset
                if isinstance(payload, Damage):
                    segment.entries += 1
                    continue
                sequence = _sequence(payload)
                if sequence:
                    segment.last = max(segment.last, sequence)
                    segment.entries += 1
                elif registration is None:
                    registration = payload
            self._next_number = number + 1
            if segment.last:
                self._segments.append(segment)
                self.last = max(self.last, segment.last)
            else:
                for _, payload in read_segment(path):
                    if isinstance(payload, Damage):
                        self._count_damage(payload)
                _unlink(path)
        return registration

    def _roll(self) -> None:
        self._close_writer()
        path = self._directory / f"{self._next_number:08}{SUFFIX}"
        writer = SegmentWriter(path)
        try:
            writer.append(self.registration)
        except OSError:
            writer.close()
            _unlink(path)
            raise
        self._writer = writer
        self._segments.append(_Segment(path, self._next_number, writer.size))
        self._next_number += 1

    def _drop_oldest(self) -> bool:
        """Gives up the oldest rows; whether there were any to give up."""
        count = 2 if self._segments[0].condensed else 1
        if len(self._segments) <= count:  # the newest is being written
            return False
        dropped = [self._segments[position] for position in range(count)]
        payloads = [payload for segment in dropped for payload in self._payloads(segment)]
        remainder, rows = condense(payloads)
        why = f"{self._directory} has reached its bound of {self._limit} bytes; the oldest rows are given up"
        self._drops.add("spool_full", rows, why)
        for _ in dropped:
            self._remove_first()
        if remainder is not None:
            self._prepend(dropped[0], remainder)
        return True

    def _prepend(self, place: _Segment, payload: bytes) -> None:
        try:
            writer = SegmentWriter(place.path)
            try:
                writer.append(self.registration)
                writer.append(payload)
            finally:
                writer.close()
        except OSError as error:
            self._drops.add("disk_error", 1, f"cannot write to {self._directory}: {error}")
            _unlink(place.path)
            return
        segment = _Segment(place.path, place.number, writer.size, _sequence(payload), 1, condensed=True)
        self._segments.appendleft(segment)
        if self._position or self._offset:  # the cursor is behind what was dropped, and stays there
            self._position += 1

    def _payloads(self, segment: _Segment) -> Iterator[bytes]:
        try:
            for _, payload in read_segment(segment.path):
                if isinstance(payload, Damage):
                    self._count_damage(payload)
                elif _sequence(payload) > self.settled:
                    yield payload
        except OSError as error:
            self._count_damage(Damage(segment.path, 0, f"cannot be read: {error}"))

    def _remove_first(self) -> None:
        segment = self._segments.popleft()
        if self._writer is not None and self._writer.path == segment.path:
            self._close_writer()
        _unlink(segment.path)
        if self._position > 0:
            self._position -= 1
        else:
            self.rewind()

    def _close_writer(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _count_damage(self, damage: Damage) -> None:
        place = damage.path, damage.offset
        if place not in self._damages:
            self._damages.add(place)
            self._drops.add("corrupt_spool", 1, f"{damage.path} at byte {damage.offset}: {damage.what}; passed over")


def spool_directories(root: Path) -> list[Path]:
    """Returns every directory at or below a root that holds a run's spool, in order of their names."""
    return sorted({Path(where) for where, _, names in os.walk(root) if any(name.endswith(SUFFIX) for name in names)})


def has_spool(directory: Path) -> bool:
    """Whether an earlier process left a spool there."""
    return directory.is_dir() and any(path.name != LOCK_NAME for path in directory.iterdir())


def _sequence(payload: bytes) -> int:
    try:
        return split_sequence(payload)[0]
    except ValueError:  # intact by its checksum and yet no request: whatever it is, it is not ours to send
        return 0


def _unlink(path: Path) -> None:
    with suppress(OSError):
        path.unlink()

"""Numbered requests that the service has not settled yet, in memory first, on disk when they must wait."""

import time
from collections import deque
from pathlib import Path
from typing import NamedTuple

from paramedic.directory_lock import DirectoryInUseError
from paramedic.drops import Drops
from paramedic.encoding import MAX_SEQUENCE, split_sequence, with_sequence
from paramedic.spool import Spool, has_spool

MEMORY_BYTES = 8 * 1024 * 1024

# What waits longer than this goes to disk, where it outlives the process, seconds.
PATIENCE = 5.0

# How long a disk that failed is left alone, seconds.
_DISK_RETRY = 10.0


class Entry(NamedTuple):
    """One request: its sequence, its bytes, its rows (0: none, or not counted yet), when it came, monotonic seconds."""

    sequence: int
    payload: bytes
    rows: int
    since: float


class Outbox:
    """The client's end of the exactly-once stream. Used by one thread.

    Either everything that is not settled is in memory, or everything is in the spool and memory holds copies of what is
    in flight. So the order never depends on where an entry lies: it goes to disk whole, and comes back when the spool
    is drained.

    Attributes:
        acknowledged: Entries that were sent and acknowledged.
        refused: Entries that were sent and refused.
    """

    def __init__(self, drops: Drops, directory: Path, registration: bytes, memory_limit: int = MEMORY_BYTES) -> None:
        """Makes an empty outbox.

        Args:
            drops: Where losses are counted.
            directory: Of the spool, which is opened when it is first needed.
            registration: Of the run.
            memory_limit: Bound on what waits in memory, bytes.
        """
        self._drops = drops
        self._directory = directory
        self._registration = registration
        self._memory_limit = memory_limit
        self._memory: deque[Entry] = deque()
        self._memory_bytes = 0
        self._sent = 0  # entries of _memory that are in flight
        self._sent_bytes = 0
        self._spool: Spool | None = None
        self._spooling = False
        self._retry_disk_at = 0.0
        self._next_sequence = 1
        self._highest_sent = 0
        self.acknowledged = 0
        self.refused = 0

    @property
    def empty(self) -> bool:
        """Whether everything is settled."""
        return not self._memory and not self._spooling

    @property
    def spooling(self) -> bool:
        """Whether everything goes through the spool."""
        return self._spooling

    @property
    def in_flight(self) -> int:
        """Entries sent and not settled."""
        return self._sent

    @property
    def in_flight_bytes(self) -> int:
        """Their size."""
        return self._sent_bytes

    @property
    def highest_sent(self) -> int:
        """Highest sequence that the service can have seen; 0 before the first."""
        return self._highest_sent

    def inherit(self) -> None:
        """Goes on where an earlier process stopped: what it left on disk comes first, and may have been sent."""
        if has_spool(self._directory):
            spool = self._get_spool(inherit=True)
            if spool is not None:
                self.adopt(spool)

    def adopt(self, spool: Spool) -> None:
        """Takes over a spool that was filled before."""
        self._spool = spool
        self._spooling = not spool.empty
        self._highest_sent = spool.last
        self._next_sequence = spool.last + 1

    def append(self, body: bytes, rows: int) -> None:
        """Numbers a request and takes it.

        Args:
            body: Without its sequence.
            rows: That would be lost with it.
        """
        entry = Entry(self._next_sequence, with_sequence(body, self._next_sequence), rows, time.monotonic())
        self._next_sequence += 1
        if self._spooling:
            self._append_to_spool(entry)
            return
        self._memory.append(entry)
        self._memory_bytes += len(entry.payload)
        if self._memory_bytes > self._memory_limit and not self.persist():
            self._trim()

    def take(self) -> bytes | None:
        """Returns the next request to send; None when all are in flight."""
        if self._spooling:
            entry = self._read_spool()
            if entry is None:
                return None
            self._memory.append(entry)
            self._memory_bytes += len(entry.payload)
        elif self._sent < len(self._memory):
            entry = self._memory[self._sent]
        else:
            return None
        self._sent += 1
        self._sent_bytes += len(entry.payload)
        self._highest_sent = max(self._highest_sent, entry.sequence)
        return entry.payload

    def settle(self, sequence: int) -> None:
        """Forgets everything up to a sequence: it is durable, or refused."""
        while self._memory and self._memory[0].sequence <= sequence:
            self.acknowledged += self._sent > 0
            self._forget(0)
        if self._spool is not None and self._spooling:
            self._spool.settle(sequence)
            self._spooling = not self._spool.empty

    def reject(self, sequence: int) -> bytes | None:
        """Forgets an entry that is refused, and those before it: answers come in the entries' order.

        Returns:
            The entry; None when it is not in flight.
        """
        for position in range(self._sent):
            entry = self._memory[position]
            if entry.sequence == sequence:
                self.settle(sequence)
                self.acknowledged -= 1
                self.refused += 1
                return entry.payload
        return None

    def rewind(self) -> None:
        """Takes back what is in flight: the connection is lost."""
        if self._spooling and self._spool is not None:
            self._memory.clear()
            self._memory_bytes = 0
            self._spool.rewind()
        self._sent = self._sent_bytes = 0

    def resume(self, sequence: int) -> None:
        """Goes on behind the last sequence that the service has.

        A sequence that we never sent cannot be ours: an earlier process of the same identity used it, and what we have
        under such numbers gets new ones, lest the service take it for a repetition.

        Raises:
            ValueError: The sequence leaves no room for ours.
        """
        if sequence > MAX_SEQUENCE // 2:
            raise ValueError(f"sequence {sequence} leaves no room for further entries")
        self.settle(min(sequence, self._highest_sent))
        if sequence > self._highest_sent:
            self._renumber(sequence - self._highest_sent)
            self._highest_sent = sequence

    def persist(self) -> bool:
        """Moves everything to disk; whether that is where it is now."""
        if self._spooling or not self._memory:
            return self._spooling
        spool = self._get_spool()
        if spool is None or time.monotonic() < self._retry_disk_at:
            return False
        try:
            for entry in self._memory:
                spool.append(entry.payload)
        except OSError as error:
            self._drops.add("disk_error", 0, f"cannot write to the spool, so memory must do: {error}")
            spool.clear()  # what was written is still in memory
            self._leave_disk_alone()
            return False
        self._spooling = True
        for _ in range(self._sent):  # the cursor belongs behind what is in flight
            spool.read()
        while len(self._memory) > self._sent:
            self._memory_bytes -= len(self._memory.pop().payload)
        return True

    def persist_impatient(self) -> None:
        """Moves everything to disk when the oldest entry has waited for long."""
        if not self._spooling and self._memory and time.monotonic() - self._memory[0].since > PATIENCE:
            self.persist()

    def close(self) -> bool:
        """Moves what is left to disk and closes the spool.

        Returns:
            Whether something waits there for a later delivery.
        """
        self.rewind()
        self._retry_disk_at = 0.0
        self.persist()
        if not self._spooling:
            for entry in self._memory:
                self._drops.add("undelivered", entry.rows or 1, "the run ended before the service took everything")
            self._memory.clear()
        if self._spool is not None:
            self._spool.close()
        return self._spooling

    def _get_spool(self, inherit: bool = False) -> Spool | None:
        if self._spool is not None or time.monotonic() < self._retry_disk_at:
            return self._spool
        try:
            spool = Spool(self._directory, self._drops, self._registration)
        except DirectoryInUseError as error:
            self._complain(f"{error}; processes of one training need ranks or ids of their own")
        except (OSError, ValueError) as error:
            self._complain(f"cannot open a spool: {error}; set PARAMEDIC_SPOOL_DIR to a directory for it")
        else:
            if inherit or spool.empty:
                self._spool = spool
            else:  # its numbers and ours would not be in one order
                spool.close()
                self._complain(f"{self._directory} holds what another process of the same run left; deliver it first")
        return self._spool

    def _complain(self, why: str) -> None:
        self._drops.add("disk_error", 0, f"{why}. Meanwhile memory must do")
        self._leave_disk_alone()

    def _leave_disk_alone(self) -> None:
        self._retry_disk_at = time.monotonic() + _DISK_RETRY

    def _append_to_spool(self, entry: Entry) -> None:
        assert self._spool is not None
        try:
            self._spool.append(entry.payload)
        except OSError as error:
            self._drops.add("disk_error", entry.rows or 1, f"cannot write to the spool: {error}")

    def _read_spool(self) -> Entry | None:
        assert self._spool is not None
        payload = self._spool.read()
        return None if payload is None else Entry(split_sequence(payload)[0], payload, 0, 0.0)

    def _forget(self, position: int) -> None:
        size = len(self._memory[position].payload)
        del self._memory[position]
        self._memory_bytes -= size
        if position < self._sent:
            self._sent -= 1
            self._sent_bytes -= size

    def _trim(self) -> None:
        why = f"the service is away, and {self._memory_limit} bytes wait in memory; the oldest rows are given up"
        while self._memory_bytes > self._memory_limit and len(self._memory) > self._sent:
            # Rows go first: without the description before them, those that follow could not be read.
            unsent = range(self._sent, len(self._memory))
            position = next((number for number in unsent if self._memory[number].rows), self._sent)
            self._drops.add("buffer_full", self._memory[position].rows or 1, why)
            self._forget(position)

    def _renumber(self, shift: int) -> None:
        self._next_sequence += shift
        if self._spooling and self._spool is not None:
            self._spool.rewrite(lambda payload: _shifted(payload, shift))
        else:
            self._memory = deque(
                entry._replace(sequence=entry.sequence + shift, payload=_shifted(entry.payload, shift))
                for entry in self._memory
            )
            self._memory_bytes = sum(len(entry.payload) for entry in self._memory)


def _shifted(payload: bytes, shift: int) -> bytes:
    sequence, body = split_sequence(payload)
    return with_sequence(body, sequence + shift)

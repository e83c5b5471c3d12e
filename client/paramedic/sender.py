"""The thread that carries rows from the buffer to the service, or to disk."""

import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

from paramedic.buffer import Item, RowBuffer
from paramedic.chunk import Chunk
from paramedic.description import split_description
from paramedic.drops import Drops
from paramedic.encoding import (
    MAX_REQUEST_BYTES,
    Columns,
    Message,
    encode_batch,
    encode_message,
    size_bound,
    split,
)
from paramedic.outbox import Outbox
from paramedic.sharing import Sharing
from paramedic.speech import say
from paramedic.uplink import Arrival, Uplink
from paramedic.v1.description_pb2 import RunDescription
from paramedic.v1.telemetry_pb2 import Dropped, FinishRun, RunEvent

# How old a row becomes before it is sent in a batch that is not full, seconds.
FLUSH_INTERVAL = 0.25

# How often counts of lost rows are sent at most, seconds.
_DROP_REPORT_INTERVAL = 1.0

# Rows encoded in one go, bytes; between two goes, answers are looked at.
_PASS_BYTES = 1 << 20

# Part of the time for closing that is kept for the disk, and its bound, seconds.
_CLOSING_RESERVE = 0.2
_MAX_CLOSING_RESERVE = 0.5

# How long the service may take for its last words once everything is delivered, seconds.
_LAST_WORDS = 0.5

_SEQUENCE_BYTES = 11


class Sender:
    """Takes from the buffer, encodes, and keeps outbox and uplink going until it is told to close.

    Whatever goes wrong in here stays in here: it is logged once, the connection is dropped, and the run goes on
    spooling.
    """

    def __init__(
        self,
        buffer: RowBuffer,
        drops: Drops,
        outbox: Outbox,
        inbox: SimpleQueue[Arrival],
        uplink: Uplink | None,
        label: str,
        on_kept: Callable[[], None],
        sharing: Sharing | None = None,
    ) -> None:
        """Prepares the thread; `start` starts it.

        Args:
            buffer: Where rows come from.
            drops: Where losses are counted.
            outbox: Where requests wait.
            inbox: Wakes the thread.
            uplink: The connection; None: everything stays on disk.
            label: Names the run in log lines.
            on_kept: Called when the run has ended and something waits on disk.
            sharing: Delivers samples beside the telemetry; None: nothing can be shared.
        """
        self._buffer = buffer
        self._drops = drops
        self._outbox = outbox
        self._inbox = inbox
        self._uplink = uplink
        self._label = label
        self._on_kept = on_kept
        self._sharing = sharing
        self._finish_entry: FinishRun | None = None  # set when the run is to end
        self._send_until = math.inf
        self._last_report = 0.0
        self._complained = False
        self._failures_before_closing = 0
        # On the buffer's lock: a signal handler that finishes the run may have interrupted log() while it held the
        # lock, and waiting on a condition lets go of it.
        self._over = threading.Condition(buffer.lock)
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="paramedic-sender", daemon=True)

    def start(self) -> None:
        """Starts the thread.

        Raises:
            RuntimeError: The interpreter is shutting down.
        """
        self._thread.start()

    def close(self, finish: FinishRun, timeout: float) -> None:
        """Asks the thread to deliver what there is, and to end. Returns at once.

        Args:
            finish: The run's last entry.
            timeout: For all of it, seconds.
        """
        reserve = min(_CLOSING_RESERVE * timeout, _MAX_CLOSING_RESERVE)
        self._send_until = time.monotonic() + timeout - reserve
        self._finish_entry = finish
        self._inbox.put(None)

    def join(self, timeout: float) -> bool:
        """Waits for the thread to end; whether it did."""
        with self._over:
            return self._over.wait_for(lambda: self._ended, timeout)

    def _run(self) -> None:
        try:
            self._guarded(self._begin)
            while self._finish_entry is None:
                self._guarded(self._pass)
            self._guarded(self._flush)
            self._guarded(self._finish)
        finally:
            self._guarded(self._end)
            with self._over:
                self._ended = True
                self._over.notify_all()

    def _begin(self) -> None:
        self._outbox.inherit()

    def _pass(self) -> None:
        more = self._collect(FLUSH_INTERVAL)
        self._report_drops()
        self._move(0.0 if more else FLUSH_INTERVAL)

    def _flush(self) -> None:
        """Delivers the last rows."""
        if self._uplink is not None:
            self._failures_before_closing = self._uplink.failures
            self._uplink.retry_now()
        while self._collect(0.0) and time.monotonic() < self._send_until:
            self._move(0.0)
        self._deliver()
        self._share()

    def _finish(self) -> None:
        """Delivers the last entry, and listens to the service's last words."""
        assert self._finish_entry is not None
        self._report_drops(now=True)  # only now: what was just delivered may have been refused
        self._append(self._finish_entry)
        self._deliver()
        uplink = self._uplink
        if uplink is not None and uplink.registered and self._outbox.empty:
            uplink.half_close()
            until = min(self._send_until, time.monotonic() + _LAST_WORDS)
            while uplink.registered and time.monotonic() < until:
                uplink.wait(until - time.monotonic())

    def _deliver(self) -> None:
        uplink = self._uplink
        while uplink is not None and not self._outbox.empty and time.monotonic() < self._send_until:
            # A service that was there may be restarting. One that never was is not worth the user's time.
            if uplink.failures > self._failures_before_closing and not uplink.reached:
                return
            self._move(min(FLUSH_INTERVAL, self._send_until - time.monotonic()))

    def _share(self) -> None:
        """Waits for a sample to arrive, as long as there is somebody to take it."""
        uplink, sharing = self._uplink, self._sharing
        while uplink is not None and sharing is not None and sharing.pending and uplink.registered:
            if time.monotonic() >= self._send_until:
                return
            self._move(min(FLUSH_INTERVAL, self._send_until - time.monotonic()))

    def _end(self) -> None:
        try:
            while self._collect(0.0):
                self._outbox.persist()
        finally:
            kept = self._outbox.close()
            if self._sharing is not None:
                self._sharing.close()
            if self._uplink is not None:
                self._uplink.disconnect()
            self._drops.announce()
        if kept:
            self._on_kept()

    def _move(self, timeout: float) -> None:
        if self._uplink is None:
            self._outbox.persist()
            self._drops.announce()
            with suppress(Empty):
                self._inbox.get(timeout=timeout)
            return
        self._uplink.work()
        if self._sharing is not None:
            self._sharing.work(self._uplink.registered)
        self._outbox.persist_impatient()
        self._drops.announce()
        self._uplink.wait(timeout)

    def _collect(self, older_than: float) -> bool:
        """Encodes what the buffer has; whether there may be more."""
        encoded = 0
        while encoded < _PASS_BYTES:
            item = self._buffer.take(older_than)
            if item is None:
                return False
            rows = item.count if isinstance(item, Chunk) else len(item.steps) if isinstance(item, Columns) else 1
            try:
                encoded += self._encode(item)
            except Exception as error:
                self._drops.add("internal_error", rows, f"cannot encode: {type(error).__name__}: {error}")
        return True

    def _encode(self, item: Item) -> int:
        if isinstance(item, Chunk):
            try:
                return self._append_rows(item.columns())
            finally:
                self._buffer.recycle(item)
        if isinstance(item, Columns):
            return self._append_rows(item)
        return self._append(item)

    def _append_rows(self, columns: Columns) -> int:
        limit = MAX_REQUEST_BYTES - _SEQUENCE_BYTES
        size = 0
        for piece in split(columns, limit):
            rows = len(piece.steps)
            if size_bound(piece) > limit:
                self._drops.add("oversized", rows, f"a row of step {piece.steps[0]} exceeds {MAX_REQUEST_BYTES} bytes")
                continue
            body = encode_batch(piece)
            self._outbox.append(body, rows)
            size += len(body)
        return size

    def _append(self, message: Message) -> int:
        limit = MAX_REQUEST_BYTES - 2 * _SEQUENCE_BYTES
        parts = split_description(message, limit) if isinstance(message, RunDescription) else (message,)
        size = 0
        for part in parts:
            body = encode_message(part)
            if len(body) > MAX_REQUEST_BYTES - _SEQUENCE_BYTES:
                self._drops.add("oversized", 1, f"a {type(part).__name__} exceeds {MAX_REQUEST_BYTES} bytes")
                if isinstance(part, RunDescription) and part.tensors:
                    self._buffer.refuse_norms()
                continue
            self._outbox.append(body, 0)
            size += len(body)
        return size

    def _report_drops(self, now: bool = False) -> None:
        reachable = self._uplink is not None and self._uplink.registered
        due = reachable and time.monotonic() - self._last_report >= _DROP_REPORT_INTERVAL
        if not (now or due):
            return
        self._last_report = time.monotonic()
        for reason, rows in self._drops.take_unreported().items():
            step = self._buffer.last_step
            self._append(RunEvent(time=time.time(), step=step, dropped=Dropped(reason=reason, rows=rows)))

    def _guarded(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception as error:
            if not self._complained:
                self._complained = True
                say(
                    logging.WARNING,
                    "run %s: an error inside Paramedic: %s: %s; the training is not affected",
                    self._label,
                    type(error).__name__,
                    error,
                )
                say(logging.DEBUG, "run %s: its traceback", self._label, traceback=True)
            self._recover()

    def _recover(self) -> None:
        try:
            if self._uplink is not None:
                self._uplink.postpone()
        except Exception:
            say(logging.DEBUG, "run %s: cannot drop the connection", self._label, traceback=True)
        time.sleep(FLUSH_INTERVAL)  # whatever it was, it must not spin

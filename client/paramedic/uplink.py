"""Keeps a stream to the service open and moves the outbox through it."""

import logging
import math
import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeAlias

import grpc
from google.protobuf.message import DecodeError

from paramedic.backoff import Backoff
from paramedic.drops import Drops
from paramedic.outbox import Outbox
from paramedic.speech import say
from paramedic.transport import Delivered, Endpoint, Stream, StreamEnded
from paramedic.v1.finding_pb2 import Finding
from paramedic.v1.telemetry_pb2 import (
    Acknowledged,
    Registered,
    Rejected,
    ReproductionEnded,
    StreamTelemetryRequest,
    StreamTelemetryResponse,
    Throttle,
)

WINDOW_ENTRIES = 64
WINDOW_BYTES = 4 * 1024 * 1024
MAX_PAUSE = 60.0

Arrival: TypeAlias = tuple[Stream, Delivered] | None

_ADVICE = {
    grpc.StatusCode.UNAVAILABLE: "is `paramedic serve` running there? See PARAMEDIC_URL",
    grpc.StatusCode.UNAUTHENTICATED: "see PARAMEDIC_TOKEN",
    grpc.StatusCode.PERMISSION_DENIED: "see PARAMEDIC_TOKEN",
    grpc.StatusCode.UNIMPLEMENTED: "is that a Paramedic service?",
}


class ProtocolError(Exception):
    """The service says something that cannot be."""


class Uplink:
    """The client's side of the conversation. Used by one thread, which waits on the inbox.

    Attributes:
        inbox: What happened: an answer or an end with the stream it came from, or None to wake the owner.
        guard: Held while grpc is called, and across a fork.
        failure: Why the last attempt ended; None while there was none, or since it went well.
        failures: Attempts that ended without progress, in a row.
        reached: Whether the service ever answered.
        settled: Highest sequence the service has answered for.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        registration: bytes,
        outbox: Outbox,
        inbox: SimpleQueue[Arrival],
        drops: Drops,
        on_finding: Callable[[Finding], None],
        on_reproduction: Callable[[ReproductionEnded], None],
        on_table_refused: Callable[[], None],
        label: str,
    ) -> None:
        """Prepares; the first `work` connects.

        Args:
            endpoint: Where the service is.
            registration: First request of every stream.
            outbox: What is to be delivered.
            inbox: Where arrivals are put; its owner may put None, to be woken.
            drops: Where rejections are counted.
            on_finding: Takes every finding that arrives.
            on_reproduction: Takes every reproduction of the run that ended.
            on_table_refused: Called when the service refuses the tensor table.
            label: Names the run in log lines.
        """
        self.inbox = inbox
        self.guard = threading.RLock()
        self.failure: StreamEnded | None = None
        self.failures = 0
        self.reached = False
        self.settled = 0
        self._endpoint = endpoint
        self._registration = registration
        self._outbox = outbox
        self._drops = drops
        self._on_finding = on_finding
        self._on_reproduction = on_reproduction
        self._on_table_refused = on_table_refused
        self._label = label
        self._stream: Stream | None = None
        self._registered = False
        self._ending = False  # we said that nothing more comes
        self._backoff = Backoff()
        self._connect_at = 0.0
        self._hold_until = 0.0
        self._warned: set[grpc.StatusCode] = set()

    @property
    def registered(self) -> bool:
        """Whether the service listens."""
        return self._registered

    def retry_now(self) -> None:
        """Ends the wait before the next attempt, and begins with short waits again."""
        self._connect_at = 0.0
        self._backoff.reset()

    def work(self) -> None:
        """Connects when it is time to, and sends what the window has room for."""
        now = time.monotonic()
        if self._stream is None:
            if now < self._connect_at:
                return
            try:
                with self.guard:
                    self._stream = Stream(self._endpoint, self._deliver, self.inbox.qsize)
            except Exception as error:  # no thread is to be had: the interpreter is shutting down, or at a limit
                self._fail(StreamEnded(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{type(error).__name__}: {error}"))
                return
            self._stream.send(self._registration)
        if not self._registered or now < self._hold_until:
            return
        while self._outbox.in_flight < WINDOW_ENTRIES and self._outbox.in_flight_bytes < WINDOW_BYTES:
            request = self._outbox.take()
            if request is None:
                return
            self._stream.send(request)

    def wait(self, timeout: float) -> None:
        """Waits for something to happen, and handles all that did.

        Args:
            timeout: At most so long, seconds.
        """
        now = time.monotonic()
        for deadline in (self._connect_at if self._stream is None else 0.0, self._hold_until):
            if deadline > now:
                timeout = min(timeout, deadline - now)
        try:
            self._handle(self.inbox.get(timeout=max(timeout, 0.0)))
            for _ in range(self.inbox.qsize()):
                self._handle(self.inbox.get_nowait())
        except Empty:
            return

    def half_close(self) -> None:
        """Says that nothing more comes; the service may have a last word."""
        if self._stream is not None:
            self._ending = True
            self._stream.half_close()

    def disconnect(self) -> None:
        """Drops the connection, and takes back what was not settled."""
        stream, self._stream, self._registered = self._stream, None, False
        self._hold_until = 0.0
        self._outbox.rewind()
        if stream is not None:
            with self.guard:
                stream.close()

    def postpone(self) -> None:
        """Drops the connection for a reason of our own, and waits a while before the next."""
        self.disconnect()
        self._connect_at = time.monotonic() + self._backoff.delay()

    def _fail(self, failure: StreamEnded) -> None:
        """Drops the connection and waits a while before the next."""
        self.postpone()
        self.failure = failure
        self.failures += 1
        self._outbox.persist()
        if failure.code not in self._warned:
            self._warned.add(failure.code)
            advice = _ADVICE.get(failure.code)
            say(
                logging.WARNING,
                "run %s: no connection to the service at %s: %s: %s%s. Telemetry is kept and sent later",
                self._label,
                self._endpoint.target,
                failure.code.name,
                " ".join(failure.details.split())[:500],
                f" ({advice})" if advice else "",
            )

    def _deliver(self, stream: Stream, delivered: Delivered) -> None:
        self.inbox.put((stream, delivered))

    def _handle(self, arrival: Arrival) -> None:
        if arrival is None or arrival[0] is not self._stream:  # a wake-up, or the echo of an earlier stream
            return
        delivered = arrival[1]
        if isinstance(delivered, StreamEnded):
            if self._ending:
                self.disconnect()
            else:
                self._fail(delivered)
            return
        try:
            self._answer(StreamTelemetryResponse.FromString(delivered))
        except DecodeError:
            self._fail(StreamEnded(grpc.StatusCode.DATA_LOSS, "the service sent bytes that are no answer"))
        except ProtocolError as error:
            self._fail(StreamEnded(grpc.StatusCode.DATA_LOSS, str(error)))

    def _answer(self, response: StreamTelemetryResponse) -> None:
        match response.WhichOneof("message"):
            case "registered":
                self._on_registered(response.registered)
            case "acknowledged":
                self._on_acknowledged(response.acknowledged)
            case "rejected":
                self._on_rejected(response.rejected)
            case "finding":
                self._on_finding(response.finding)
            case "throttle":
                self._on_throttle(response.throttle)
            case "reproduction":
                self._on_reproduction(response.reproduction)
            case _:  # of a newer service
                pass

    def _on_registered(self, registered: Registered) -> None:
        if self._registered:
            raise ProtocolError("the service registered the run twice")
        try:
            self._outbox.resume(registered.last_durable_sequence)
        except ValueError as error:
            raise ProtocolError(str(error)) from error
        self.settled = max(self.settled, registered.last_durable_sequence)
        self._registered = True
        self.reached = True

    def _on_acknowledged(self, acknowledged: Acknowledged) -> None:
        if not self._registered or acknowledged.sequence > self._outbox.highest_sent:
            raise ProtocolError(f"the service acknowledged sequence {acknowledged.sequence}, which was never sent")
        self._outbox.settle(acknowledged.sequence)
        self._progress(acknowledged.sequence)

    def _on_rejected(self, rejected: Rejected) -> None:
        field, reason = (" ".join(text.split())[:500] for text in (rejected.field, rejected.reason))
        why = f"the service refused {field}: {reason}"
        if not self._registered:
            raise ProtocolError(f"the run is refused: {field}: {reason}")
        refused = self._outbox.reject(rejected.sequence)
        if refused is None:
            self._drops.add("rejected", 0, why, field)
            return
        entry = StreamTelemetryRequest.FromString(refused)
        self._drops.add("rejected", len(entry.batch.steps), why, field)
        if entry.description.tensors:
            self._on_table_refused()
        self._progress(rejected.sequence)

    def _on_throttle(self, throttle: Throttle) -> None:
        if math.isfinite(throttle.pause) and throttle.pause > 0:
            self._hold_until = time.monotonic() + min(throttle.pause, MAX_PAUSE)

    def _progress(self, sequence: int) -> None:
        # A service that accepts and closes at once makes none, and is not worth hammering.
        self.settled = max(self.settled, sequence)
        self.failure = None
        self.failures = 0
        if self._warned:
            say(logging.INFO, "run %s: the service at %s is back", self._label, self._endpoint.target)
            self._warned.clear()
        self._backoff.reset()

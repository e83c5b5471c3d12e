"""The stream to the service, on grpc's own threads."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TypeAlias

import grpc

METHOD = "/paramedic.v1.TelemetryService/StreamTelemetry"

# Answers that wait for the sender; a service that floods us is read no faster than this.
_MAX_WAITING = 1000
_MAX_MESSAGE_BYTES = 4 * 1024 * 1024
_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    # Each attempt is a fresh channel under our own backoff: it must not inherit a shared connection's.
    ("grpc.use_local_subchannel_pool", 1),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the service listens, and how to be let in.

    Attributes:
        target: "host:port".
        tls: Whether the connection is encrypted.
        authority: PEM certificates that vouch for the service; None: the system's.
        token: Bearer token; None: none.
    """

    target: str
    tls: bool = False
    authority: bytes | None = None
    token: str | None = field(default=None, repr=False)

    def channel(self) -> grpc.Channel:
        """Makes a channel; it connects in the background."""
        if self.tls:
            return grpc.secure_channel(self.target, grpc.ssl_channel_credentials(self.authority), _OPTIONS)
        return grpc.insecure_channel(self.target, _OPTIONS)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Sent with every call."""
        return () if self.token is None else (("authorization", f"Bearer {self.token}"),)


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """The last thing a stream delivers.

    Attributes:
        code: Why.
        details: In the words of the service or of grpc.
    """

    code: grpc.StatusCode
    details: str


Delivered: TypeAlias = bytes | StreamEnded


class Stream:
    """One call of StreamTelemetry. Nothing here blocks; what arrives is delivered from a thread of its own."""

    def __init__(
        self,
        endpoint: Endpoint,
        deliver: Callable[["Stream", Delivered], None],
        waiting: Callable[[], int],
    ) -> None:
        """Opens the call.

        Args:
            endpoint: Where to.
            deliver: Takes each answer, as raw bytes, and in the end the reason of the end.
            waiting: How many answers were delivered and not yet looked at.
        """
        self._deliver = deliver
        self._waiting = waiting
        self._closed = threading.Event()
        self._requests: SimpleQueue[bytes | None] = SimpleQueue()
        self._channel = endpoint.channel()
        # Raw bytes both ways: what cannot be parsed is for us to judge.
        method: grpc.StreamStreamMultiCallable[bytes, bytes] = self._channel.stream_stream(METHOD)
        self._call = method(iter(self._requests.get, None), metadata=endpoint.metadata)
        threading.Thread(target=self._read, name="paramedic-reader", daemon=True).start()

    def send(self, request: bytes) -> None:
        """Queues a request."""
        self._requests.put(request)

    def half_close(self) -> None:
        """Says that no more requests follow."""
        self._requests.put(None)

    def close(self) -> None:
        """Ends the call and the connection."""
        self._closed.set()
        self._requests.put(None)  # lets grpc's thread out of the iterator
        self._call.cancel()
        self._channel.close()

    def _read(self) -> None:
        ended = StreamEnded(grpc.StatusCode.OK, "the service closed the stream")
        try:
            for answer in self._answers():
                self._deliver(self, answer)
        except grpc.RpcError as error:
            code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
            details = error.details() if isinstance(error, grpc.Call) else str(error)
            ended = StreamEnded(code, details or "")
        except Exception as error:
            ended = StreamEnded(grpc.StatusCode.UNKNOWN, f"{type(error).__name__}: {error}")
        self._requests.put(None)
        self._deliver(self, ended)

    def _answers(self) -> Iterator[bytes]:
        for answer in self._call:
            yield answer
            while self._waiting() > _MAX_WAITING:
                if self._closed.wait(0.05):
                    return

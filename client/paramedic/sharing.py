"""Delivers a shared sample, beside the telemetry and after the run is registered."""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

import grpc
from google.protobuf.message import DecodeError

from paramedic.backoff import Backoff
from paramedic.sample import Sample
from paramedic.speech import say
from paramedic.transport import Endpoint, StreamEnded
from paramedic.v1.run_pb2 import RunIdentity
from paramedic.v1.telemetry_pb2 import ShareSampleResponse

METHOD = "/paramedic.v1.TelemetryService/ShareSample"

_PATIENCE = 120.0
_MAX_ATTEMPTS = 5

# These may pass; the others say the same of the same sample again.
_PASSING = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.NOT_FOUND,
    }
)


class Sharing:
    """The newest sample that a run shares, until the service has it. Used by the sender's thread but for `offer`.

    Args:
        endpoint: Where to.
        run: Whose sample it is.
        guard: Held while grpc is called, and across a fork.
        wake: Wakes the sender.
        label: Names the run in log lines.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        run: RunIdentity,
        guard: AbstractContextManager[object],
        wake: Callable[[], None],
        label: str,
    ) -> None:
        self._endpoint = endpoint
        self._run = run
        self._guard = guard
        self._wake = wake
        self._label = label
        self._offered: Sample | None = None
        self._call: _Call | None = None
        self._attempts = 0
        self._not_before = 0.0
        self._backoff = Backoff()

    @property
    def pending(self) -> bool:
        """Whether there is a sample that the service does not have."""
        return self._offered is not None or self._call is not None

    def offer(self, sample: Sample) -> None:
        """Takes a sample in place of one that waits. For the training's thread."""
        self._offered = sample
        self._wake()

    def work(self, registered: bool) -> None:
        """Begins to send what waits, and looks after what is being sent.

        Args:
            registered: Whether the service knows the run.
        """
        if self._call is not None and self._call.done:
            self._settle(self._call)
        if self._call is None and self._offered is not None and registered and time.monotonic() >= self._not_before:
            sample, self._offered = self._offered, None
            with self._guard:
                self._call = _Call(self._endpoint, self._run, sample, self._wake)

    def close(self) -> None:
        """Gives up what the service does not have."""
        if self._call is not None and self._call.done:
            self._settle(self._call)
        if self.pending:
            self._warn("the run ended before the service had it")
        self._offered = None
        self._hang_up()

    def _settle(self, call: "_Call") -> None:
        outcome = call.outcome()
        self._hang_up()
        if isinstance(outcome, int):
            self._attempts = 0
            say(
                logging.INFO,
                "run %s: the service keeps %d of %d samples (%.1f MiB) for reproductions of this run",
                self._label,
                outcome,
                call.sample.available,
                call.sample.size / 2**20,
            )
        elif outcome.code in _PASSING and self._attempts + 1 < _MAX_ATTEMPTS:
            self._attempts += 1
            self._not_before = time.monotonic() + self._backoff.delay()
            if self._offered is None:  # otherwise a newer one has taken its place
                self._offered = call.sample
        else:
            self._attempts = 0
            self._warn(f"{outcome.code.name}: {outcome.details}")

    def _hang_up(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            with self._guard:
                call.close()

    def _warn(self, why: str) -> None:
        say(logging.WARNING, "run %s: the sample was not shared: %s", self._label, " ".join(why.split())[:500])


class _Call:
    """One call of ShareSample, on grpc's own threads."""

    def __init__(self, endpoint: Endpoint, run: RunIdentity, sample: Sample, wake: Callable[[], None]) -> None:
        self.sample = sample
        self._channel = endpoint.channel()
        method: grpc.StreamUnaryMultiCallable[bytes, bytes] = self._channel.stream_unary(METHOD)
        self._future = method.future(sample.requests(run), timeout=_PATIENCE, metadata=endpoint.metadata)
        self._future.add_done_callback(lambda _: wake())

    @property
    def done(self) -> bool:
        """Whether it ended."""
        return bool(self._future.done())

    def outcome(self) -> int | StreamEnded:
        """Samples that the service keeps, or why it keeps none, of a call that ended."""
        code = self._future.code()
        if code is not grpc.StatusCode.OK:
            return StreamEnded(code, self._future.details() or "")
        try:
            return int(ShareSampleResponse.FromString(self._future.result()).samples)
        except DecodeError:
            return StreamEnded(grpc.StatusCode.DATA_LOSS, "the service sent bytes that are no answer")

    def close(self) -> None:
        """Ends the call and the connection."""
        self._future.cancel()
        self._channel.close()

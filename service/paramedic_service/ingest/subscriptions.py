"""Findings for whoever watches, in bounded queues."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from paramedic_service.ingest.errors import StoppingError, TooSlowError
from paramedic_service.rules.finding import Finding
from paramedic_service.store.records import RunKey

CAPACITY = 1000  # findings that a watcher may lag behind


@dataclass(frozen=True, slots=True)
class FindingChange:
    """A finding that changed.

    Attributes:
        run: The run it was found in.
        finding: Its new version.
    """

    run: RunKey
    finding: Finding


class Subscription:
    """One watcher's queue."""

    def __init__(self, wanted: Callable[[FindingChange], bool]) -> None:
        self._wanted = wanted
        self._queue: deque[FindingChange] = deque()
        self._changed = asyncio.Event()
        self._end: Exception | None = None

    @property
    def too_slow(self) -> bool:
        """Whether it was given up because nobody emptied it."""
        return isinstance(self._end, TooSlowError)

    def offer(self, change: FindingChange) -> None:
        """Queues a change that the watcher asked for."""
        if self._end is not None or not self._wanted(change):
            return
        if len(self._queue) >= CAPACITY:
            self._queue.clear()
            self.end(TooSlowError(f"more than {CAPACITY} changes wait to be read; list the findings, then watch again"))
            return
        self._queue.append(change)
        self._changed.set()

    def end(self, reason: Exception) -> None:
        """Ends the watch once the queue is empty, with a reason."""
        self._end = reason
        self._changed.set()

    async def changes(self) -> AsyncIterator[FindingChange]:
        """Yields changes as they come.

        Raises:
            TooSlowError: They were not taken as fast as they came.
            StoppingError: The service stops.
        """
        while True:
            while self._queue:
                yield self._queue.popleft()
            if self._end is not None:
                raise self._end
            self._changed.clear()
            await self._changed.wait()


class Subscriptions:
    """Everybody who watches."""

    def __init__(self) -> None:
        self._members: set[Subscription] = set()

    @contextmanager
    def open(self, wanted: Callable[[FindingChange], bool]) -> Iterator[Subscription]:
        """Watches from now on until the context ends.

        Args:
            wanted: Tells the changes that this watcher asks for.
        """
        subscription = Subscription(wanted)
        self._members.add(subscription)
        try:
            yield subscription
        finally:
            self._members.discard(subscription)

    def publish(self, change: FindingChange) -> None:
        """Hands a change to everybody who asked for it."""
        for subscription in self._members:
            subscription.offer(change)

    def close(self) -> None:
        """Ends every watch."""
        for subscription in self._members:
            subscription.end(StoppingError("the service is stopping; watch again when it is back"))

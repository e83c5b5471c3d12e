"""One reproduction that has not ended, in memory, and those who watch it."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from enum import Enum, auto

from paramedic.v1.reproduction_pb2 import Reproduction, WatchReproductionResponse
from paramedic_service.ingest.errors import StoppingError
from paramedic_service.reproduction.records import training_without_curves, without_curves
from paramedic_service.store.records import ReproductionState


class Stop(Enum):
    """Why a job that runs is asked to stop."""

    CANCEL = auto()
    DRAIN = auto()


class Watcher:
    """What one caller has not been told yet: at most every training, and one progress behind each."""

    def __init__(self) -> None:
        self._changes: deque[WatchReproductionResponse] = deque()
        self._changed = asyncio.Event()
        self._end: Exception | None = None
        self._over = False

    def tell(self, change: WatchReproductionResponse) -> None:
        """Queues a change; a newer progress takes the place of one that was not read."""
        if change.HasField("progress") and self._changes and self._changes[-1].HasField("progress"):
            self._changes.pop()
        self._changes.append(change)
        self._changed.set()

    def end(self, reason: Exception | None = None) -> None:
        """Ends the watch once everything is read; with an error when there is a reason."""
        self._over = True
        self._end = reason
        self._changed.set()

    async def changes(self) -> AsyncIterator[WatchReproductionResponse]:
        """Yields changes as they come, until the end.

        Raises:
            StoppingError: The service stops.
        """
        while True:
            while self._changes:
                yield self._changes.popleft()
            if self._over:
                if self._end is not None:
                    raise self._end
                return
            self._changed.clear()
            await self._changed.wait()


class LiveReproduction:
    """A reproduction that is queued or runs.

    Args:
        message: It, with curves; changed in place.
        number: The store's name of it.
        losses: How often what ran it died under it.

    Attributes:
        stored: Its state in the store.
        training: What runs it; None while nothing does.
        stop: Why it was asked to stop; None: it was not.
        ended: Set when it is over, or no longer this service's.
    """

    def __init__(self, message: Reproduction, number: int, losses: int = 0) -> None:
        self.message = message
        self.number = number
        self.losses = losses
        self.stored = ReproductionState(message.state)
        self.training: asyncio.Task[None] | None = None
        self.stop: Stop | None = None
        self.ended = asyncio.Event()
        self._watchers: set[Watcher] = set()

    def ask_to_stop(self, why: Stop) -> None:
        """Ends what runs it, now or as soon as it begins; who asked first has its way."""
        self.stop = self.stop or why
        if self.training is not None:
            self.training.cancel()

    def apply(self, event: WatchReproductionResponse) -> None:
        """Takes in what its worker says, and tells the watchers."""
        match event.WhichOneof("change"):
            case "progress":
                self.message.progress.CopyFrom(event.progress)
                self._tell(event)
            case "training":
                self.message.trainings.append(event.training)
                self._tell(WatchReproductionResponse(training=training_without_curves(event.training)))
            case "reproduction":
                self.message.device = event.reproduction.device
                self.announce()

    def announce(self) -> None:
        """Tells the watchers all of it."""
        if self._watchers:
            self._tell(self._snapshot())

    def release(self, reason: Exception | None = None) -> None:
        """Ends all watches."""
        for watcher in self._watchers:
            watcher.end(reason)
        self.ended.set()

    @contextmanager
    def watch(self) -> Iterator[Watcher]:
        """Watches from now on until the context ends; the first change is all of it."""
        watcher = Watcher()
        watcher.tell(self._snapshot())
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def _snapshot(self) -> WatchReproductionResponse:
        return WatchReproductionResponse(reproduction=without_curves(self.message))

    def _tell(self, change: WatchReproductionResponse) -> None:
        for watcher in self._watchers:
            watcher.tell(change)


STOPPING = StoppingError("the service is stopping; watch again when it is back: the reproduction goes on then")

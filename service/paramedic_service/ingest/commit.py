"""Group commit: whatever waits becomes durable together, so that many pay for one transaction."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import structlog

from paramedic_service.ingest.session import Promise
from paramedic_service.instruments import Instruments
from paramedic_service.store.interface import Store

MAX_GROUP_BYTES = 4 * 1024 * 1024
MAX_QUEUED_BYTES = 64 * 1024 * 1024  # beyond it, nothing more is taken in
# From the beginning of one group to that of the next. Under load this fills groups, and everything that is done once a
# group costs less an entry; an entry that comes after a pause does not wait.
GROUP_SECONDS = 0.01
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between attempts while the store fails

_log = structlog.get_logger(__name__)


class GroupCommit:
    """Makes promises durable, in their order, and hands them on to be settled.

    Two stages work at the same time: a worker thread writes one group while the event loop judges the one before. A
    store that fails is tried again until it takes the group: nothing is lost, and nothing is acknowledged meanwhile.

    Args:
        store: Where entries go.
        instruments: Where durations and failures are counted.
        settle: Judges and acknowledges a durable group, given with the positions of its entries.
        hold_back: Told about every failure: the seconds until the next attempt, and why.
    """

    def __init__(
        self,
        store: Store,
        instruments: Instruments,
        settle: Callable[[Sequence[Promise], Sequence[int]], Awaitable[None]],
        hold_back: Callable[[float, str], None],
    ) -> None:
        self._store = store
        self._instruments = instruments
        self._settle = settle
        self._hold_back = hold_back
        self._queue: deque[Promise] = deque()
        self._queued_bytes = 0
        # Asked for when somebody looks, which is seldom, instead of told with every entry.
        instruments.queued_bytes.set_function(lambda: self._queued_bytes)
        self._filled = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        # One group may wait to be judged while the next is written; more would only grow the delay.
        self._durable: asyncio.Queue[tuple[Sequence[Promise], Sequence[int]]] = asyncio.Queue(1)
        # A thread of its own, so that long reads in the shared pool never hold up what is to become durable.
        self._writer = ThreadPoolExecutor(1, "paramedic-commit")
        self._tasks: list[asyncio.Task[None]] = []
        self._trouble: str | None = None

    @property
    def trouble(self) -> str | None:
        """Why nothing becomes durable or judged now; None while everything works."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                return (
                    f"a defect of this service: {task.exception()!r}; restart it, the log has everything acknowledged"
                )
        return self._trouble

    def start(self) -> None:
        """Starts both stages."""
        self._tasks = [asyncio.create_task(self._commit_forever()), asyncio.create_task(self._settle_forever())]
        for task in self._tasks:
            task.add_done_callback(_report_defect)

    async def stop(self) -> None:
        """Stops; what is still queued is neither stored nor acknowledged."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._writer.shutdown(wait=True)

    def submit(self, promise: Promise) -> None:
        """Queues an entry."""
        self._queue.append(promise)
        self._queued_bytes += len(promise.record.body)
        self._filled.set()
        if self._queued_bytes > MAX_QUEUED_BYTES:
            self._room.clear()

    async def room(self) -> None:
        """Waits until another entry may be queued."""
        if not self._room.is_set():
            await self._room.wait()

    async def _commit_forever(self) -> None:
        loop = asyncio.get_running_loop()
        begun = -GROUP_SECONDS
        while True:
            await self._filled.wait()
            await asyncio.sleep(begun + GROUP_SECONDS - loop.time())
            begun = loop.time()
            group = self._take()
            positions = await self._append(group)
            await self._durable.put((group, positions))

    async def _settle_forever(self) -> None:
        while True:
            group, positions = await self._durable.get()
            await self._settle(group, positions)

    def _take(self) -> list[Promise]:
        group: list[Promise] = []
        size = 0
        while self._queue and size < MAX_GROUP_BYTES:
            promise = self._queue.popleft()
            group.append(promise)
            size += len(promise.record.body)
        self._queued_bytes -= size
        if not self._queue:
            self._filled.clear()
        if self._queued_bytes <= MAX_QUEUED_BYTES:
            self._room.set()
        return group

    async def _append(self, group: Sequence[Promise]) -> list[int]:
        records = [promise.record for promise in group]
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            try:
                with self._instruments.commit_seconds.time():
                    positions = await loop.run_in_executor(self._writer, self._store.append, records)
            except Exception as error:  # whatever the store fails with, these entries must not be lost
                self._trouble = str(error)
                self._instruments.commit_failures.inc()
                _log.error("the store refused a group of entries, trying again", error=str(error), pause=pause)
                self._hold_back(pause, f"the store does not take entries: {error}")
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            else:
                self._trouble = None
                self._instruments.commit_entries.observe(len(group))
                return positions


def _report_defect(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("ingest stopped on a defect; restart the service", exc_info=error)

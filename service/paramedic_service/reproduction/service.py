"""Reproductions for everybody who asks: queued, followed, cancelled, and kept."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable

from paramedic.v1.reproduction_pb2 import (
    REPRODUCTION_STATE_QUEUED,
    Reproduction,
    ReproductionProgress,
    ReproductionSpec,
    WatchReproductionResponse,
)
from paramedic_service.ingest.errors import StoppingError
from paramedic_service.ingest.translation import identity_to_message
from paramedic_service.reproduction.errors import QueueFullError, ReproductionNotFoundError
from paramedic_service.reproduction.executors.interface import Executor
from paramedic_service.reproduction.live import LiveReproduction
from paramedic_service.reproduction.queue import Queue, Stages
from paramedic_service.reproduction.records import to_record, without_curves
from paramedic_service.store.interface import Store
from paramedic_service.store.records import Page, ReproductionRecord, ReproductionState, RunKey

DEFAULT_PROJECT = "reproductions"


class ReproductionService:
    """Takes requests, and has them run one after another.

    Lives on one event loop; nothing here may be called from another thread.

    Args:
        store: Where reproductions are kept.
        executor: What trains them.
        stages: What surrounds their training.
        check: Plans a specification as its worker will, and gives the progress it begins with; raises `SpecError`.
            Called in a worker thread.
        most_waiting: How many may be queued or run at a time.
        clock: Service clock, seconds since the Unix epoch.
    """

    def __init__(
        self,
        store: Store,
        executor: Executor,
        stages: Stages,
        check: Callable[[ReproductionSpec], ReproductionProgress],
        *,
        most_waiting: int = 1000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._executor = executor
        self._check = check
        self._most_waiting = most_waiting
        self._clock = clock
        self._queue = Queue(store, executor, stages, clock)
        self._state = "starting"

    @property
    def waiting(self) -> int:
        """Reproductions that wait for a device."""
        return self._queue.waiting

    @property
    def running(self) -> int:
        """Reproductions that run."""
        return self._queue.running

    async def start(self) -> None:
        """Takes up what an earlier service left, and begins to run it.

        Raises:
            StoreError: The store failed.
            OSError: Nothing can be run on this machine.
        """
        await self._executor.start()
        for record in await asyncio.to_thread(self._store.unsettled_reproductions):
            message = Reproduction.FromString(record.body)
            if record.state.ended:
                self._queue.settle(message, record.number, record.losses)
                continue
            live = LiveReproduction(message, record.number, record.losses)
            if record.state is ReproductionState.RUNNING:
                await self._queue.recover(live)
            else:
                self._queue.add(live)
        self._state = "serving"
        self._queue.open()

    async def stop(self, grace: float) -> None:
        """Ends what runs; it and what waits go on when a service is started again.

        Args:
            grace: How long the store may take to hear of it, seconds.
        """
        self._state = "stopping"
        await self._queue.close(grace)
        await self._executor.close()

    async def create(
        self,
        spec: ReproductionSpec,
        *,
        project: str = DEFAULT_PROJECT,
        run: RunKey | None = None,
        incident: str = "",
        scenario: str = "",
        priority: int = 0,
        automatic: bool = False,
    ) -> Reproduction:
        """Queues a reproduction.

        Args:
            spec: What to train; hostile until this has checked it.
            project: It belongs to.
            run: That it reproduces.
            incident: Of that run.
            scenario: It was made from.
            priority: Higher ones run first.
            automatic: Whether the service asked for it by itself.

        Raises:
            SpecError: The specification cannot be reproduced; the message names the field.
            QueueFullError: As many are queued as may be.
            StoppingError: The service stops.
            StoreError: The store failed.
        """
        self._refuse_when_stopping()
        if len(self._queue.live) >= self._most_waiting:
            raise QueueFullError(
                f"{len(self._queue.live)} reproductions are queued, and this service takes no more; cancel some, try"
                " again when some have ended, or raise PARAMEDIC_REPRODUCTION_QUEUE"
            )
        progress = await asyncio.to_thread(self._check, spec)
        message = Reproduction(
            id=secrets.token_hex(6),
            project=project,
            run=None if run is None else identity_to_message(run),
            incident=incident,
            scenario=scenario,
            spec=spec,
            state=REPRODUCTION_STATE_QUEUED,
            priority=priority,
            created_at=self._clock(),
            progress=progress,
            automatic=automatic,
        )
        record = await asyncio.to_thread(self._store.create_reproduction, to_record(message))
        created = without_curves(message)
        if self._state == "serving":
            self._queue.add(LiveReproduction(message, record.number))
        return created

    async def get(self, id: str) -> tuple[Reproduction, str]:  # noqa: A002
        """A reproduction as it stands, with curves, and its report; the report is empty until it ended.

        Raises:
            ReproductionNotFoundError: There is none of this id.
            StoreError: The store failed.
        """
        live = self._queue.live.get(id)
        if live is not None:
            return live.message, ""
        record = await self._record(id)
        result = await asyncio.to_thread(self._store.reproduction_result, record.number)
        if result is None:
            return Reproduction.FromString(record.body), ""
        return Reproduction.FromString(result.body), result.report

    async def list(
        self,
        *,
        project: str | None = None,
        run_id: str | None = None,
        state: ReproductionState | None = None,
        limit: int = 100,
        token: str | None = None,
    ) -> Page[Reproduction]:
        """Lists reproductions, newest first, without curves; arguments as in `Store.list_reproductions`.

        Raises:
            ValueError: The token is not one of this listing's.
            StoreError: The store failed.
        """
        page = await asyncio.to_thread(
            self._store.list_reproductions, project=project, run_id=run_id, state=state, limit=limit, token=token
        )
        return Page([self._message(record) for record in page.items], page.next_token)

    async def cancel(self, id: str) -> Reproduction:  # noqa: A002
        """Ends a reproduction, and returns when its processes are gone; one that ended stays as it is.

        Raises:
            ReproductionNotFoundError: There is none of this id.
            StoreError: The store failed.
        """
        live = self._queue.live.get(id)
        if live is None:
            return Reproduction.FromString((await self._record(id)).body)
        await self._queue.cancel(live)
        return without_curves(live.message)

    async def watch(self, id: str) -> AsyncIterator[WatchReproductionResponse]:  # noqa: A002
        """Yields the reproduction as it is, then what changes, and at its end all of it again; never curves.

        Raises:
            ReproductionNotFoundError: There is none of this id.
            StoppingError: The service stops; the reproduction goes on when it is back.
            StoreError: The store failed.
        """
        self._refuse_when_stopping()
        live = self._queue.live.get(id)
        if live is None:
            yield WatchReproductionResponse(reproduction=Reproduction.FromString((await self._record(id)).body))
            return
        with live.watch() as watcher:
            async for change in watcher.changes():
                yield change

    def _message(self, record: ReproductionRecord) -> Reproduction:
        live = self._queue.live.get(record.id)
        return Reproduction.FromString(record.body) if live is None else without_curves(live.message)

    async def _record(self, id: str) -> ReproductionRecord:  # noqa: A002
        record = await asyncio.to_thread(self._store.get_reproduction, id)
        if record is None:
            raise ReproductionNotFoundError(f"there is no reproduction {id!r}; list them to see which there are")
        return record

    def _refuse_when_stopping(self) -> None:
        if self._state != "serving":
            raise StoppingError(f"the service is {self._state}; try again when it is back")

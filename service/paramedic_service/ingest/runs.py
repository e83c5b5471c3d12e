"""The runs in memory: how they come, and how they leave."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import structlog

from paramedic_service.ingest.checkpoints import Checkpointer
from paramedic_service.ingest.errors import LimitReachedError
from paramedic_service.ingest.live import LiveRun
from paramedic_service.ingest.ranks import RankGroup
from paramedic_service.ingest.restore import restore
from paramedic_service.ingest.session import ActiveRun
from paramedic_service.instruments import Instruments
from paramedic_service.rules.rulebooks import Rulebooks
from paramedic_service.settings import Settings
from paramedic_service.store.interface import Store
from paramedic_service.store.records import RunKey, RunRecord, RunState

ATTEMPTS_BACK = 16  # that are looked at: some may have died before their first step

_log = structlog.get_logger(__name__)


class ActiveRuns:
    """Every run in memory.

    Args:
        store: Where runs come back from.
        checkpointer: Saves them before they leave.
        rulebooks: What they are judged by.
        settings: How many there may be, and for how long.
        instruments: Where they are counted.
        clock: Service clock, seconds since the Unix epoch.
    """

    def __init__(
        self,
        store: Store,
        checkpointer: Checkpointer,
        rulebooks: Rulebooks,
        settings: Settings,
        instruments: Instruments,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._checkpointer = checkpointer
        self._rulebooks = rulebooks
        self._settings = settings
        self._instruments = instruments
        self._clock = clock
        self._active: dict[RunKey, ActiveRun] = {}
        self._live: dict[RunKey, LiveRun] = {}
        self._groups: dict[tuple[str, str, int], RankGroup] = {}
        self._loading: dict[RunKey, asyncio.Task[ActiveRun]] = {}

    @property
    def live(self) -> Mapping[RunKey, LiveRun]:
        """What is known of every run, read-only."""
        return MappingProxyType(self._live)

    def __iter__(self) -> Iterator[ActiveRun]:
        return iter(tuple(self._active.values()))

    def get(self, key: RunKey) -> ActiveRun | None:
        """The run, if it is in memory."""
        return self._active.get(key)

    @property
    def groups(self) -> Mapping[tuple[str, str, int], RankGroup]:
        """The ranks of every attempt, by project, id and attempt, read-only."""
        return MappingProxyType(self._groups)

    async def restore(self) -> None:
        """Brings back the runs that were under way when the service stopped, the newest first."""
        records = await asyncio.to_thread(self._store.unfolded)
        newest = sorted(records, key=lambda record: record.number, reverse=True)
        if len(newest) > self._settings.max_runs:
            _log.warning("more runs are under way than may be in memory", runs=len(newest))
        for record in newest[: self._settings.max_runs]:
            self._add(record, await asyncio.to_thread(restore, self._store, record, self._rulebooks))

    async def previous(self, key: RunKey) -> tuple[int, int] | None:
        """The latest attempt before one that reported a step of the same rank, and its last step; None without one.

        Raises:
            StoreError: The store failed.
        """
        for attempt in range(key.attempt - 1, max(key.attempt - ATTEMPTS_BACK, 0) - 1, -1):
            earlier = RunKey(key.project, key.id, attempt, key.rank)
            active = self._active.get(earlier)
            if active is not None:
                step = active.frontier.step
            else:
                record = await asyncio.to_thread(self._store.get_run, earlier)
                step = record.last_step if record is not None else None
            if step is not None:
                return attempt, step
        return None

    async def activate(self, key: RunKey, name: str) -> ActiveRun:
        """Brings a run into memory, creating it when it is new.

        Raises:
            LimitReachedError: There are as many runs as may be, and none can leave.
            StoreError: The store failed.
        """
        active = self._active.get(key)
        if active is not None:
            return active
        if key not in self._loading:
            self._loading[key] = asyncio.create_task(self._load(key, name))
        # Whoever else waits for the same run must not suffer when this caller hangs up.
        return await asyncio.shield(self._loading[key])

    async def expire(self) -> None:
        """Lets go of runs that ended or were quiet for too long."""
        now = self._clock()
        expired = [run for run in self._idle() if self._expired(run, now)]
        if expired and await self._checkpointer.save_all(run.live for run in expired):
            for run in expired:
                self._remove_if_idle(run)

    def _expired(self, run: ActiveRun, now: float) -> bool:
        if run.live.ended_at is not None:
            return now - run.live.ended_at > self._settings.metrics_linger
        return now - run.heard_at > self._settings.run_expiry

    async def _load(self, key: RunKey, name: str) -> ActiveRun:
        try:
            if len(self._active) + len(self._loading) > self._settings.max_runs:
                await self._make_room()
            record = await asyncio.to_thread(self._store.register, key, name, self._clock())
            return self._add(record, await asyncio.to_thread(restore, self._store, record, self._rulebooks))
        finally:
            del self._loading[key]

    async def _make_room(self) -> None:
        """Lets go of the run that is least likely to be missed: one that ended, else the quietest."""
        idle = sorted(self._idle(), key=lambda run: (run.live.state is RunState.RUNNING, run.heard_at))
        if not idle or not await self._checkpointer.save_all([idle[0].live]) or not self._remove_if_idle(idle[0]):
            raise LimitReachedError(
                f"{self._settings.max_runs} runs are being reported, and this service takes no more;"
                " raise PARAMEDIC_MAX_RUNS or try again when one has ended"
            )

    def _idle(self) -> list[ActiveRun]:
        return [run for run in self._active.values() if run.session is None and not run.pending]

    def _remove_if_idle(self, run: ActiveRun) -> bool:
        key = run.live.key
        # While it was being saved, a stream may have come.
        if run.session is not None or run.pending or self._active.get(key) is not run:
            return False
        del self._active[key], self._live[key]
        del run.group.members[key.rank]
        if not run.group.members:
            del self._groups[key.project, key.id, key.attempt]
        self._checkpointer.forget(run.live)
        self._instruments.runs.set(len(self._active))
        return True

    def _add(self, record: RunRecord, live: LiveRun) -> ActiveRun:
        key = live.key
        group = self._groups.setdefault((key.project, key.id, key.attempt), RankGroup())
        active = group.members[key.rank] = ActiveRun(live, self._clock(), group)
        if live.state is not RunState.RUNNING and live.ended_at is None:
            live.ended_at = self._clock()
        self._active[live.key] = active
        self._live[live.key] = live
        self._checkpointer.add(live, record)
        self._instruments.runs.set(len(self._active))
        return active

"""Checkpoints: findings and snapshots go to the store beside the hot path, for many runs at once."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

import structlog

from paramedic_service.ingest import snapshot
from paramedic_service.ingest.incident_messages import incidents_to_record
from paramedic_service.ingest.live import LiveRun
from paramedic_service.ingest.translation import finding_to_record
from paramedic_service.instruments import Instruments
from paramedic_service.rules.finding import Change, Finding
from paramedic_service.store.interface import Store
from paramedic_service.store.records import Checkpoint, RunRecord, RunState

SNAPSHOT_ROWS = 2000  # rows that make a snapshot worth its cost ...
SNAPSHOT_SECONDS = 5.0  # ... but not more often than this: a restart then folds seconds' worth of rows, however fast
IDLE_SNAPSHOT_SECONDS = 60.0  # fewer rows than that are saved after this time
# Between two savings of what is urgent: each is a transaction that the log has to wait for.
URGENT_SECONDS = 0.2
RETRY_SECONDS = 1.0
RUNS_AT_ONCE = 32  # of one transaction: taking snapshots holds the event loop

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Progress:
    """How far one run is saved.

    Attributes:
        live: The run.
        state: Its state as saved.
        snapshot_position: Position of the newest snapshot.
        snapshot_rows: Its rows.
        snapshot_at: When it was taken, seconds since the Unix epoch.
        changed: When findings changed that are not saved yet, by rule.
    """

    live: LiveRun
    state: RunState
    snapshot_position: int
    snapshot_rows: int
    snapshot_at: float
    changed: dict[str, float] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        return self.live.state is not RunState.RUNNING

    @property
    def stale(self) -> bool:
        """Whether listings of the store would tell something else than the run."""
        return bool(self.changed) or self.live.state is not self.state

    def snapshot_due(self, now: float) -> bool:
        if self.live.position == self.snapshot_position:
            return False
        age = now - self.snapshot_at
        rows = self.live.rows - self.snapshot_rows
        return self.ended or age >= IDLE_SNAPSHOT_SECONDS or (rows >= SNAPSHOT_ROWS and age >= SNAPSHOT_SECONDS)


class Checkpointer:
    """Saves what was concluded of runs.

    A finding that opened or resolved and a run that ended are saved at once; updates of open findings and snapshots
    wait for the next `tick`.

    Args:
        store: Where checkpoints go.
        instruments: Where durations and failures are counted.
        clock: Service clock, seconds since the Unix epoch.
    """

    def __init__(self, store: Store, instruments: Instruments, clock: Callable[[], float]) -> None:
        self._store = store
        self._instruments = instruments
        self._clock = clock
        self._runs: dict[int, _Progress] = {}
        self._urgent = asyncio.Event()
        self._writing = asyncio.Lock()

    def add(self, live: LiveRun, record: RunRecord) -> None:
        """Takes a run in, as it comes into memory.

        Args:
            live: The run, folded to the end of its log.
            record: The run as the store tells it.
        """
        progress = self._runs[live.number] = _Progress(live, record.state, 0, live.rows, self._clock())
        if live.position > record.folded_position:
            # Which findings changed behind that point is not known; saving one that did not does no harm.
            progress.changed = dict.fromkeys(live.diagnosis.findings, self._clock())
            self._urgent.set()

    def forget(self, live: LiveRun) -> None:
        """Drops a run that leaves memory."""
        del self._runs[live.number]

    def clean(self, live: LiveRun) -> bool:
        """Whether everything about a run is saved."""
        progress = self._runs[live.number]
        return not progress.stale and live.position == progress.snapshot_position

    def folded(self, live: LiveRun, findings: Iterable[Finding]) -> None:
        """Notes findings that changed and a state that may have."""
        progress = self._runs[live.number]
        urgent = live.state is not progress.state
        for finding in findings:
            progress.changed[finding.rule] = self._clock()
            urgent = urgent or finding.change is not Change.UPDATED
        if urgent:
            self._urgent.set()

    async def run(self) -> None:
        """Saves what is urgent as it comes, forever."""
        while True:
            await self._urgent.wait()
            self._urgent.clear()
            if await self.flush():
                await asyncio.sleep(URGENT_SECONDS)
            else:
                await asyncio.sleep(RETRY_SECONDS)
                self._urgent.set()

    async def flush(self) -> bool:
        """Saves findings and states, so that listings of the store tell them.

        Returns:
            False when the store failed; what is unsaved stays noted.
        """
        async with self._writing:
            return await self._save([progress for progress in self._runs.values() if progress.stale], self._clock())

    async def tick(self) -> None:
        """Saves everything that is due."""
        async with self._writing:
            now = self._clock()
            due = [progress for progress in self._runs.values() if progress.stale or progress.snapshot_due(now)]
            await self._save(due, now)

    async def save_all(self, runs: Iterable[LiveRun]) -> bool:
        """Saves everything about these runs, snapshots included; False when the store failed."""
        async with self._writing:
            unsaved = [self._runs[live.number] for live in runs if not self.clean(live)]
            return await self._save(unsaved, self._clock(), snapshots=True)

    async def _save(self, due: list[_Progress], now: float, *, snapshots: bool = False) -> bool:
        for start in range(0, len(due), RUNS_AT_ONCE):
            group = due[start : start + RUNS_AT_ONCE]
            # A finding that changes while the thread writes is noted anew, and saved the next time.
            changed = [progress.changed for progress in group]
            for progress in group:
                progress.changed = {}
            checkpoints = [
                _checkpoint(progress, saved, with_snapshot=snapshots or progress.snapshot_due(now))
                for progress, saved in zip(group, changed, strict=True)
            ]
            rows = [progress.live.rows for progress in group]
            try:
                with self._instruments.checkpoint_seconds.time():
                    await _to_the_end(asyncio.to_thread(self._store.checkpoint, checkpoints, now))
            except asyncio.CancelledError:
                for progress, unsaved in zip(group, changed, strict=True):
                    progress.changed = unsaved | progress.changed
                raise
            except Exception as error:  # whatever the store fails with, the log still tells everything
                for progress, unsaved in zip(group, changed, strict=True):
                    progress.changed = unsaved | progress.changed
                self._instruments.checkpoint_failures.inc()
                _log.error("the store refused checkpoints, trying again", error=str(error), runs=len(group))
                return False
            for progress, checkpoint, count in zip(group, checkpoints, rows, strict=True):
                progress.state = checkpoint.state
                if checkpoint.snapshot is not None:
                    progress.snapshot_position = checkpoint.folded_position
                    progress.snapshot_rows = count
                    progress.snapshot_at = now
        return True


async def _to_the_end(write: Coroutine[Any, Any, None]) -> None:
    """Waits for a thread that writes, also when cancelled: it would else overtake what is written after it."""
    task = asyncio.ensure_future(write)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def _checkpoint(progress: _Progress, changed: dict[str, float], *, with_snapshot: bool) -> Checkpoint:
    live = progress.live
    return Checkpoint(
        run=live.number,
        folded_position=live.position,
        state=live.state,
        last_report_at=live.last_report_at,
        findings=[finding_to_record(live.key, live.diagnosis.findings[rule], at) for rule, at in changed.items()],
        snapshot=snapshot.take(live) if with_snapshot else None,
        incidents=incidents_to_record(live.key, live.incidents, max(changed.values())) if changed else None,
    )

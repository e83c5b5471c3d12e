"""Ingest: takes entries in, makes them durable, judges them, and answers."""

import asyncio
import contextlib
import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager

import structlog

from paramedic.v1.telemetry_pb2 import StreamTelemetryRequest
from paramedic_service.ingest.checkpoints import Checkpointer
from paramedic_service.ingest.commit import GroupCommit
from paramedic_service.ingest.entries import Batch, Entry, Event
from paramedic_service.ingest.errors import (
    LimitReachedError,
    RunNotFoundError,
    StoppingError,
    SupersededError,
    UnavailableError,
)
from paramedic_service.ingest.judge import Judge
from paramedic_service.ingest.live import LiveRun
from paramedic_service.ingest.ranks import Note, attempt_began
from paramedic_service.ingest.refusal import InvalidRequestError
from paramedic_service.ingest.reproduced import reproduced
from paramedic_service.ingest.restore import restore
from paramedic_service.ingest.runs import ActiveRuns
from paramedic_service.ingest.session import Acknowledged, ActiveRun, Promise, Rejected, Reproduced, Session, Throttled
from paramedic_service.ingest.subscriptions import FindingChange, Subscription, Subscriptions
from paramedic_service.ingest.validation import parse, peek_sequence, validate
from paramedic_service.ingest.watchdog import silence
from paramedic_service.instruments import Instruments
from paramedic_service.rules.rulebooks import DEFAULT_RULEBOOKS, Rulebooks
from paramedic_service.settings import Settings
from paramedic_service.store.interface import Store, StoreError
from paramedic_service.store.records import LogRecord, RunKey

TICK_SECONDS = 1.0
READ_BACK_SECONDS = 1.0
HANDOVER_SECONDS = 10.0  # how long a new stream waits until what the older one handed over is durable

_log = structlog.get_logger(__name__)


class IngestService:
    """The way of an entry from its bytes to its answer, for all runs.

    Lives on one event loop; nothing here may be called from another thread.

    Args:
        store: Where runs are kept.
        settings: Limits and times.
        instruments: Where everything is counted.
        clock: Service clock, seconds since the Unix epoch.
        rulebooks: What runs are judged by.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        instruments: Instruments,
        clock: Callable[[], float] = time.time,
        rulebooks: Rulebooks = DEFAULT_RULEBOOKS,
    ) -> None:
        self._store = store
        self._settings = settings
        self._instruments = instruments
        self._clock = clock
        self._rulebooks = rulebooks
        self._sessions: set[Session] = set()
        self._subscriptions = Subscriptions()
        self._checkpointer = Checkpointer(store, instruments, clock)
        self._runs = ActiveRuns(store, self._checkpointer, self._rulebooks, settings, instruments, clock)
        self._judge = Judge(self._checkpointer, self._subscriptions, instruments, clock)
        self._commit = GroupCommit(store, instruments, self._settle, self._hold_back)
        self._tasks: list[asyncio.Task[None]] = []
        self._state = "starting"

    @property
    def runs(self) -> Mapping[RunKey, LiveRun]:
        """Every run in memory, read-only."""
        return self._runs.live

    @property
    def trouble(self) -> str | None:
        """Why the service should get no work now; None when it is ready."""
        if self._state != "serving":
            return f"the service is {self._state}"
        if self._commit.trouble is not None:
            return f"entries are not taken: {self._commit.trouble}"
        return None

    async def start(self) -> None:
        """Brings back what was under way, then serves.

        Raises:
            StoreError: The store failed.
        """
        await self._runs.restore()
        self._commit.start()
        self._tasks = [asyncio.create_task(self._checkpointer.run()), asyncio.create_task(self._tick_forever())]
        self._state = "serving"

    async def stop(self, grace: float) -> None:
        """Takes nothing more in, settles and saves what was taken in, and ends all streams.

        Args:
            grace: How long that may take, seconds. What is not settled by then is not acknowledged, so that clients
                send it again.
        """
        self._state = "stopping"
        self._subscriptions.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await asyncio.gather(*(run.quiet() for run in self._runs))
        stopping = StoppingError("the service is stopping; connect again when it is back")
        for session in self._sessions:
            session.end(stopping)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._commit.stop()
        await self._checkpointer.save_all(self.runs.values())

    async def register(self, key: RunKey, name: str) -> Session:
        """Opens the stream of a run; an older one of the same run ends.

        Returns:
            The stream; `session.resume_point` tells where the client goes on.

        Raises:
            LimitReachedError: There are as many streams or runs as may be.
            SupersededError: A newer stream came while this one waited.
            UnavailableError: The store does not take what the older stream handed over.
            StoppingError: The service stops.
            StoreError: The store failed.
        """
        self._refuse_when_stopping()
        if len(self._sessions) >= self._settings.max_streams:
            raise LimitReachedError(
                f"{self._settings.max_streams} streams are open, and this service takes no more;"
                " raise PARAMEDIC_MAX_STREAMS or try again when one has ended"
            )
        run = await self._runs.activate(key, name)
        if run.session is not None:
            run.session.end(SupersededError(f"a newer stream reports {key.project}/{key.id} now"))
        session = run.session = Session(run)
        run.broke_off_at = None
        self._sessions.add(session)
        self._instruments.streams.set(len(self._sessions))
        try:
            async with asyncio.timeout(HANDOVER_SECONDS):
                await run.quiet()
            await self._look_back(run)
            if session.ended is not None:
                raise session.ended
        except BaseException as error:
            self.close(session)
            if isinstance(error, TimeoutError):
                raise UnavailableError("the store does not take entries; try again later") from error
            raise
        run.heard_at = self._clock()
        self._note(run.group.returned(run, run.heard_at))
        session.resume_point = run.frontier.sequence
        for finding in run.live.open_findings:
            # Told again, because the client may have been away when they opened.
            session.tell(FindingChange(key, finding))
        if session.resume_point:  # a run that reported nothing yet cannot have been reproduced
            await self._tell_again(session)
        return session

    async def take(self, session: Session, body: bytes) -> None:
        """Takes an entry in; its answer comes from `session.answers()`. Waits while too much is under way.

        Raises:
            SupersededError: A newer stream of the run took over.
            StoppingError: The service stops.
        """
        await session.room()
        await self._commit.room()
        self._refuse_when_stopping()
        if session.ended is not None:
            raise session.ended
        run = session.run
        request = None
        try:
            request = parse(body)
            if 0 < request.sequence <= run.frontier.sequence:
                self._instruments.repetitions.inc()
                session.answer(Acknowledged(request.sequence))
                return
            entry = validate(request, run.frontier, max_tensors=self._settings.max_tensors)
        except InvalidRequestError as error:
            self._reject(session, body, request, error)
            return
        run.heard_at = self._clock()
        self._accept(run, Promise(_record(run, request.sequence, entry, body), entry, run, session))
        if run.previous is not None and isinstance(entry, Batch):
            self._note([(run, attempt_began(run.live.key.attempt, run.previous, entry.rows, run.heard_at))])
            run.previous = None

    def close(self, session: Session) -> None:
        """Forgets a stream; what it handed over is stored all the same."""
        self._sessions.discard(session)
        self._instruments.streams.set(len(self._sessions))
        if session.run.session is session:
            session.run.session = None
            session.run.broke_off_at = self._clock()

    def tell(self, key: RunKey, news: Reproduced) -> None:
        """Tells the stream of a run, if it has one now; one that is opened later is told as it opens."""
        run = self._runs.get(key)
        if run is None:
            return
        run.live.learn(news.incident, news.link)
        if run.session is not None:
            run.session.tell(news)

    def watch(self, wanted: Callable[[FindingChange], bool]) -> AbstractContextManager[Subscription]:
        """Watches findings from now on until the context ends.

        Args:
            wanted: Tells the changes that this watcher asks for.

        Raises:
            StoppingError: The service stops.
        """
        self._refuse_when_stopping()
        return self._subscriptions.open(wanted)

    async def look_up(self, key: RunKey) -> LiveRun:
        """A run as it stands, whether it is in memory or not.

        Raises:
            RunNotFoundError: It was never registered.
            StoreError: The store failed.
        """
        run = self._runs.get(key)
        if run is not None:
            return run.live
        record = await asyncio.to_thread(self._store.get_run, key)
        if record is None:
            raise RunNotFoundError(
                f"no run {key.id!r} (attempt {key.attempt}, rank {key.rank}) in project {key.project!r}"
            )
        return await asyncio.to_thread(restore, self._store, record, self._rulebooks)

    async def publish_to_store(self) -> None:
        """Saves findings and states that changed, so that listings of the store tell them."""
        await self._checkpointer.flush()

    async def tick(self) -> None:
        """Does what time brings: notes silences, saves snapshots, lets go of old runs."""
        now = self._clock()
        for run in self._runs:
            event = silence(run, now)
            if event is not None:
                self._note([(run, event)])
        newest: dict[tuple[str, str], int] = {}
        for project, id, attempt in self._runs.groups:  # noqa: A001  (the contract's word)
            newest[project, id] = max(attempt, newest.get((project, id), 0))
        for (project, id, attempt), group in self._runs.groups.items():  # noqa: A001
            self._note(group.passed(now))
            if attempt < newest[project, id]:
                self._note(group.replaced(newest[project, id], now))
        await self._checkpointer.tick()
        await self._runs.expire()

    async def _tick_forever(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            try:
                await self.tick()
            except Exception:
                _log.exception("a periodic task failed, trying again")

    async def _tell_again(self, session: Session) -> None:
        """Tells a stream what reproductions said, because the client may have been away when they ended."""
        key = session.run.live.key
        try:
            said = await asyncio.to_thread(reproduced, self._store, [key])
        except StoreError as error:  # the stream is worth more than this
            _log.warning("reproductions of a run cannot be read", run=str(key), error=str(error))
            return
        for each in reversed(said.get(key, [])):
            session.run.live.learn(each.incident, each.link)
            session.tell(each)

    def _note(self, notes: Iterable[Note]) -> None:
        """Writes into logs what this service alone knows."""
        for run, event in notes:
            request = StreamTelemetryRequest(event=event)
            body = request.SerializeToString()
            entry = validate(request, run.frontier, max_tensors=0, by_service=True)
            self._accept(run, Promise(_record(run, None, entry, body), entry, run, None))

    async def _look_back(self, run: ActiveRun) -> None:
        """Looks up how far the attempt before came, for one that has not reported a step."""
        if not run.live.key.attempt or run.frontier.step is not None:
            return
        try:
            run.previous = await self._runs.previous(run.live.key)
        except StoreError as error:  # the stream is worth more than this
            _log.warning("the attempt before cannot be read", run=str(run.live.key), error=str(error))

    def _accept(self, run: ActiveRun, promise: Promise) -> None:
        run.accept(promise)
        self._commit.submit(promise)

    def _reject(
        self, session: Session, body: bytes, request: StreamTelemetryRequest | None, error: InvalidRequestError
    ) -> None:
        sequence = peek_sequence(body) if request is None else request.sequence
        rows = 0 if request is None else len(request.batch.steps)
        self._instruments.rejections.labels(error.problem.value).inc()
        self._instruments.rejected_rows.inc(rows)
        _log.info("entry refused", run=str(session.run.live.key), sequence=sequence, reason=str(error))
        session.answer(Rejected(sequence, error.field, error.reason, rows))

    async def _settle(self, promises: Sequence[Promise], positions: Sequence[int]) -> None:
        by_run: dict[ActiveRun, list[tuple[Promise, int]]] = defaultdict(list)
        for promise, position in zip(promises, positions, strict=True):
            by_run[promise.run].append((promise, position))
        for run, items in by_run.items():
            if all(position for _, position in items):
                self._judge.judge(run, [promise for promise, _ in items], items[-1][1])
            else:
                # The store has them from an attempt that seemed to fail; it knows their positions.
                self._judge.judge_stored(run, await self._read_back(run.live, len(items)))
            for promise, _ in items:
                run.settle(promise)
                self._compare(run, promise.entry)
            for session in {promise.session for promise, _ in items if promise.session is not None}:
                session.wake()
            await asyncio.sleep(0)  # lets other streams be read while many runs are judged

    def _compare(self, run: ActiveRun, entry: Entry) -> None:
        """Writes down what an entry that was just judged says of the ranks of a training."""
        if isinstance(entry, Batch):
            if not run.group.alone:  # most are, and are to pay nothing for what they have no use for
                self._note(run.group.heard(run, entry.rows, self._clock()))
        elif isinstance(entry, Event) and entry.event.HasField("error"):
            self._note(run.group.raised(run, self._clock()))

    async def _read_back(self, live: LiveRun, count: int) -> list[LogRecord]:
        """Reads the next entries of a run's log behind its fold, however long the store takes to work again."""
        while True:
            try:
                return await asyncio.to_thread(
                    lambda: list(itertools.islice(self._store.read_log(live.number, after=live.position), count))
                )
            except StoreError as error:
                _log.error("the store does not give back what it took, trying again", error=str(error))
                self._hold_back(READ_BACK_SECONDS, f"the store cannot be read: {error}")
                await asyncio.sleep(READ_BACK_SECONDS)

    def _hold_back(self, pause: float, reason: str) -> None:
        for session in self._sessions:
            session.tell(Throttled(pause, reason))

    def _refuse_when_stopping(self) -> None:
        if self._state != "serving":
            raise StoppingError(f"the service is {self._state}; connect again when it is back")


def _record(run: ActiveRun, sequence: int | None, entry: Entry, body: bytes) -> LogRecord:
    if isinstance(entry, Batch):
        steps = entry.rows.steps
        return LogRecord(run.live.number, sequence, len(steps), int(steps[0]), int(steps[-1]), body)
    return LogRecord(run.live.number, sequence, 0, None, None, body)

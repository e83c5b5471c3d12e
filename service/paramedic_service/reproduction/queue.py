"""The queue: which reproduction runs when, and what becomes of it whatever happens to what runs it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from paramedic.v1.reproduction_pb2 import Reproduction
from paramedic.v1.reproduction_pb2 import ReproductionState as StateMessage
from paramedic.v1.verdict_pb2 import ReproductionVerdict
from paramedic_service.reproduction.executors.interface import Executor, JobError, WorkerLostError
from paramedic_service.reproduction.live import STOPPING, LiveReproduction, Stop
from paramedic_service.reproduction.records import to_record, to_result
from paramedic_service.reproduction.waiting import WaitingLine
from paramedic_service.reproduction.worker.job import Job
from paramedic_service.store.interface import Store, StoreError
from paramedic_service.store.records import ReproductionRecord, ReproductionResult, ReproductionState

MOST_LOSSES = 1
"""How often a job is run again after what ran it died: one that killed two processes would kill the third."""

RETRY_SECONDS = 1.0
"""Between two attempts to make the store take what it did not."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stages:
    """What surrounds the training of a reproduction.

    Attributes:
        job: Makes what is to be trained; called in a worker thread.
        judge: Gives the verdict over the trainings; called in a worker thread.
        render: Makes the report of a reproduction that ended; called in a worker thread.
        tell: Tells everybody who should know of a reproduction that ended. Called again after a restart when the
            service died in it, so telling twice must do no harm.
    """

    job: Callable[[Reproduction], Job]
    judge: Callable[[Reproduction], ReproductionVerdict]
    render: Callable[[Reproduction], str]
    tell: Callable[[Reproduction], Awaitable[None]]


class Queue:
    """Runs reproductions, the most urgent first, as many at a time as the executor has slots.

    Every change of state is in the store before anything follows from it, so a service that dies at any moment leaves
    behind what the next one needs to go on.

    Args:
        store: Where reproductions are kept.
        executor: What trains them.
        stages: What surrounds their training.
        clock: Service clock, seconds since the Unix epoch.

    Attributes:
        live: Reproductions that have not ended, by id.
    """

    def __init__(self, store: Store, executor: Executor, stages: Stages, clock: Callable[[], float]) -> None:
        self.live: dict[str, LiveReproduction] = {}
        self._store = store
        self._executor = executor
        self._stages = stages
        self._clock = clock
        self._line = WaitingLine()
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = 0
        self._open = False

    @property
    def waiting(self) -> int:
        """Reproductions that wait for a slot."""
        return len(self._line)

    @property
    def running(self) -> int:
        """Reproductions that run."""
        return self._running

    def open(self) -> None:
        """Starts what waits, from now on."""
        self._open = True
        self._fill()

    async def close(self, grace: float) -> None:
        """Ends what runs, and leaves it and all that waits to the next service.

        Args:
            grace: How long the store may take to hear of it, seconds.
        """
        self._open = False
        for live in self.live.values():
            live.ask_to_stop(Stop.DRAIN)
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for live in self.live.values():
            live.release(STOPPING)

    def add(self, live: LiveReproduction) -> None:
        """Queues a reproduction whose state is QUEUED in the store."""
        self.live[live.message.id] = live
        self._line.join(live.message.id, live.message.priority, live.number)
        self._fill()

    async def recover(self, live: LiveReproduction) -> None:
        """Takes up a reproduction that ran when an earlier service died."""
        self.live[live.message.id] = live
        await self._lost(
            live,
            "the service ended under it without having been told to stop; perhaps memory ran out on its machine",
        )

    def settle(self, message: Reproduction, number: int, losses: int) -> None:
        """Tells of a reproduction that ended, and of which an earlier service could not tell."""
        self._spawn(self._settle(message, number, losses))

    async def cancel(self, live: LiveReproduction) -> None:
        """Ends a reproduction; returns when it is over and its processes are gone."""
        id_ = live.message.id
        if self._line.leave(id_):
            # In a task of its own: a caller who hangs up must not leave it half ended.
            self._spawn(self._end(live, ReproductionState.CANCELLED))
        else:
            live.ask_to_stop(Stop.CANCEL)
        await live.ended.wait()

    def _fill(self) -> None:
        while self._open and self._running < self._executor.slots:
            id_ = self._line.next()
            if id_ is None:
                return
            self._running += 1
            self._spawn(self._run(self.live[id_]))

    def _spawn(self, work: Awaitable[None]) -> None:
        async def worked() -> None:
            try:
                await work
            except Exception:
                _log.exception("a reproduction is stuck; the service takes it up again when it is restarted")

        task = asyncio.create_task(worked())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, live: LiveReproduction) -> None:
        try:
            await self._attempt(live)
        finally:
            self._running -= 1
            self._fill()

    async def _attempt(self, live: LiveReproduction) -> None:
        """Runs a reproduction once, from its claim to what comes of it."""
        message = live.message
        message.started_at = self._clock()
        message.attempts += 1
        await self._save(live, ReproductionState.RUNNING)
        live.announce()
        completed = False
        try:
            completed = await self._train(live)
            if completed:
                message.verdict.CopyFrom(await asyncio.to_thread(self._stages.judge, message))
        except WorkerLostError as error:
            if live.stop is None:
                await self._lost(live, str(error), error.log)
                return
        except JobError as error:
            message.error = _with_log(str(error), error.log)
        except (StoreError, OSError) as error:
            message.error = f"the service could not run it: {error}; then reproduce it again"
        except Exception as error:
            _log.exception("a reproduction failed by a defect of the service", reproduction=message.id)
            message.error = f"the service failed on it ({type(error).__name__}: {error}); its log says where"
        if live.stop is Stop.CANCEL and not completed:
            message.ClearField("error")
            await self._end(live, ReproductionState.CANCELLED)
        elif live.stop is Stop.DRAIN and not completed and not message.error:
            await self._requeue(live)
        else:
            await self._end(live, ReproductionState.FAILED if message.error else ReproductionState.FINISHED)

    async def _train(self, live: LiveReproduction) -> bool:
        """Runs the job within its time; whether it was completed rather than stopped. Its processes are gone or idle.

        Raises:
            JobError: It failed, took too long, or what ran it died.
        """
        job = await asyncio.to_thread(self._stages.job, live.message)
        live.training = asyncio.create_task(self._executor.run(job, live.apply))
        if live.stop is not None:
            live.training.cancel()
        try:
            async with asyncio.timeout(job.limits.seconds):
                await live.training
            return True
        except asyncio.CancelledError:
            if live.stop is None:
                raise
            return False
        except TimeoutError:
            raise JobError(
                f"it took longer than {job.limits.seconds:g} seconds, the most that a reproduction may; ask for fewer"
                " arms, seeds or steps, or raise PARAMEDIC_REPRODUCTION_SECONDS"
            ) from None
        finally:
            live.training = None

    async def _lost(self, live: LiveReproduction, why: str, log: str = "") -> None:
        """What ran a reproduction died: it runs once more, or fails."""
        live.losses += 1
        if live.losses > MOST_LOSSES:
            live.message.error = _with_log(
                f"what ran it died {live.losses} times, and it is not tried again; the last time, {why}; reproduce it"
                " with fewer arms, samples or steps, or find in the logs of the service and its machine what killed it",
                log,
            )
            await self._end(live, ReproductionState.FAILED)
            return
        _log.warning("what ran a reproduction died, it runs again", reproduction=live.message.id, reason=why, log=log)
        await self._requeue(live)

    async def _requeue(self, live: LiveReproduction) -> None:
        """Begins a reproduction anew: in this service's line, unless it was asked to stop."""
        message = live.message
        for field in ("started_at", "device", "trainings", "error"):
            message.ClearField(field)
        message.progress.ended = message.progress.steps_done = 0
        message.progress.phase = ""
        await self._save(live, ReproductionState.QUEUED)
        if live.stop is Stop.CANCEL:
            await self._end(live, ReproductionState.CANCELLED)
        elif live.stop is None:
            live.announce()
            self.add(live)

    async def _end(self, live: LiveReproduction, state: ReproductionState) -> None:
        """Records the end of a reproduction, once, and tells of it."""
        message = live.message
        message.ended_at = self._clock()
        message.progress.phase = ""
        message.state = StateMessage.ValueType(state.value)
        report = await self._report(message)
        await self._save(live, state, to_result(message, report))
        await self._settle(message, live.number, live.losses)
        live.announce()
        del self.live[message.id]
        live.release()

    async def _report(self, message: Reproduction) -> str:
        try:
            return await asyncio.to_thread(self._stages.render, message)
        except Exception:
            _log.exception("a report failed; its reproduction stays without one", reproduction=message.id)
            return ""

    async def _settle(self, message: Reproduction, number: int, losses: int) -> None:
        """Tells of an end, and records that it was told."""
        try:
            await self._stages.tell(message)
        except Exception:
            _log.exception("not everybody was told of a reproduction; again when restarted", reproduction=message.id)
            return
        record = to_record(message, number=number, losses=losses, settled=True)
        await self._store_update(record, record.state)

    async def _save(
        self, live: LiveReproduction, state: ReproductionState, result: ReproductionResult | None = None
    ) -> None:
        """Makes a state durable, however long the store takes to work again."""
        live.message.state = StateMessage.ValueType(state.value)
        record = to_record(live.message, number=live.number, losses=live.losses)
        await self._store_update(record, live.stored, result)
        live.stored = state

    async def _store_update(
        self, record: ReproductionRecord, was: ReproductionState, result: ReproductionResult | None = None
    ) -> None:
        while True:
            try:
                if await asyncio.to_thread(self._store.update_reproduction, record, was, result):
                    return
                # Of an attempt that seemed to fail, the store may have everything but the answer.
                found = await asyncio.to_thread(self._store.get_reproduction, record.id)
            except StoreError as error:
                _log.error("the store refused a reproduction, trying again", reproduction=record.id, error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if found != record:
                raise RuntimeError(f"reproduction {record.id} was {was.name} here, and another in the store: {found}")
            return


def _with_log(error: str, log: str) -> str:
    return f"{error}\nThe end of its log:\n{log}" if log else error

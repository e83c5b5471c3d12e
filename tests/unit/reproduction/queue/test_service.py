"""The queue with jobs that end when and how a test says."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from paramedic.v1.reproduction_pb2 import (
    REPRODUCTION_STATE_CANCELLED,
    REPRODUCTION_STATE_FAILED,
    REPRODUCTION_STATE_FINISHED,
    REPRODUCTION_STATE_QUEUED,
    REPRODUCTION_STATE_RUNNING,
    Curve,
    Reproduction,
    ReproductionProgress,
    TrainingOutcome,
    WatchReproductionResponse,
)
from paramedic.v1.verdict_pb2 import ReproductionVerdict
from paramedic_service.ingest.errors import StoppingError
from paramedic_service.reproduction import queue
from paramedic_service.reproduction.errors import QueueFullError, ReproductionNotFoundError
from paramedic_service.reproduction.executors.interface import JobFailedError, WorkerLostError
from paramedic_service.reproduction.plan import Limits, SpecError
from paramedic_service.reproduction.service import ReproductionService
from paramedic_service.reproduction.worker.job import Job
from paramedic_service.store.interface import Store, StoreError
from paramedic_service.store.opening import open_store
from paramedic_service.store.records import ReproductionState, RunKey
from support.reproductions import DEADLINE, ended, judged, reproducing, script, stages
from support.scripted_executor import ScriptedExecutor
from support.waiting import eventually

RUN = RunKey("project", "run", 2, 1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(f"sqlite:///{tmp_path / 'paramedic.db'}")
    yield store
    store.close()


@pytest.fixture
def executor() -> ScriptedExecutor:
    return ScriptedExecutor()


@pytest.fixture
async def service(store: Store, executor: ScriptedExecutor) -> AsyncIterator[ReproductionService]:
    async with reproducing(store, executor) as service:
        yield service


def training(seed: int = 0) -> WatchReproductionResponse:
    outcome = TrainingOutcome(seed=seed, curves=[Curve(signal="loss", steps=[1], values=[2.0])])
    return WatchReproductionResponse(training=outcome)


async def started(executor: ScriptedExecutor, count: int) -> None:
    await eventually(lambda: len(executor.started) >= count)


async def finish(executor: ScriptedExecutor, service: ReproductionService, created: Reproduction) -> Reproduction:
    """Lets the latest job end well."""
    executor.started[-1].end.set_result(None)
    return await ended(service, created)


async def test_a_reproduction_goes_from_the_queue_to_its_verdict(
    service: ReproductionService, executor: ScriptedExecutor
) -> None:
    created = await service.create(
        script("a"), project="project", run=RUN, incident="cause", scenario="name", priority=3, automatic=True
    )
    assert created.state == REPRODUCTION_STATE_QUEUED
    assert (created.run.id, created.run.attempt, created.incident, created.scenario) == ("run", 2, "cause", "name")
    assert (created.project, created.priority, created.automatic, created.progress.trainings) == ("project", 3, True, 2)

    await started(executor, 1)
    running, report = await service.get(created.id)
    assert (running.state, running.attempts, running.device) == (REPRODUCTION_STATE_RUNNING, 1, "scripted")
    assert running.HasField("started_at")
    assert report == ""

    executor.started[0].emit(training())
    executor.started[0].emit(WatchReproductionResponse(progress=ReproductionProgress(ended=1, phase="training")))
    last = await finish(executor, service, created)

    assert last.state == REPRODUCTION_STATE_FINISHED
    assert last.verdict.summary == "1 trainings"
    assert (last.error, last.progress.ended, last.progress.phase) == ("", 1, "")
    assert last.ended_at >= last.started_at >= last.created_at
    assert not last.trainings[0].curves
    kept, report = await service.get(created.id)
    assert len(kept.trainings[0].curves) == 1
    assert kept.verdict == last.verdict
    assert report == f"<html>{created.id}</html>"


async def test_what_cannot_be_reproduced_is_refused_before_it_is_queued(
    store: Store, executor: ScriptedExecutor
) -> None:
    def refuse(spec: object) -> ReproductionProgress:
        raise SpecError("description.model", "no such layer")

    service = ReproductionService(store, executor, stages(), refuse)
    await service.start()

    with pytest.raises(SpecError):
        await service.create(script("a"))

    assert (await service.list()).items == []
    await service.stop(DEADLINE)


async def test_the_urgent_run_first_and_equally_urgent_ones_in_order(
    service: ReproductionService, executor: ScriptedExecutor
) -> None:
    created = {name: await service.create(script(name), priority=p) for name, p in [("first", 0), ("b", 0), ("c", 0)]}
    for name, priority in [("urgent", 5), ("whenever", -5), ("d", 0)]:
        created[name] = await service.create(script(name), priority=priority)
    assert service.waiting == 5

    for name in ("first", "urgent", "b", "c", "d", "whenever"):
        await eventually(lambda name=name: executor.names[-1:] == [name])
        assert service.running == 1
        await finish(executor, service, created[name])


async def test_as_many_run_as_there_are_devices(store: Store) -> None:
    executor = ScriptedExecutor(slots=3)
    async with reproducing(store, executor) as service:
        created = [await service.create(script(str(n))) for n in range(5)]
        await started(executor, 3)
        assert (service.running, service.waiting) == (3, 2)

        executor.started[1].end.set_result(None)
        await ended(service, created[1])
        await started(executor, 4)
        assert executor.names == ["0", "1", "2", "3"]


async def test_no_more_are_queued_than_may_be(store: Store, executor: ScriptedExecutor) -> None:
    async with reproducing(store, executor, most_waiting=2) as service:
        created = [await service.create(script(str(n))) for n in range(2)]
        with pytest.raises(QueueFullError, match="PARAMEDIC_REPRODUCTION_QUEUE"):
            await service.create(script("too many"))
        await started(executor, 1)
        await finish(executor, service, created[0])
        await service.create(script("again"))


async def test_a_failed_job_is_told_with_its_reason_and_not_run_again(
    service: ReproductionService, executor: ScriptedExecutor
) -> None:
    created = await service.create(script("a"))
    await started(executor, 1)
    executor.started[0].emit(training())
    executor.started[0].end.set_exception(JobFailedError("what; what to do", "log line"))

    last = await ended(service, created)

    assert last.state == REPRODUCTION_STATE_FAILED
    assert last.error == "what; what to do\nThe end of its log:\nlog line"
    assert len(last.trainings) == 1
    assert not last.HasField("verdict")
    assert executor.names == ["a"]


async def test_a_job_whose_process_died_is_run_once_more_from_the_beginning(
    service: ReproductionService, executor: ScriptedExecutor
) -> None:
    created = await service.create(script("a"))
    await started(executor, 1)
    executor.started[0].emit(training(1))
    executor.started[0].end.set_exception(WorkerLostError("it crashed"))
    await started(executor, 2)
    executor.started[1].emit(training(2))

    last = await finish(executor, service, created)

    assert (last.state, last.attempts, last.error) == (REPRODUCTION_STATE_FINISHED, 2, "")
    assert [each.seed for each in last.trainings] == [2]


async def test_a_job_whose_process_died_twice_fails_and_says_so(
    service: ReproductionService, executor: ScriptedExecutor
) -> None:
    created = await service.create(script("a"))
    for attempt in (1, 2):
        await started(executor, attempt)
        executor.started[-1].end.set_exception(WorkerLostError(f"its process crashed {attempt}", "last words"))

    last = await ended(service, created)

    assert (last.state, last.attempts) == (REPRODUCTION_STATE_FAILED, 2)
    assert "died 2 times" in last.error
    assert "its process crashed 2" in last.error
    assert last.error.endswith("last words")
    assert len(executor.started) == 2


async def test_a_job_that_lost_its_process_keeps_its_place_in_the_line(
    service: ReproductionService, executor: ScriptedExecutor
) -> None:
    await service.create(script("a"))
    await service.create(script("b"))
    await started(executor, 1)

    executor.started[0].end.set_exception(WorkerLostError("it crashed"))

    await started(executor, 2)
    assert executor.names == ["a", "a"]


async def test_a_job_that_takes_too_long_is_ended_and_fails(store: Store, executor: ScriptedExecutor) -> None:
    async with reproducing(store, executor, stages(Limits(seconds=0.05))) as service:
        created = await service.create(script("a"))

        last = await ended(service, created)

    assert last.state == REPRODUCTION_STATE_FAILED
    assert "longer than 0.05 seconds" in last.error
    assert "PARAMEDIC_REPRODUCTION_SECONDS" in last.error
    assert executor.started[0].cancelled
    assert len(executor.started) == 1


async def test_a_defect_of_the_service_fails_the_reproduction_and_nothing_else(
    store: Store, executor: ScriptedExecutor
) -> None:
    def judge(message: Reproduction) -> ReproductionVerdict:
        if message.spec.title == "a":
            raise KeyError("defect")
        return judged(message)

    surrounding = replace(stages(), judge=judge)
    async with reproducing(store, executor, surrounding) as service:
        created = [await service.create(script(name)) for name in ("a", "b")]
        await started(executor, 1)
        first = await finish(executor, service, created[0])
        await started(executor, 2)
        second = await finish(executor, service, created[1])

    assert (first.state, second.state) == (REPRODUCTION_STATE_FAILED, REPRODUCTION_STATE_FINISHED)
    assert "KeyError" in first.error


async def test_a_job_that_the_store_cannot_give_fails_with_the_words_of_the_store(
    store: Store, executor: ScriptedExecutor
) -> None:
    def broken(message: Reproduction) -> Job:
        raise StoreError("paramedic.db: the disk is full; free space")

    async with reproducing(store, executor, replace(stages(), job=broken)) as service:
        last = await ended(service, await service.create(script("a")))

    assert last.state == REPRODUCTION_STATE_FAILED
    assert "paramedic.db: the disk is full; free space" in last.error


async def test_a_report_that_cannot_be_made_costs_no_verdict(store: Store, executor: ScriptedExecutor) -> None:
    def broken(message: Reproduction) -> str:
        raise KeyError("defect")

    async with reproducing(store, executor, replace(stages(), render=broken)) as service:
        created = await service.create(script("a"))
        await started(executor, 1)
        await finish(executor, service, created)
        kept, report = await service.get(created.id)

    assert kept.state == REPRODUCTION_STATE_FINISHED
    assert report == ""


async def test_one_that_waits_is_cancelled_and_never_starts(
    service: ReproductionService, executor: ScriptedExecutor
) -> None:
    first = await service.create(script("a"))
    waiting = await service.create(script("b"))

    assert (await service.cancel(waiting.id)).state == REPRODUCTION_STATE_CANCELLED

    await started(executor, 1)
    await finish(executor, service, first)
    assert executor.names == ["a"]
    kept, _ = await service.get(waiting.id)
    assert kept.state == REPRODUCTION_STATE_CANCELLED
    assert not kept.HasField("started_at")


async def test_cancelling_waits_for_the_processes_and_keeps_what_was_found(
    service: ReproductionService, executor: ScriptedExecutor
) -> None:
    executor.reluctant = asyncio.Event()
    created = await service.create(script("a"))
    await started(executor, 1)
    executor.started[0].emit(training(7))

    cancelling = asyncio.create_task(service.cancel(created.id))
    await eventually(lambda: executor.started[0].cancelled)
    assert not cancelling.done()
    executor.reluctant.set()
    last = await cancelling

    assert (last.state, last.error) == (REPRODUCTION_STATE_CANCELLED, "")
    kept, report = await service.get(created.id)
    assert [each.seed for each in kept.trainings] == [7]
    assert len(kept.trainings[0].curves) == 1
    assert not kept.HasField("verdict")
    assert report


async def test_cancelling_twice_or_after_the_end_changes_nothing(
    service: ReproductionService, executor: ScriptedExecutor
) -> None:
    created = await service.create(script("a"))
    await started(executor, 1)
    both = await asyncio.gather(service.cancel(created.id), service.cancel(created.id))
    assert {each.state for each in both} == {REPRODUCTION_STATE_CANCELLED}
    assert (await service.cancel(created.id)).state == REPRODUCTION_STATE_CANCELLED

    other = await service.create(script("b"))
    await started(executor, 2)
    await finish(executor, service, other)
    assert (await service.cancel(other.id)).state == REPRODUCTION_STATE_FINISHED


async def test_a_caller_who_hangs_up_while_cancelling_leaves_nothing_half_done(
    service: ReproductionService, executor: ScriptedExecutor
) -> None:
    await service.create(script("a"))
    waiting = await service.create(script("b"))
    cancelling = asyncio.create_task(service.cancel(waiting.id))
    await asyncio.sleep(0)
    cancelling.cancel()

    assert (await ended(service, waiting)).state == REPRODUCTION_STATE_CANCELLED


async def test_everybody_is_told_of_an_end_before_a_watcher_is(store: Store, executor: ScriptedExecutor) -> None:
    told: list[Reproduction] = []

    async def tell(message: Reproduction) -> None:
        copy = Reproduction()
        copy.CopyFrom(message)
        told.append(copy)

    async with reproducing(store, executor, stages(tell=tell)) as service:
        created = await service.create(script("a"))
        await started(executor, 1)
        await finish(executor, service, created)
        assert [(each.id, each.state) for each in told] == [(created.id, REPRODUCTION_STATE_FINISHED)]
    assert store.unsettled_reproductions() == []


async def test_who_could_not_be_told_is_told_when_the_service_is_back(store: Store, executor: ScriptedExecutor) -> None:
    told: list[str] = []

    async def fail(message: Reproduction) -> None:
        raise ConnectionError

    async def tell(message: Reproduction) -> None:
        told.append(message.verdict.summary)

    async with reproducing(store, executor, stages(tell=fail)) as service:
        created = await service.create(script("a"))
        await started(executor, 1)
        await finish(executor, service, created)

    async with reproducing(store, executor, stages(tell=tell)):
        await eventually(lambda: told)
        await eventually(lambda: store.unsettled_reproductions() == [])

    assert told == ["0 trainings"]
    assert len(executor.started) == 1


async def test_a_stopping_service_ends_what_runs_and_the_next_one_runs_it(
    store: Store, executor: ScriptedExecutor
) -> None:
    async with reproducing(store, executor) as service:
        running = await service.create(script("running"))
        waiting = await service.create(script("waiting"))
        await started(executor, 1)
        executor.started[0].emit(training())
        watching = asyncio.create_task(ended(service, running))
        await asyncio.sleep(0)
    with pytest.raises(StoppingError):
        await watching
    assert executor.started[0].cancelled
    left = {record.id: record for record in store.unsettled_reproductions()}
    assert {record.state for record in left.values()} == {ReproductionState.QUEUED}
    assert (left[running.id].losses, left[running.id].attempts) == (0, 1)

    async with reproducing(store, executor) as service:
        for count, created in [(2, running), (3, waiting)]:
            await started(executor, count)
            last = await finish(executor, service, created)
            assert (last.state, len(last.trainings)) == (REPRODUCTION_STATE_FINISHED, 0)

    assert executor.names == ["running", "running", "waiting"]


async def test_a_job_that_was_completed_is_not_run_again_however_the_service_stops(
    store: Store, executor: ScriptedExecutor
) -> None:
    judging, go_on = threading.Event(), threading.Event()

    def judge(message: Reproduction) -> ReproductionVerdict:
        judging.set()
        go_on.wait(DEADLINE)
        return judged(message)

    async with reproducing(store, executor, replace(stages(), judge=judge)) as service:
        created = await service.create(script("a"))
        await started(executor, 1)
        executor.started[0].end.set_result(None)
        await eventually(judging.is_set)
        stopping = asyncio.create_task(service.stop(DEADLINE))
        await asyncio.sleep(0)
        go_on.set()
        await stopping

    found = store.get_reproduction(created.id)
    assert found is not None
    assert (found.state, found.settled) == (ReproductionState.FINISHED, True)


async def test_a_job_that_failed_by_itself_has_failed_however_the_service_stops(
    store: Store, executor: ScriptedExecutor
) -> None:
    async with reproducing(store, executor) as service:
        created = await service.create(script("a"))
        await started(executor, 1)
        executor.started[0].end.set_exception(JobFailedError("what; what to do"))
        await asyncio.sleep(0)  # the job has failed, and the queue has not heard of it yet

    found = store.get_reproduction(created.id)
    assert found is not None
    assert found.state is ReproductionState.FAILED


async def test_stopping_any_number_of_times_fails_no_reproduction(store: Store, executor: ScriptedExecutor) -> None:
    for count in range(1, 5):
        async with reproducing(store, executor) as service:
            created = await service.create(script("a")) if count == 1 else (await service.list()).items[0]
            await started(executor, count)

    async with reproducing(store, executor) as service:
        await started(executor, 5)
        last = await finish(executor, service, created)
    assert (last.state, last.attempts) == (REPRODUCTION_STATE_FINISHED, 5)


async def test_nothing_is_taken_in_while_the_service_stops(store: Store, executor: ScriptedExecutor) -> None:
    async with reproducing(store, executor) as service:
        created = await service.create(script("a"))
    with pytest.raises(StoppingError):
        await service.create(script("b"))
    with pytest.raises(StoppingError):
        await ended(service, created)


def leave_running(store: Store) -> None:
    """Leaves the only reproduction as SIGKILL does."""
    (record,) = store.unsettled_reproductions()
    message = Reproduction.FromString(record.body)
    message.state = REPRODUCTION_STATE_RUNNING
    running = replace(record, state=ReproductionState.RUNNING, body=message.SerializeToString())
    assert store.update_reproduction(running, ReproductionState.QUEUED)


async def test_what_a_killed_service_ran_is_run_once_more_and_then_fails(
    store: Store, executor: ScriptedExecutor
) -> None:
    async with reproducing(store, executor) as service:
        created = await service.create(script("a"))
        await started(executor, 1)
    leave_running(store)

    async with reproducing(store, executor):
        await started(executor, 2)
        (record,) = store.unsettled_reproductions()
        assert (record.losses, record.attempts, record.state) == (1, 2, ReproductionState.RUNNING)
    leave_running(store)

    async with reproducing(store, executor) as service:
        last, _ = await service.get(created.id)
    assert last.state == REPRODUCTION_STATE_FAILED
    assert "the service ended under it" in last.error
    assert len(executor.started) == 2


class FragileStore:
    """A real store that can fail."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.broken = False
        self.refusals = 0
        self.loses_answers = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def update_reproduction(self, *arguments: Any) -> bool:
        if self.broken:
            self.refusals += 1
            raise StoreError("the disk is full")
        updated = self._store.update_reproduction(*arguments)
        if self.loses_answers:
            self.loses_answers = False
            raise StoreError("the connection was lost before the answer came")
        return updated


async def test_a_store_that_fails_delays_an_end_and_loses_nothing(
    store: Store, executor: ScriptedExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "RETRY_SECONDS", 0.01)
    fragile = FragileStore(store)
    async with reproducing(fragile, executor) as service:  # type: ignore[arg-type]
        created = await service.create(script("a"))
        await started(executor, 1)
        fragile.broken = True
        executor.started[0].end.set_result(None)
        watching = asyncio.create_task(ended(service, created))
        await eventually(lambda: fragile.refusals >= 2)
        assert not watching.done()
        fragile.broken = False
        assert (await watching).state == REPRODUCTION_STATE_FINISHED


async def test_an_end_whose_answer_was_lost_is_recorded_once(
    store: Store, executor: ScriptedExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "RETRY_SECONDS", 0.01)
    fragile = FragileStore(store)
    async with reproducing(fragile, executor) as service:  # type: ignore[arg-type]
        created = await service.create(script("a"))
        await started(executor, 1)
        fragile.loses_answers = True
        last = await finish(executor, service, created)

    assert last.state == REPRODUCTION_STATE_FINISHED
    assert store.unsettled_reproductions() == []


async def test_listings_tell_what_runs_as_it_is_now(service: ReproductionService, executor: ScriptedExecutor) -> None:
    created = await service.create(script("a"), run=RUN)
    await service.create(script("b"))
    await started(executor, 1)
    executor.started[0].emit(WatchReproductionResponse(progress=ReproductionProgress(steps_done=17)))
    executor.started[0].emit(training())

    listed = (await service.list(run_id="run", state=ReproductionState.RUNNING)).items

    assert [(each.id, each.progress.steps_done) for each in listed] == [(created.id, 17)]
    assert not listed[0].trainings[0].curves
    assert [each.spec.title for each in (await service.list()).items] == ["b", "a"]


async def test_what_is_not_there_is_not_found(service: ReproductionService) -> None:
    with pytest.raises(ReproductionNotFoundError, match="nothing"):
        await service.get("nothing")
    with pytest.raises(ReproductionNotFoundError):
        await service.cancel("nothing")
    with pytest.raises(ReproductionNotFoundError):
        await ended(service, Reproduction(id="nothing"))

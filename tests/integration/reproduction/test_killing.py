"""Real services and real workers, killed under their jobs: nothing is lost, done twice, or left behind."""

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest

from paramedic.v1.reproduction_pb2 import (
    REPRODUCTION_STATE_CANCELLED,
    REPRODUCTION_STATE_FAILED,
    REPRODUCTION_STATE_FINISHED,
    REPRODUCTION_STATE_QUEUED,
)
from paramedic_service.reproduction.plan import Limits
from support.reproduction_service import enqueue, outcome, service_process, state
from support.reproductions import (
    DEADLINE,
    MEBIBYTE,
    ended,
    lives,
    local_executor,
    number_in,
    reproducing,
    script,
    stages,
    starts,
)
from support.waiting import eventually, wait_until

GONE_WITHIN = 5.0  # seconds


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", str(temporary))


def test_a_killed_service_takes_its_worker_along_and_the_next_one_does_the_job_once(tmp_path: Path) -> None:
    mark, done, child, go = (tmp_path / name for name in ("mark", "done", "child", "go"))
    job = enqueue(tmp_path, f"child={child}", f"mark={mark}", f"wait={go}", "train=1", f"mark={done}")

    with service_process(tmp_path) as service:
        wait_until(lambda: starts(mark))
        service.send_signal(signal.SIGKILL)
        service.wait()
        (worker,) = starts(mark)
        wait_until(lambda: not lives(worker), GONE_WITHIN)
        wait_until(lambda: not lives(number_in(child)), GONE_WITHIN)
    first_child = number_in(child)

    go.touch()
    with service_process(tmp_path):
        wait_until(lambda: state(tmp_path, job) == REPRODUCTION_STATE_FINISHED)
    ended = outcome(tmp_path, job)
    assert (ended.attempts, len(ended.trainings)) == (2, 1)
    assert len(starts(done)) == 1

    with service_process(tmp_path):
        pass
    assert len(starts(mark)) == 2
    assert outcome(tmp_path, job) == ended
    assert not lives(first_child)


def test_a_worker_whose_guard_was_killed_ends_with_the_service_all_the_same(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    enqueue(tmp_path, f"mark={mark}", f"wait={tmp_path / 'never'}")

    with service_process(tmp_path) as service:
        wait_until(lambda: starts(mark))
        (worker,) = starts(mark)
        for guard in Path(f"/proc/{worker}/task/{worker}/children").read_text().split():
            os.kill(int(guard), signal.SIGKILL)
        assert lives(worker)
        service.send_signal(signal.SIGKILL)
        service.wait()
        wait_until(lambda: not lives(worker), GONE_WITHIN)


def test_a_job_under_which_the_service_is_killed_twice_fails_and_says_so(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    job = enqueue(tmp_path, f"mark={mark}", f"wait={tmp_path / 'never'}")

    for attempt in (1, 2):
        with service_process(tmp_path) as service:
            wait_until(lambda attempt=attempt: len(starts(mark)) == attempt)
            service.send_signal(signal.SIGKILL)
            service.wait()
    wait_until(lambda: not any(map(lives, starts(mark))), GONE_WITHIN)

    with service_process(tmp_path):
        wait_until(lambda: state(tmp_path, job) == REPRODUCTION_STATE_FAILED)
    assert "died 2 times" in outcome(tmp_path, job).error
    assert len(starts(mark)) == 2


def test_services_killed_at_random_moments_do_every_job_and_none_twice(tmp_path: Path) -> None:
    moments = random.Random(7)
    done = [tmp_path / f"done{number}" for number in range(6)]
    jobs = [
        enqueue(tmp_path, *[f"train={seed}" for seed in range(50)], f"mark={mark}", number=number)
        for number, mark in enumerate(done)
    ]

    def over() -> bool:
        return all(state(tmp_path, job) in (REPRODUCTION_STATE_FINISHED, REPRODUCTION_STATE_FAILED) for job in jobs)

    def finished() -> int:
        return sum(state(tmp_path, job) == REPRODUCTION_STATE_FINISHED for job in jobs)

    for _ in range(20):
        if over():
            break
        with service_process(tmp_path):
            before = finished()
            # A moment after progress, so that every round gets somewhere; what it hits is chance.
            wait_until(lambda before=before: finished() > before or over())
            for _ in range(moments.randrange(20)):
                state(tmp_path, jobs[0])

    assert over()
    for job, mark in zip(jobs, done, strict=True):
        told = outcome(tmp_path, job)
        if told.state == REPRODUCTION_STATE_FINISHED:
            assert [training.seed for training in told.trainings] == list(range(50))
        assert told.attempts <= 2
        assert len(starts(mark)) <= told.attempts


def test_a_service_that_is_told_to_stop_leaves_its_job_to_the_next_one(tmp_path: Path) -> None:
    mark, go = tmp_path / "mark", tmp_path / "go"
    job = enqueue(tmp_path, f"mark={mark}", f"wait={go}", "train=1")

    with service_process(tmp_path) as service:
        wait_until(lambda: starts(mark))
        service.send_signal(signal.SIGTERM)
        service.wait(DEADLINE)
        (worker,) = starts(mark)
        assert not lives(worker)
    assert service.returncode == 0
    assert state(tmp_path, job) == REPRODUCTION_STATE_QUEUED
    assert list((tmp_path / "temporary").iterdir()) == []

    go.touch()
    with service_process(tmp_path):
        wait_until(lambda: state(tmp_path, job) == REPRODUCTION_STATE_FINISHED)


async def test_a_killed_worker_is_replaced_once_and_the_job_is_done(tmp_path: Path) -> None:
    async with reproducing(tmp_path) as service:
        created = await service.create(script("train=1", f"die_once={tmp_path / 'died'}", "train=2"))
        last = await ended(service, created)

    assert (last.state, last.attempts) == (REPRODUCTION_STATE_FINISHED, 2)
    assert [training.seed for training in last.trainings] == [1, 2]


async def test_workers_killed_from_outside_twice_fail_the_job_and_not_the_next(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    async with reproducing(tmp_path) as service:
        created = await service.create(script(f"mark={mark}", "print=at_work", f"wait={tmp_path / 'never'}"))
        following = await service.create(script("train=1"))
        for attempt in (1, 2):
            await eventually(lambda attempt=attempt: len(starts(mark)) == attempt)
            os.kill(starts(mark)[-1], signal.SIGKILL)
        last = await ended(service, created)
        assert (await ended(service, following)).state == REPRODUCTION_STATE_FINISHED

    assert last.state == REPRODUCTION_STATE_FAILED
    assert "killed by SIGKILL, most likely because memory ran out" in last.error
    assert last.error.endswith("at work")


async def test_a_cancelled_job_leaves_no_process(tmp_path: Path) -> None:
    mark, child = tmp_path / "mark", tmp_path / "child"
    async with reproducing(tmp_path) as service:
        created = await service.create(
            script("train=1", f"child={child}", f"mark={mark}", f"wait={tmp_path / 'never'}")
        )
        await eventually(lambda: starts(mark))

        last = await service.cancel(created.id)

        assert not lives(starts(mark)[0])
        await eventually(lambda: not lives(number_in(child)))
    assert last.state == REPRODUCTION_STATE_CANCELLED
    assert [training.seed for training in last.trainings] == [1]


async def test_a_job_that_takes_too_long_leaves_no_process(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    surrounding = stages(Limits(seconds=1.5))
    async with reproducing(tmp_path, surrounding=surrounding) as service:
        created = await service.create(script(f"mark={mark}", f"wait={tmp_path / 'never'}"))
        last = await ended(service, created)
        assert not any(map(lives, starts(mark)))

    assert last.state == REPRODUCTION_STATE_FAILED
    assert "longer than 1.5 seconds" in last.error


async def test_a_job_that_takes_too_much_memory_is_tried_in_a_fresh_process_and_then_fails(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    surrounding = stages(Limits(seconds=DEADLINE, memory_bytes=64 * MEBIBYTE))
    executor = local_executor(framework_memory=192 * MEBIBYTE)
    async with reproducing(tmp_path, executor, surrounding) as service:
        created = await service.create(script(f"mark={mark}", "take=300", f"wait={tmp_path / 'never'}"))
        last = await ended(service, created)

    first, second = starts(mark)
    assert first != second
    assert not lives(second)
    assert (last.state, last.attempts) == (REPRODUCTION_STATE_FAILED, 2)
    assert "more than the 256 MiB that it may" in last.error


async def test_a_second_job_finds_the_worker_warm(tmp_path: Path) -> None:
    async with reproducing(tmp_path) as service:
        created = [await service.create(script("tell=process", "tell=jobs")) for _ in range(2)]
        first, second = [await ended(service, each) for each in created]

    assert first.trainings[0].cause == second.trainings[0].cause
    assert [each.trainings[1].cause for each in (first, second)] == ["1", "2"]


async def test_workers_end_with_an_orderly_stop_even_when_idle(tmp_path: Path) -> None:
    async with reproducing(tmp_path) as service:
        last = await ended(service, await service.create(script("tell=process")))
        worker = int(last.trainings[0].cause)
        assert lives(worker)
        await asyncio.sleep(0)

    assert not lives(worker)

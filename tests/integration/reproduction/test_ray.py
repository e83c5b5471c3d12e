"""Jobs on a real Ray cluster of two nodes, which are killed under them as services are."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from paramedic.v1.reproduction_pb2 import (
    REPRODUCTION_STATE_CANCELLED,
    REPRODUCTION_STATE_FINISHED,
    REPRODUCTION_STATE_RUNNING,
    WatchReproductionResponse,
)
from paramedic_service.reproduction.executors.interface import Executor, JobFailedError, WorkerLostError
from paramedic_service.reproduction.executors.ray import RayExecutor
from paramedic_service.reproduction.executors.ray_cluster import Cluster
from paramedic_service.reproduction.plan import Limits
from paramedic_service.reproduction.worker.job import Job
from support.ray_cluster import HEAD, RESOURCE, SECOND, RayCluster, ray_cluster
from support.reproduction_service import enqueue, outcome, service_process, state
from support.reproductions import MEBIBYTE, ended, lives, number_in, reproducing, script, stages, starts
from support.service import serving, settings_in
from support.waiting import DEADLINE, eventually, wait_until

LIMITS = Limits(memory_bytes=64 * MEBIBYTE, disk_bytes=8 * MEBIBYTE, seconds=60.0)
GONE_WITHIN = 5.0  # seconds


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with ray_cluster() as cluster:
        yield cluster


@pytest.fixture
async def executor(cluster: RayCluster) -> AsyncIterator[RayExecutor]:
    executor = cluster.executor()
    await executor.start()
    yield executor
    await executor.close()


async def run(executor: Executor, *words: str, shared: Path | None = None) -> list[WatchReproductionResponse]:
    """Runs a job; its events."""
    events: list[WatchReproductionResponse] = []
    await executor.run(Job("id", script(*words), LIMITS, shared), events.append)
    return events


def told(events: list[WatchReproductionResponse]) -> list[str]:
    """The causes that trainings tell."""
    return [event.training.cause for event in events if event.HasField("training")]


def left(cluster: RayCluster) -> list[Path]:
    """What jobs left on the disks of the nodes."""
    return list(cluster.temporary.glob("paramedic-*"))


async def test_events_arrive_in_order_the_device_and_its_node_first(executor: RayExecutor, cluster: RayCluster) -> None:
    events = await run(executor, "train=1", "train=2", "tell=nice", "tell=privileges", "tell=environment")

    assert [event.WhichOneof("change") for event in events[:4]] == ["reproduction", "progress", "training", "training"]
    assert events[0].reproduction.device in (f"cpu on {HEAD}", f"cpu on {SECOND}")
    assert [event.training.seed for event in events[2:4]] == [1, 2]
    assert list(events[2].training.curves[0].steps) == list(range(10))
    nice, privileges, environment = told(events)[2:]
    assert int(nice) >= 10
    assert privileges.split() == ["NoNewPrivs:", "1"]
    assert "RAY_" not in environment
    assert left(cluster) == []


async def test_a_shared_sample_travels_to_the_node_and_is_deleted_there(
    executor: RayExecutor, cluster: RayCluster, tmp_path: Path
) -> None:
    sample = tmp_path / "sample"
    sample.write_text("private " * 50_000)

    place, contents = told(await run(executor, "tell=shared", "tell=sample", shared=sample))

    assert contents == sample.read_text()
    assert place != str(sample)
    assert place.startswith(str(cluster.temporary))
    assert left(cluster) == []


async def test_a_job_that_fails_and_one_whose_process_dies_say_why(executor: RayExecutor) -> None:
    with pytest.raises(JobFailedError, match="the data is too small"):
        await run(executor, "raise=the_data_is_too_small")
    with pytest.raises(WorkerLostError, match="killed by SIGKILL") as lost:
        await run(executor, "print=at_work", "die=SIGKILL")
    assert lost.value.log == "at work"
    with pytest.raises(WorkerLostError, match="more than the 256 MiB that it may"):
        await run(executor, "take=300", "wait=/nowhere")


async def test_a_cancelled_job_has_no_process_and_no_file_left(
    executor: RayExecutor, cluster: RayCluster, tmp_path: Path
) -> None:
    mark, child = tmp_path / "mark", tmp_path / "child"
    async with reproducing(tmp_path, executor, stages(LIMITS)) as service:
        created = await service.create(script("train=1", f"child={child}", f"mark={mark}", "write=2", "wait=/nowhere"))
        async for change in service.watch(created.id):
            if change.HasField("training"):  # it travels from another node
                break
        await eventually(lambda: starts(mark))

        last = await service.cancel(created.id)

        assert not lives(starts(mark)[0])
        assert left(cluster) == []
        await eventually(lambda: not lives(number_in(child)))
    assert last.state == REPRODUCTION_STATE_CANCELLED
    assert [training.seed for training in last.trainings] == [1]


async def test_a_job_that_waits_for_a_node_can_be_cancelled(cluster: RayCluster, tmp_path: Path) -> None:
    mark, other = tmp_path / "mark", tmp_path / "other"
    executor = cluster.executor(RESOURCE)
    await executor.start()
    assert executor.slots == 1
    first = asyncio.create_task(run(executor, f"mark={mark}", "wait=/nowhere"))
    await eventually(lambda: starts(mark))
    second = asyncio.create_task(run(executor, f"mark={other}"))
    await asyncio.sleep(0)

    for task in (second, first):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert not other.exists()
    events = await run(executor)
    assert events[0].reproduction.device == f"cpu on {SECOND}"
    await executor.close()


def test_a_killed_service_takes_its_job_along_and_the_next_one_does_it_once(
    cluster: RayCluster, tmp_path: Path
) -> None:
    mark, done, child, go = (tmp_path / name for name in ("mark", "done", "child", "go"))
    job = enqueue(tmp_path, f"child={child}", f"mark={mark}", f"wait={go}", "train=1", f"mark={done}")

    with service_process(tmp_path, ray=cluster.namespace) as service:
        wait_until(lambda: starts(mark), 2 * DEADLINE)
        service.send_signal(signal.SIGKILL)
        service.wait()
        (worker,) = starts(mark)
        wait_until(lambda: not lives(worker), GONE_WITHIN)
        wait_until(lambda: not lives(number_in(child)), GONE_WITHIN)
        wait_until(lambda: not cluster.drivers(), GONE_WITHIN)

    go.touch()
    with service_process(tmp_path, ray=cluster.namespace):
        wait_until(lambda: state(tmp_path, job) == REPRODUCTION_STATE_FINISHED, 2 * DEADLINE)
    ended = outcome(tmp_path, job)
    assert (ended.attempts, len(ended.trainings)) == (2, 1)
    assert len(starts(done)) == 1
    assert len(starts(mark)) == 2
    wait_until(lambda: not cluster.drivers() and not cluster.workers(), GONE_WITHIN)


async def test_a_killed_driver_is_replaced_and_its_job_done_once(cluster: RayCluster, tmp_path: Path) -> None:
    mark, done, go = (tmp_path / name for name in ("mark", "done", "go"))
    async with reproducing(tmp_path, cluster.executor(), stages(LIMITS)) as service:
        created = await service.create(script(f"mark={mark}", f"wait={go}", "train=1", f"mark={done}"))
        await eventually(lambda: starts(mark))
        (driver,) = cluster.drivers()
        os.kill(driver, signal.SIGKILL)
        await eventually(lambda: not lives(starts(mark)[0]))
        go.touch()
        last = await ended(service, created)

    assert (last.state, last.attempts, len(last.trainings)) == (REPRODUCTION_STATE_FINISHED, 2, 1)
    assert len(starts(done)) == 1


async def test_a_job_whose_node_is_killed_is_done_once_on_the_other(cluster: RayCluster, tmp_path: Path) -> None:
    done, go = tmp_path / "done", tmp_path / "go"
    marks = [tmp_path / "mark0", tmp_path / "mark1"]
    async with reproducing(tmp_path, cluster.executor(), stages(LIMITS)) as service:
        created = [
            await service.create(script(f"mark={mark}", f"wait={go}", "train=1", f"mark={done}")) for mark in marks
        ]
        await eventually(lambda: all(map(starts, marks)))
        devices = [(await service.get(each.id))[0].device for each in created]
        assert sorted(devices) == [f"cpu on {HEAD}", f"cpu on {SECOND}"]

        cluster.kill_node(SECOND)

        lost = devices.index(f"cpu on {SECOND}")
        await eventually(lambda: not lives(starts(marks[lost])[0]))
        go.touch()
        last = [await ended(service, each) for each in created]
    assert [each.state for each in last] == [REPRODUCTION_STATE_FINISHED] * 2
    assert [each.device for each in last] == [f"cpu on {HEAD}"] * 2
    assert [each.attempts for each in last] == [2 if number == lost else 1 for number in (0, 1)]
    assert [len(each.trainings) for each in last] == [1, 1]
    assert len(starts(done)) == 2
    assert not any(lives(process) for mark in marks for process in starts(mark))


async def test_a_service_outlives_its_cluster_and_jobs_wait_for_the_next(cluster: RayCluster, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    async with reproducing(tmp_path, cluster.executor(), stages(LIMITS)) as service:
        created = await service.create(script(f"mark={mark}", "wait=/nowhere"))
        await eventually(lambda: starts(mark))
        (driver,) = cluster.drivers()

        cluster.kill()

        await eventually(lambda: not lives(starts(mark)[0]))
        await eventually(lambda: not lives(driver))
        assert (await service.get(created.id))[0].state == REPRODUCTION_STATE_RUNNING
        last = await service.cancel(created.id)
    assert last.state == REPRODUCTION_STATE_CANCELLED
    assert last.attempts == 2


async def test_a_service_starts_without_its_cluster_and_a_job_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paramedic_service.reproduction.executors.ray.START_SECONDS", 0.1)
    executor = RayExecutor(Cluster("127.0.0.2:1", memory=1, framework_memory=1), (sys.executable, "-c", ""))
    await executor.start()
    assert executor.slots == 1

    waiting = asyncio.create_task(run(executor))
    done, _ = await asyncio.wait({waiting}, timeout=0.1)
    assert not done

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await executor.close()


async def test_a_service_without_ray_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)

    with pytest.raises(OSError, match=r"install paramedic\[ray\]"):
        async with serving(settings_in(tmp_path, reproduction_ray="127.0.0.2:26379")):
            pass

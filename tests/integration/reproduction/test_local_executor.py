"""Jobs in real processes: what they are given, what they are denied, and that they end."""

import asyncio
import ctypes
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from paramedic.v1.reproduction_pb2 import ReproductionSpec, WatchReproductionResponse
from paramedic_service.reproduction.executors.devices import CPU, Device
from paramedic_service.reproduction.executors.interface import JobFailedError, WorkerLostError
from paramedic_service.reproduction.executors.local import LocalExecutor
from paramedic_service.reproduction.plan import Limits
from paramedic_service.reproduction.worker.job import Job
from support.reproductions import DEADLINE, MEBIBYTE, lives, local_executor, number_in, script
from support.waiting import eventually, wait_until

LIMITS = Limits(memory_bytes=64 * MEBIBYTE, disk_bytes=8 * MEBIBYTE, seconds=DEADLINE)


@pytest.fixture(autouse=True)
def _temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
async def executor() -> AsyncIterator[LocalExecutor]:
    executor = local_executor(framework_memory=192 * MEBIBYTE)
    await executor.start()
    yield executor
    await executor.close()


async def run(executor: LocalExecutor, *words: str, limits: Limits = LIMITS, workload: str = "") -> list[str]:
    """Runs a job; the causes that its trainings tell."""
    events: list[WatchReproductionResponse] = []
    spec = ReproductionSpec(title=" ".join(words), workload=workload)
    async with asyncio.timeout(DEADLINE):
        await executor.run(Job("id", spec, limits), events.append)
    return [event.training.cause for event in events if event.HasField("training")]


def within(directory: Path, pattern: str = "*") -> list[Path]:
    """What is in a directory now."""
    return sorted(directory.glob(pattern))


async def process_of(executor: LocalExecutor) -> int:
    (process,) = await run(executor, "tell=process")
    return int(process)


async def test_events_arrive_in_order_the_device_first(executor: LocalExecutor) -> None:
    events: list[WatchReproductionResponse] = []

    await executor.run(Job("id", script("train=1", "train=2"), LIMITS), events.append)

    assert [event.WhichOneof("change") for event in events] == ["reproduction", "progress", "training", "training"]
    assert events[0].reproduction.device == "cpu"
    assert [event.training.seed for event in events[2:]] == [1, 2]
    assert list(events[2].training.curves[0].steps) == list(range(10))


async def test_a_worker_is_kept_for_the_next_job(executor: LocalExecutor) -> None:
    first = await run(executor, "tell=process", "tell=jobs")
    second = await run(executor, "tell=process", "tell=jobs")

    assert first[0] == second[0]
    assert (first[1], second[1]) == ("1", "2")


async def test_a_worker_that_is_idle_for_long_ends() -> None:
    executor = local_executor(idle_seconds=0.05)
    await executor.start()
    process = await process_of(executor)
    await eventually(lambda: not lives(process))

    assert await process_of(executor) != process
    await executor.close()


async def test_a_worker_ends_after_a_number_of_jobs() -> None:
    executor = local_executor(most_jobs=2)
    await executor.start()

    processes = [await process_of(executor) for _ in range(5)]

    assert processes[0] == processes[1] != processes[2] == processes[3] != processes[4]
    assert not lives(processes[0])
    await executor.close()


async def test_a_worker_that_grew_large_is_not_kept(executor: LocalExecutor) -> None:
    limits = replace(LIMITS, memory_bytes=512 * MEBIBYTE)
    (before,) = await run(executor, "take=470", "tell=process", limits=limits)

    assert not lives(int(before))


async def test_a_workload_gets_a_process_that_nothing_ran_in_and_nothing_will(executor: LocalExecutor) -> None:
    usual = await process_of(executor)

    (process, jobs) = await run(executor, "tell=process", "tell=jobs", workload="of-the-operator")

    assert (jobs, lives(usual), lives(int(process))) == ("1", False, False)


async def test_a_worker_that_died_between_jobs_is_replaced(executor: LocalExecutor) -> None:
    process = await process_of(executor)
    os.kill(process, 9)
    wait_until(lambda: not lives(process))  # holds the event loop, which so cannot know yet

    assert await process_of(executor) != process


async def test_each_device_has_a_worker_of_its_own() -> None:
    devices = [Device(f"gpu {n}", {"CUDA_VISIBLE_DEVICES": str(n)}) for n in range(2)]
    executor = local_executor(devices)
    await executor.start()
    assert executor.slots == 2

    told = await asyncio.gather(*(run(executor, "tell=device", "tell=process") for _ in devices))

    assert [device for device, _ in told] == ["0", "1"]
    assert told[0][1] != told[1][1]
    await executor.close()


async def test_no_secret_of_the_service_reaches_a_worker(
    executor: LocalExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PARAMEDIC_TOKEN", "PARAMEDIC_STORE_URL", "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, "secret")

    (environment,) = await run(executor, "tell=environment")

    assert {"PATH", "HOME", "TMPDIR", "CUDA_VISIBLE_DEVICES"} <= set(environment.split())
    assert not any(name.startswith(("PARAMEDIC", "AWS", "GITHUB")) for name in environment.split())


async def test_a_worker_has_low_priority_and_can_gain_no_privileges(executor: LocalExecutor) -> None:
    nice, privileges = await run(executor, "tell=nice", "tell=privileges")

    assert int(nice) == min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)
    assert privileges.split() == ["NoNewPrivs:", "1"]


async def test_a_job_works_in_a_directory_of_its_own_that_is_deleted(executor: LocalExecutor, tmp_path: Path) -> None:
    directory, cwd = await run(executor, "tell=directory", "tell=cwd", "write=1")
    (second,) = await run(executor, "tell=directory")

    assert directory == cwd != second
    assert Path(directory).is_relative_to(tmp_path)
    assert within(tmp_path, "*/worker-1/job*") == []
    await executor.close()
    assert within(tmp_path) == []


async def test_the_words_of_an_error_reach_whoever_asked(executor: LocalExecutor) -> None:
    with pytest.raises(JobFailedError, match=r"^description\.model: no such layer$"):
        await run(executor, "raise=description.model:_no_such_layer")


async def test_a_framework_that_is_missing_is_told_with_the_extra_that_brings_it(executor: LocalExecutor) -> None:
    with pytest.raises(JobFailedError, match=r"No module named 'tensorflow'; install paramedic\[reproduction\]"):
        await run(executor, "import=tensorflow")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("die=SIGKILL", "killed by SIGKILL, most likely because memory ran out"),
        ("die=SIGSEGV", "crashed with SIGSEGV"),
        ("exit=3", "ended by itself with status 3"),
        ("babble=16", "sent what is no event"),
        ("babble=4294967295", "announced"),
    ],
)
async def test_a_worker_that_dies_is_told_of_with_the_end_of_its_log(
    executor: LocalExecutor, word: str, said: str
) -> None:
    before = await process_of(executor)

    with pytest.raises(WorkerLostError, match=said) as caught:
        await run(executor, "print=just_before_the_end", word)

    assert caught.value.log.splitlines()[-1] == "just before the end"
    assert not lives(before)
    assert await process_of(executor) != before


async def test_a_job_that_takes_too_much_memory_is_ended(executor: LocalExecutor, tmp_path: Path) -> None:
    with pytest.raises(WorkerLostError, match=r"of memory, more than the 256 MiB that it may.*REPRODUCTION_MEMORY"):
        await run(executor, "take=300", f"wait={tmp_path / 'never'}")


async def test_memory_counts_whatever_the_job_started(executor: LocalExecutor, tmp_path: Path) -> None:
    with pytest.raises(WorkerLostError, match="of memory"):
        await run(executor, "take_elsewhere=300", f"wait={tmp_path / 'never'}")


@pytest.mark.parametrize("word", ["write=9"])
async def test_a_job_that_writes_too_much_is_ended(executor: LocalExecutor, tmp_path: Path, word: str) -> None:
    with pytest.raises(JobFailedError, match=r"it wrote \d+ MiB, more than the 8 MiB that it may"):
        await run(executor, word, f"wait={tmp_path / 'never'}")

    assert within(tmp_path, "*/worker-1") == []


async def test_a_file_that_grows_too_large_is_refused_by_the_system(executor: LocalExecutor) -> None:
    with pytest.raises(JobFailedError, match="File too large"):
        await run(executor, "write_one=9")


async def test_a_worker_that_prints_without_end_fills_no_disk(executor: LocalExecutor, tmp_path: Path) -> None:
    finish = tmp_path / "finish"
    job = asyncio.create_task(run(executor, "chatter=4", f"wait={finish}"))

    def logs() -> list[int]:
        return [log.stat().st_size for log in within(tmp_path, "*/worker-1/log")]

    await eventually(lambda: any(size > MEBIBYTE for size in logs()))
    await eventually(lambda: all(size <= MEBIBYTE for size in logs()))
    finish.touch()
    await job


async def test_cancelling_a_job_ends_all_its_processes(executor: LocalExecutor, tmp_path: Path) -> None:
    child = tmp_path / "child"
    mark = tmp_path / "mark"
    job = asyncio.create_task(run(executor, f"child={child}", f"mark={mark}", f"wait={tmp_path / 'never'}"))
    await eventually(lambda: number_in(mark))
    assert lives(number_in(child))

    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job

    assert not lives(number_in(mark))
    await eventually(lambda: not lives(number_in(child)))
    assert within(tmp_path, "*/worker-1") == []


async def test_what_a_worker_started_ends_with_it(executor: LocalExecutor, tmp_path: Path) -> None:
    child = tmp_path / "child"

    with pytest.raises(WorkerLostError):
        await run(executor, f"child={child}", "die=SIGKILL")

    await eventually(lambda: not lives(number_in(child)))


def children() -> str:
    """Processes that this one started, or inherited; dead ones stand there until they are buried."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()


@pytest.fixture
def _process_one() -> Iterator[None]:
    """Inherits what its children leave behind, as the first process of a container does."""
    subreaper = 36
    ctypes.CDLL(None).prctl(subreaper, 1, 0, 0, 0)
    yield
    ctypes.CDLL(None).prctl(subreaper, 0, 0, 0, 0)


@pytest.mark.usefixtures("_process_one")
async def test_the_first_process_of_a_container_buries_what_workers_leave(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    before = children()

    with pytest.raises(WorkerLostError):
        await run(executor, f"child={tmp_path / 'child'}", "die=SIGKILL")
    await process_of(executor)
    await executor.close()

    assert children() == before


async def test_closing_ends_workers_that_are_idle(executor: LocalExecutor) -> None:
    process = await process_of(executor)

    await executor.close()

    assert not lives(process)


async def test_what_a_killed_service_left_on_the_disk_is_deleted_and_what_a_living_one_uses_is_not(
    executor: LocalExecutor, tmp_path: Path
) -> None:
    await process_of(executor)
    (used,) = within(tmp_path)
    left = tmp_path / "paramedic-reproductions-left"
    left.mkdir()
    (left / "lock").touch()
    (left / "samples").write_bytes(b"private")

    other = local_executor()
    await other.start()

    assert within(tmp_path) == [used]
    await process_of(other)
    assert len(within(tmp_path)) == 2
    await other.close()
    assert within(tmp_path) == [used]


async def test_a_service_without_a_disk_to_write_on_says_so_when_there_is_a_job(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    executor = local_executor()
    await executor.start()

    with pytest.raises(JobFailedError, match=r"No such file or directory.*TMPDIR"):
        await run(executor, "train=1")

    await executor.close()


async def test_the_cpu_is_a_device_without_gpus(executor: LocalExecutor) -> None:
    assert await run(executor, "tell=device") == [CPU.variables["CUDA_VISIBLE_DEVICES"]]

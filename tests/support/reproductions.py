"""Reproductions whose trainings are scripted, run by real worker processes."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

from paramedic.v1.reproduction_pb2 import Reproduction, ReproductionProgress, ReproductionSpec
from paramedic.v1.verdict_pb2 import ReproductionVerdict
from paramedic_service.reproduction.executors.devices import CPU, Device
from paramedic_service.reproduction.executors.interface import Executor
from paramedic_service.reproduction.executors.local import LocalExecutor
from paramedic_service.reproduction.plan import Limits
from paramedic_service.reproduction.queue import Stages
from paramedic_service.reproduction.service import ReproductionService
from paramedic_service.reproduction.worker.job import Job
from paramedic_service.store.interface import Store
from paramedic_service.store.opening import open_store
from support import reproduction_worker

DEADLINE = 30.0  # seconds; only a hanging test ever waits so long
MEBIBYTE = 1024 * 1024
COMMAND = (sys.executable, str(Path(reproduction_worker.__file__)))
SUMMARY = "as its test would have it"


def script(*words: str) -> ReproductionSpec:
    """A specification that makes a scripted worker do things, word by word."""
    return ReproductionSpec(title=" ".join(words))


def judged(message: Reproduction) -> ReproductionVerdict:
    """A verdict that tells how many trainings it is over."""
    return ReproductionVerdict(summary=f"{len(message.trainings)} trainings")


async def tell_nobody(message: Reproduction) -> None:
    """Nobody wants to know."""


def stages(limits: Limits | None = None, tell: object = tell_nobody) -> Stages:
    """What surrounds a training, of fixed answers."""
    bounds = limits or Limits(seconds=DEADLINE)
    return Stages(
        job=lambda message: Job(message.id, message.spec, bounds),
        judge=judged,
        render=lambda message: f"<html>{message.id}</html>",
        tell=tell,  # type: ignore[arg-type]
    )


def local_executor(
    devices: Sequence[Device] = (CPU,),
    *,
    framework_memory: int = 1024 * MEBIBYTE,
    idle_seconds: float = 600.0,
    most_jobs: int = 100,
) -> LocalExecutor:
    """Scripted workers in processes of this machine."""
    return LocalExecutor(
        lambda: devices,
        framework_memory=framework_memory,
        idle_seconds=idle_seconds,
        most_jobs=most_jobs,
        command=COMMAND,
    )


@contextlib.asynccontextmanager
async def reproducing(
    store: Store | Path,
    executor: Executor | None = None,
    surrounding: Stages | None = None,
    most_waiting: int = 1000,
    clock: Callable[[], float] | None = None,
) -> AsyncIterator[ReproductionService]:
    """A service of reproductions; a path is where it opens a store of its own."""
    opened = open_store(f"sqlite:///{store / 'paramedic.db'}") if isinstance(store, Path) else store
    service = ReproductionService(
        opened,
        local_executor() if executor is None else executor,
        stages() if surrounding is None else surrounding,
        lambda spec: ReproductionProgress(trainings=2, steps=20),
        most_waiting=most_waiting,
        **({} if clock is None else {"clock": clock}),
    )
    await service.start()
    try:
        yield service
    finally:
        await service.stop(DEADLINE)
        if isinstance(store, Path):
            opened.close()


async def ended(service: ReproductionService, created: Reproduction) -> Reproduction:
    """Waits for the end of a reproduction; the last that a watcher hears."""
    last = created
    async with asyncio.timeout(DEADLINE):
        async for change in service.watch(created.id):
            if change.HasField("reproduction"):
                last = change.reproduction
    return last


def lives(process: int) -> bool:
    """Whether a process runs; one that is dead and not yet buried does not."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def number_in(file: Path) -> int:
    """The number that a file holds, once it does; 0 before."""
    with contextlib.suppress(OSError, ValueError):
        return int(file.read_text())
    return 0


def starts(mark: Path) -> list[int]:
    """Processes that put a mark."""
    return [int(line) for line in mark.read_text().split()] if mark.exists() else []

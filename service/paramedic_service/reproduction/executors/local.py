"""Jobs in processes of this machine: one a device, kept warm for the next job."""

import asyncio
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from paramedic.v1.reproduction_pb2 import Reproduction, WatchReproductionResponse
from paramedic_service.reproduction.executors.devices import Device
from paramedic_service.reproduction.executors.interface import JobFailedError
from paramedic_service.reproduction.executors.scratch import Scratch, sweep
from paramedic_service.reproduction.executors.worker_process import WorkerProcess
from paramedic_service.reproduction.worker.job import Emit, Job

# Isolated from the directory it is started in, and from whatever it finds there to import.
WORKER = (sys.executable, "-P", "-m", "paramedic_service.reproduction.worker")

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Slot:
    """A device, and the worker that is warm on it.

    Attributes:
        device: What it trains on.
        busy: Whether a job runs on it.
        worker: None while there is none.
        directory: The worker's.
        idle: Ends a worker that has nothing to do.
    """

    device: Device
    busy: bool = False
    worker: WorkerProcess | None = None
    directory: Path = Path()
    idle: asyncio.TimerHandle | None = None


class LocalExecutor:
    """Runs each job in a process of this machine, which is then kept for the next one; see `interface.Executor`.

    The second job of a worker imports no framework. A worker is started when a job needs it, and ended when it was idle
    for a while, has run a number of jobs, or grew large; the slow leaks of frameworks end with it.

    Args:
        devices: Finds what to train on, one job each; called once, in a worker thread.
        framework_memory: What a process may hold beyond what its job may take, bytes.
        idle_seconds: How long a worker without a job is kept.
        most_jobs: Of one worker.
        command: Starts a worker, given the process id of the service.
    """

    def __init__(
        self,
        devices: Callable[[], Sequence[Device]],
        *,
        framework_memory: int,
        idle_seconds: float,
        most_jobs: int,
        command: Sequence[str] = WORKER,
    ) -> None:
        self._find_devices = devices
        self._framework_memory = framework_memory
        self._idle_seconds = idle_seconds
        self._most_jobs = most_jobs
        self._command = command
        self._slots: list[_Slot] = []
        self._scratch: Scratch | None = None
        self._started = 0
        self._ending: set[asyncio.Task[None]] = set()

    @property
    def slots(self) -> int:
        """How many jobs may run at a time."""
        return len(self._slots)

    async def start(self) -> None:
        """Finds the devices, and tidies up after services that were killed; starts no worker."""
        await asyncio.to_thread(sweep)
        self._slots = [_Slot(device) for device in await asyncio.to_thread(self._find_devices)]
        _log.info("reproductions train on", devices=[slot.device.name for slot in self._slots])

    async def run(self, job: Job, emit: Emit) -> None:
        """Runs a job to its end, as the interface says."""
        slot = self._take()
        emit(WatchReproductionResponse(reproduction=Reproduction(device=slot.device.name)))
        try:
            await self._run(slot, job, emit)
        except BaseException:
            await self._discard(slot)
            raise
        finally:
            slot.busy = False

    async def close(self) -> None:
        """Ends all workers, and deletes what they wrote."""
        for slot in self._slots:
            await self._discard(slot)
        await asyncio.gather(*self._ending)
        scratch, self._scratch = self._scratch, None
        if scratch is not None:
            await asyncio.to_thread(scratch.close)

    def _take(self) -> _Slot:
        free = [slot for slot in self._slots if not slot.busy]
        slot = max(free, key=lambda slot: slot.worker is not None)  # a warm one if there is any
        slot.busy = True
        if slot.idle is not None:
            slot.idle.cancel()
            slot.idle = None
        return slot

    async def _run(self, slot: _Slot, job: Job, emit: Emit) -> None:
        memory = job.limits.memory_bytes + self._framework_memory + slot.device.memory
        worker = await self._worker(slot, job)
        directory = slot.directory / f"job-{worker.jobs}"
        directory.mkdir(mode=0o700)
        await worker.perform(replace(job, directory=directory), emit, memory)
        await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)
        large = await worker.resident_bytes() > memory - job.limits.memory_bytes // 2
        if job.fresh or large or worker.jobs >= self._most_jobs:
            await self._discard(slot)
        else:
            slot.idle = asyncio.get_running_loop().call_later(self._idle_seconds, self._end_idle, slot)

    async def _worker(self, slot: _Slot, job: Job) -> WorkerProcess:
        if slot.worker is not None and (job.fresh or not slot.worker.alive):
            await self._discard(slot)
        if slot.worker is None:
            try:
                # Made when it is needed: a service that trains nothing gets along without a disk to write on.
                if self._scratch is None:
                    self._scratch = Scratch()
                self._started += 1
                slot.directory = self._scratch.make(f"worker-{self._started}")
                slot.worker = await WorkerProcess.start(self._command, slot.device, slot.directory)
            except OSError as error:
                raise JobFailedError(
                    f"no process could be started for it: {error}; see that the service may start processes and has a"
                    " directory for temporary files with free space (TMPDIR)"
                ) from error
        return slot.worker

    async def _discard(self, slot: _Slot) -> None:
        """Ends a slot's worker, if it has one."""
        await self._end(*_emptied(slot))

    def _end_idle(self, slot: _Slot) -> None:
        # Emptied at once, so that the next job does not get a worker that is being ended.
        task = asyncio.create_task(self._end(*_emptied(slot)))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _end(self, worker: WorkerProcess | None, directory: Path) -> None:
        if worker is not None:
            await worker.kill()
            await asyncio.to_thread(shutil.rmtree, directory, ignore_errors=True)


def _emptied(slot: _Slot) -> tuple[WorkerProcess | None, Path]:
    """Takes the worker out of a slot, with its directory."""
    if slot.idle is not None:
        slot.idle.cancel()
        slot.idle = None
    worker, slot.worker = slot.worker, None
    return worker, slot.directory

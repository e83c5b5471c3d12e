"""A worker process, seen from the service: started, given jobs, watched, and ended with all that it started."""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from google.protobuf.message import DecodeError

from paramedic.v1.reproduction_pb2 import (
    REPRODUCTION_STATE_FAILED,
    REPRODUCTION_STATE_FINISHED,
    WatchReproductionResponse,
)
from paramedic_service.reproduction.executors.devices import Device
from paramedic_service.reproduction.executors.environment import worker_environment
from paramedic_service.reproduction.executors.interface import JobFailedError, WorkerLostError
from paramedic_service.reproduction.executors.measuring import resident_bytes, written_bytes
from paramedic_service.reproduction.executors.process_group import end_group
from paramedic_service.reproduction.executors.worker_log import WorkerLog
from paramedic_service.reproduction.worker.frames import frame, next_frame
from paramedic_service.reproduction.worker.job import Emit, Job

WATCH_SECONDS = 0.2
"""Between two looks at memory and disk: what a job can take beyond its bounds is what it can take in this time."""

MOST_EVENT_BYTES = 512 * 1024 * 1024
"""Of one job: the service holds its events in memory."""

MEBIBYTE = 1024 * 1024


class WorkerProcess:
    """One worker, in a process group of its own. Use `start`.

    Attributes:
        jobs: How many it was given.
    """

    def __init__(self, process: asyncio.subprocess.Process, log: WorkerLog, directory: Path) -> None:
        self.jobs = 0
        self._process = process
        self._log = log
        self._directory = directory

    @classmethod
    async def start(cls, command: Sequence[str], device: Device, directory: Path) -> "WorkerProcess":
        """Starts a worker.

        Args:
            command: To which the process id of the service is appended.
            device: What it may use.
            directory: Its own, empty; whatever it writes is to stay in there.

        Raises:
            OSError: It cannot be started.
        """
        log = WorkerLog(directory / "log")
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                str(os.getpid()),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log.descriptor,
                env=worker_environment(directory, device.variables),
                cwd=directory,
                start_new_session=True,
            )
        except BaseException:
            log.close()
            raise
        return cls(process, log, directory)

    @property
    def alive(self) -> bool:
        """Whether it can be given a job."""
        if self._process.returncode is not None:
            return False
        try:
            # Asked of the system, because the event loop may not have heard of a death yet.
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:
            return False

    async def resident_bytes(self) -> int:
        """Memory that it holds."""
        return await asyncio.to_thread(resident_bytes, self._process.pid)

    async def perform(self, job: Job, emit: Emit, memory: int) -> None:
        """Runs a job to its end; whatever this raises, the worker is to be killed.

        Args:
            job: With a directory within the worker's.
            emit: Called with every event but the end.
            memory: Most that the process may hold, bytes.

        Raises:
            JobFailedError: The job could not be done.
            WorkerLostError: The process is gone, or took too much memory.
        """
        self.jobs += 1
        self._log.clear()
        conversation = asyncio.create_task(self._converse(job, emit))
        watch = asyncio.create_task(self._watch(job, memory))
        try:
            await asyncio.wait({conversation, watch}, return_when=asyncio.FIRST_COMPLETED)
            if conversation.done():
                conversation.result()
            else:
                watch.result()
        finally:
            conversation.cancel()
            watch.cancel()
            await asyncio.gather(conversation, watch, return_exceptions=True)

    async def kill(self) -> None:
        """Ends the process and all that it started; returns when it is gone."""
        await end_group(self._process)
        self._log.close()

    async def _converse(self, job: Job, emit: Emit) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(ConnectionError):  # the answer will tell that it is gone
            self._process.stdin.write(frame(job.to_bytes()))
            await self._process.stdin.drain()
        size = 0
        while (payload := await self._next(self._process.stdout)) is not None:
            size += len(payload)
            event = self._parsed(payload)
            if event.reproduction.state == REPRODUCTION_STATE_FINISHED:
                return
            if event.reproduction.state == REPRODUCTION_STATE_FAILED:
                raise JobFailedError(event.reproduction.error)
            if size > MOST_EVENT_BYTES:
                raise JobFailedError(f"its trainings told more than {MOST_EVENT_BYTES} bytes; ask for fewer of them")
            emit(event)
        raise await self._death()

    async def _next(self, stream: asyncio.StreamReader) -> bytes | None:
        try:
            return await next_frame(stream)
        except ValueError as error:
            raise WorkerLostError(f"its process sent what cannot be read: {error}", self._log.tail()) from error

    def _parsed(self, payload: bytes) -> WatchReproductionResponse:
        try:
            return WatchReproductionResponse.FromString(payload)
        except DecodeError as error:
            raise WorkerLostError("its process sent what is no event", self._log.tail()) from error

    async def _death(self) -> JobFailedError | WorkerLostError:
        code = await self._process.wait()
        log = self._log.tail()
        if code == -signal.SIGXCPU:
            return JobFailedError(
                "it took more processor time than all cores have in its time; ask for fewer arms, seeds or steps", log
            )
        if code == -signal.SIGKILL:
            return WorkerLostError(
                "its process was killed by SIGKILL, most likely because memory ran out on the machine", log
            )
        if code < 0:
            return WorkerLostError(f"its process crashed with {signal.Signals(-code).name}", log)
        return WorkerLostError(f"its process ended by itself with status {code}", log)

    async def _watch(self, job: Job, memory: int) -> None:
        """Never returns; raises when a bound is exceeded."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            self._log.bound()
            resident, written = await asyncio.to_thread(self._measure)
            if resident > memory:
                # Lost rather than failed: jobs before it may have left something behind in this process.
                raise WorkerLostError(
                    f"its process was ended because it held {resident // MEBIBYTE} MiB of memory, more than the"
                    f" {memory // MEBIBYTE} MiB that it may; ask for fewer samples, smaller batches or fewer arms, or"
                    " raise PARAMEDIC_REPRODUCTION_MEMORY",
                    self._log.tail(),
                )
            if written > job.limits.disk_bytes:
                raise JobFailedError(
                    f"it wrote {written // MEBIBYTE} MiB, more than the {job.limits.disk_bytes // MEBIBYTE} MiB that it"
                    " may; raise PARAMEDIC_REPRODUCTION_DISK",
                    self._log.tail(),
                )

    def _measure(self) -> tuple[int, int]:
        return resident_bytes(self._process.pid), written_bytes(self._directory)

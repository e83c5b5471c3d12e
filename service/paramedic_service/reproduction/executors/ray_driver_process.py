"""The process that drives Ray, seen from the service: started, given jobs, and ended."""

import asyncio
import itertools
import os
from collections.abc import Sequence
from contextlib import suppress

import structlog

from paramedic.v1.reproduction_pb2 import WatchReproductionResponse
from paramedic_service.reproduction.executors.interface import JobFailedError, WorkerLostError
from paramedic_service.reproduction.executors.process_group import end_group
from paramedic_service.reproduction.executors.ray_cluster import Cluster
from paramedic_service.reproduction.executors.ray_messages import Kind, Order, Report
from paramedic_service.reproduction.worker.frames import frame, next_frame
from paramedic_service.reproduction.worker.job import Emit, Job

CANCEL_SECONDS = 15.0
"""How long a cluster may take to end a job; a node that is cut off never says that it did."""

_log = structlog.get_logger(__name__)


class DriverLostError(Exception):
    """The driver died before a job began."""


class DriverProcess:
    """One driver, connected to its cluster. Use `start`.

    Attributes:
        slots: How many jobs the cluster has room for.
        alive: Whether it can be given a job.
    """

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.slots = 0
        self.alive = True
        self._process = process
        self._numbers = itertools.count(1)
        self._reports: dict[int, asyncio.Queue[Report]] = {}
        self._listening: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, command: Sequence[str], cluster: Cluster) -> "DriverProcess":
        """Starts a driver, and waits until it is connected.

        Args:
            command: To which the process id of the service and the cluster are appended.
            cluster: What it connects to.

        Raises:
            OSError: The cluster cannot be reached, or no process be started.
        """
        process = await asyncio.create_subprocess_exec(
            *command,
            str(os.getpid()),
            cluster.to_json(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # Ray's own settings, and none of the service's: its secrets are among them.
            env={name: value for name, value in os.environ.items() if not name.startswith("PARAMEDIC_")},
            start_new_session=True,
        )
        driver = cls(process)
        try:
            await driver._connect(cluster.address)
        except BaseException:
            await driver.kill()
            raise
        return driver

    async def perform(self, job: Job, emit: Emit) -> None:
        """Runs a job to its end; see `interface.Executor.run`.

        Raises:
            JobFailedError: The job could not be done.
            WorkerLostError: What ran it is gone.
            DriverLostError: Nothing ran it yet, and nothing will.
        """
        began = False
        number = next(self._numbers)
        reports = self._reports[number] = asyncio.Queue()
        try:
            await self._send(Order(number, job.to_bytes()))
            while (report := await reports.get()).kind is Kind.EVENT:
                began = True
                emit(WatchReproductionResponse.FromString(report.event))
            if not began and not self.alive:
                raise DriverLostError
            if report.kind is Kind.FAILED:
                raise JobFailedError(report.text, report.log)
            if report.kind is Kind.LOST:
                raise WorkerLostError(report.text, report.log)
        except asyncio.CancelledError:
            await self._cancel(number, reports)
            raise
        finally:
            del self._reports[number]

    async def kill(self) -> None:
        """Ends the process, and thereby whatever it has running on the cluster."""
        await end_group(self._process)
        self.alive = False
        if self._listening is not None:
            await self._listening

    async def _connect(self, address: str) -> None:
        first = await self._next()
        if first is None:
            raise OSError(f"the process that drives Ray at {address} ended by itself; what it printed is in the log")
        if first.kind is Kind.UNREACHABLE:
            raise OSError(f"the Ray cluster at {address} cannot be reached: {first.text}")
        self.slots = first.number
        self._listening = asyncio.create_task(self._listen())

    async def _next(self) -> Report | None:
        assert self._process.stdout is not None
        packed = await next_frame(self._process.stdout)
        return None if packed is None else Report.from_bytes(packed)

    async def _listen(self) -> None:
        while (report := await self._next()) is not None:
            if report.kind is Kind.SLOTS:
                self.slots = report.number
            elif report.number in self._reports:  # or nobody waits for it any longer
                self._reports[report.number].put_nowait(report)
        self.alive = False
        lost = "the process that drives Ray ended, as it does when the cluster does not answer"
        for number, reports in self._reports.items():
            reports.put_nowait(Report(Kind.LOST, number, text=lost))

    async def _send(self, order: Order) -> None:
        assert self._process.stdin is not None
        if not self.alive:
            raise DriverLostError
        with suppress(ConnectionError):  # the reports will tell that it is gone
            self._process.stdin.write(frame(order.to_bytes()))
            await self._process.stdin.drain()

    async def _cancel(self, number: int, reports: asyncio.Queue[Report]) -> None:
        with suppress(DriverLostError):  # then Ray ends the job by itself
            await self._send(Order(number))
            try:
                async with asyncio.timeout(CANCEL_SECONDS):
                    while (await reports.get()).kind is Kind.EVENT:
                        pass
            except TimeoutError:
                _log.warning("a Ray cluster was told to end a job, and does not say that it did", job=number)

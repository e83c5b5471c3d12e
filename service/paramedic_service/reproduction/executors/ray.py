"""Jobs on a Ray cluster: tasks of it, one GPU each where it has any."""

import asyncio
import importlib.util
import sys
from collections.abc import Sequence
from contextlib import suppress

import structlog

from paramedic_service.reproduction.executors.ray_cluster import Cluster
from paramedic_service.reproduction.executors.ray_driver_process import DriverLostError, DriverProcess
from paramedic_service.reproduction.worker.job import Emit, Job

DRIVER = (sys.executable, "-P", "-m", "paramedic_service.reproduction.executors.ray_driver")

START_SECONDS = 30.0
"""How long the service waits for the cluster before it serves without."""

RETRY_SECONDS = 5.0
"""Between two attempts to reach a cluster."""

_log = structlog.get_logger(__name__)


class RayExecutor:
    """Runs each job as a task of a Ray cluster; see `interface.Executor`.

    This machine must be a node of the cluster, and every node must have the same release of Paramedic. A cluster that
    is away does not take the service along: jobs wait for it as long as their time allows.

    Args:
        cluster: Where to run them.
        command: Starts a driver of Ray, given the process id of the service and the cluster.
    """

    def __init__(self, cluster: Cluster, command: Sequence[str] = DRIVER) -> None:
        self._cluster = cluster
        self._command = command
        self._driver: DriverProcess | None = None
        self._connecting = asyncio.Lock()

    @property
    def slots(self) -> int:
        """How many jobs may run at a time; one, which waits, while the cluster has room for none."""
        return 1 if self._driver is None else max(1, self._driver.slots)

    async def start(self) -> None:
        """Connects to the cluster, if that is there already.

        Raises:
            OSError: Ray is not installed.
        """
        if importlib.util.find_spec("ray") is None:
            raise OSError(
                "PARAMEDIC_REPRODUCTION_RAY is set, and Ray is not installed: install paramedic[ray] where the service"
                " runs, or unset it to train on this machine"
            )
        try:
            async with asyncio.timeout(START_SECONDS):
                driver = await self._connected()
        except TimeoutError:
            _log.warning("the Ray cluster is not there, reproductions wait for it", address=self._cluster.address)
        else:
            _log.info("reproductions train on Ray", address=self._cluster.address, jobs_at_a_time=driver.slots)
            if not driver.slots:
                _log.warning(
                    "no node of the Ray cluster has room for a reproduction, which takes one processor, and memory as"
                    " PARAMEDIC_REPRODUCTION_MEMORY and PARAMEDIC_REPRODUCTION_FRAMEWORK_MEMORY say; they wait for one"
                )

    async def run(self, job: Job, emit: Emit) -> None:
        """Runs a job to its end, as the interface says."""
        while True:
            driver = await self._connected()
            with suppress(DriverLostError):  # the job waits for the next one
                return await driver.perform(job, emit)

    async def close(self) -> None:
        """Leaves the cluster."""
        driver, self._driver = self._driver, None
        if driver is not None:
            await driver.kill()

    async def _connected(self) -> DriverProcess:
        """The driver; a new one where there is none, as soon as the cluster can be reached."""
        async with self._connecting:
            while self._driver is None or not self._driver.alive:
                await self.close()  # buries one that died
                try:
                    self._driver = await DriverProcess.start(self._command, self._cluster)
                except OSError as error:
                    _log.warning("no Ray, trying again", error=str(error))
                    await asyncio.sleep(RETRY_SECONDS)
            return self._driver

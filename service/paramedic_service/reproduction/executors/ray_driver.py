"""`python -m paramedic_service.reproduction.executors.ray_driver PARENT CLUSTER`: drives Ray for a service.

In a process of its own, because Ray blocks, and in the end aborts, the process that uses it when the cluster's head is
gone. This one ends soon after that, the service goes on, and starts another. Ray in turn ends all tasks of a driver
that is dead.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable

from paramedic_service.reproduction.worker.tether import tether

if __name__ == "__main__":
    tether(int(sys.argv[1]))

import ray
from ray.exceptions import RayError, RayTaskError

from paramedic_service.reproduction.executors.interface import JobFailedError, WorkerLostError
from paramedic_service.reproduction.executors.ray_cluster import Cluster, asked, count_slots
from paramedic_service.reproduction.executors.ray_messages import Kind, Order, Report
from paramedic_service.reproduction.executors.ray_node import train
from paramedic_service.reproduction.worker.frames import frame, next_frame
from paramedic_service.reproduction.worker.job import Job

POLL_SECONDS = 2.0
"""Between two looks at which nodes there are."""

SILENCE_SECONDS = 15
"""How long a cluster may take to answer before this process ends, and what it runs is given up."""

CANCEL_SECONDS = 5.0
"""How long a job may take to end its process and delete its files before Ray ends it by force."""

# Never tried again by Ray: the queue decides what runs again. A process of Ray's own for each, whose end takes along
# whatever a job might have left.
_train = ray.remote(max_retries=0, max_calls=1, num_returns="streaming")(train)


class Driver:
    """Runs jobs as tasks of a cluster that this process is connected to.

    Args:
        cluster: It.
        tell: Takes reports.
    """

    def __init__(self, cluster: Cluster, tell: Callable[[Report], None]) -> None:
        self._cluster = cluster
        self._tell = tell
        self._running: dict[int, ray.ObjectRefGenerator] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wanted: dict[str, float] = {}
        self._node = ray.get_runtime_context().get_node_id()

    async def serve(self, orders: asyncio.StreamReader) -> None:
        """Follows orders until the service hangs up."""
        slots = self._look()
        self._tell(Report(Kind.SLOTS, slots))
        self._spawn(self._watch(slots))
        while (packed := await next_frame(orders)) is not None:
            order = Order.from_bytes(packed)
            if order.job:
                self._start(order)
            else:
                self._cancel(order.number)

    def _look(self) -> int:
        # The kernel's alarm ends this process also where Ray blocks every thread of it.
        signal.alarm(SILENCE_SECONDS)
        alive = [node for node in ray.nodes() if node["Alive"]]
        if all(node["NodeID"] != self._node for node in alive):
            os._exit(1)  # this machine is no longer a node: nothing would run
        nodes = [node["Resources"] for node in alive]
        self._wanted = asked(self._cluster, nodes)
        return count_slots(self._cluster, nodes, self._wanted)

    async def _watch(self, known: int) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            slots = await asyncio.to_thread(self._look)
            if slots != known:
                known = slots
                self._tell(Report(Kind.SLOTS, slots))

    def _start(self, order: Order) -> None:
        job = Job.from_bytes(order.job)
        try:
            sample = None if job.shared is None else job.shared.read_bytes()
        except OSError as error:
            self._tell(Report(Kind.FAILED, order.number, text=f"its shared sample cannot be read: {error}"))
            return
        wanted = dict(self._wanted)
        options = {"num_cpus": wanted.pop("CPU"), "memory": wanted.pop("memory"), "num_gpus": wanted.pop("GPU", 0.0)}
        task = _train.options(**options, resources=wanted, scheduling_strategy="SPREAD")
        events = task.remote(order.job, sample, self._cluster, gpu=options["num_gpus"] > 0)
        self._running[order.number] = events
        self._spawn(self._follow(order.number, events))

    async def _follow(self, number: int, events: "ray.ObjectRefGenerator") -> None:
        try:
            async for reference in events:
                self._tell(Report(Kind.EVENT, number, await reference))
            end = Report(Kind.FINISHED, number)
        except RayTaskError as error:
            end = _end(number, error.cause)
        except RayError as error:
            end = Report(Kind.LOST, number, text=f"Ray lost it with {type(error).__name__}: {_first_line(error)}")
        del self._running[number]
        self._tell(end)

    def _cancel(self, number: int) -> None:
        if number in self._running:
            ray.cancel(self._running[number])
            asyncio.get_running_loop().call_later(CANCEL_SECONDS, self._force, number)

    def _force(self, number: int) -> None:
        if number in self._running:
            ray.cancel(self._running[number], force=True)

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _end(number: int, error: BaseException) -> Report:
    match error:
        case JobFailedError():
            return Report(Kind.FAILED, number, text=str(error), log=error.log)
        case WorkerLostError():
            return Report(Kind.LOST, number, text=str(error), log=error.log)
        case RayError():  # it was told to end
            return Report(Kind.LOST, number, text=_first_line(error))
    return Report(
        Kind.FAILED,
        number,
        text=f"a node of the Ray cluster cannot run it: {type(error).__name__}: {_first_line(error)}; see that every"
        " node has the same release of paramedic[service,reproduction,ray] as the service",
    )


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


async def _serve(cluster: Cluster, events: int) -> None:
    def tell(report: Report) -> None:
        message = frame(report.to_bytes())
        while message:
            message = message[os.write(events, message) :]

    try:
        ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.WARNING)
    except Exception as error:  # Ray raises whatever it met
        tell(Report(Kind.UNREACHABLE, text=f"{type(error).__name__}: {_first_line(error)}"))
        return
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    await Driver(cluster, tell).serve(orders)


def main() -> None:
    """Serves the service whose pipes this process has; what Ray prints goes to its log."""
    events = os.dup(1)
    os.dup2(2, 1)
    asyncio.run(_serve(Cluster.from_json(sys.argv[2]), events))


if __name__ == "__main__":
    main()

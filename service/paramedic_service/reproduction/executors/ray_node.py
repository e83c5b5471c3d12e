"""A job on the node of a Ray cluster: the same process as on the service's own machine, in the same bounds."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace

import ray.util

from paramedic_service.reproduction.executors.devices import CPU, Device, find_devices
from paramedic_service.reproduction.executors.local import WORKER, LocalExecutor
from paramedic_service.reproduction.executors.ray_cluster import Cluster
from paramedic_service.reproduction.executors.scratch import Scratch
from paramedic_service.reproduction.worker.job import Job


def train(packed: bytes, sample: bytes | None, cluster: Cluster, *, gpu: bool) -> Iterator[bytes]:
    """Runs a job in a process of its own, which ends with the one that calls this.

    Ray interrupts whoever waits for the next event when the job is to end; the process is gone before this is.

    Args:
        packed: `Job.to_bytes`.
        sample: Contents of the file that the job has as `shared`; None where it has none.
        cluster: What the job may take.
        gpu: Whether it was given one.

    Yields:
        Serialized `WatchReproductionResponse`s, the device first.

    Raises:
        JobFailedError: The job could not be done.
        WorkerLostError: The process that ran it is gone.
    """
    with asyncio.Runner() as runner:
        events: asyncio.Queue[bytes | None] = asyncio.Queue()
        training = runner.get_loop().create_task(
            _train(Job.from_bytes(packed), sample, cluster, lambda: _devices(gpu), events)
        )
        training.add_done_callback(lambda _: events.put_nowait(None))
        while (event := runner.run(events.get())) is not None:
            yield event
        runner.run(_outcome(training))


async def _train(
    job: Job,
    sample: bytes | None,
    cluster: Cluster,
    devices: Callable[[], tuple[Device, ...]],
    events: asyncio.Queue[bytes | None],
) -> None:
    # No worker is kept for the next job: Ray would not know of the memory and of the GPU that it holds.
    executor = LocalExecutor(
        devices,
        framework_memory=cluster.framework_memory,
        idle_seconds=0.0,
        most_jobs=1,
        command=cluster.command or WORKER,
    )
    await executor.start()
    scratch = Scratch()
    try:
        if sample is not None:
            job = replace(job, shared=scratch.path / "sample")
            (scratch.path / "sample").write_bytes(sample)
        await executor.run(job, lambda event: events.put_nowait(event.SerializeToString()))
    finally:
        await executor.close()
        scratch.close()


async def _outcome(training: asyncio.Task[None]) -> None:
    await training


def _devices(gpu: bool) -> tuple[Device, ...]:
    # What Ray gave this task is what its environment shows; a node may have more than that.
    device = find_devices(1)[0] if gpu else CPU
    return (replace(device, name=f"{device.name} on {ray.util.get_node_ip_address()}"),)

"""Reproductions as one part of the service: everything that belongs to them, put together."""

import asyncio
from collections.abc import Callable

from paramedic.v1.reproduction_pb2 import Reproduction, ReproductionProgress, ReproductionSpec
from paramedic.v1.verdict_pb2 import ReproductionVerdict
from paramedic_service.ingest.service import IngestService
from paramedic_service.instruments import Instruments
from paramedic_service.reproduction import report, verdict
from paramedic_service.reproduction.automatic import AutomaticReproductions
from paramedic_service.reproduction.executors.devices import find_devices
from paramedic_service.reproduction.executors.interface import Executor
from paramedic_service.reproduction.executors.local import LocalExecutor
from paramedic_service.reproduction.executors.ray import RayExecutor
from paramedic_service.reproduction.executors.ray_cluster import Cluster
from paramedic_service.reproduction.plan import Limits, Plan, SpecError, WorkloadPlan, plan, plan_workload
from paramedic_service.reproduction.queue import Stages
from paramedic_service.reproduction.requests import ReproductionRequests
from paramedic_service.reproduction.scenarios import SCENARIOS
from paramedic_service.reproduction.service import ReproductionService
from paramedic_service.reproduction.sharing import SharedSamples
from paramedic_service.reproduction.telling import Teller
from paramedic_service.reproduction.worker.job import Job
from paramedic_service.reproduction.workloads import registered
from paramedic_service.settings import Settings
from paramedic_service.store.interface import Store


class Reproductions:
    """All that the service does about reproductions.

    Args:
        settings: What they may ask for.
        store: Where they are kept.
        ingest: Knows the runs that they are of.
        instruments: Where they are counted.
        clock: Service clock, seconds since the Unix epoch.
        executor: What trains them; None: what the settings say.

    Attributes:
        service: Follows, cancels and keeps them.
        requests: Queues them.
        automatic: Queues those of critical incidents by itself.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        ingest: IngestService,
        instruments: Instruments,
        clock: Callable[[], float],
        executor: Executor | None = None,
    ) -> None:
        limits = limits_of(settings)
        self._samples = SharedSamples(store)
        self._automatic_wanted = bool(settings.auto_reproduce)
        self.service = ReproductionService(
            store,
            executor_of(settings) if executor is None else executor,
            Stages(
                job=lambda reproduction: Job(
                    reproduction.id, reproduction.spec, limits, self._samples.file(reproduction.spec)
                ),
                judge=_judge,
                render=report.render,
                tell=Teller(ingest, instruments),
            ),
            lambda spec: check(spec, limits),
            most_waiting=settings.reproduction_queue,
            clock=clock,
        )
        self.requests = ReproductionRequests(ingest, self.service, limits, SCENARIOS, self._samples.has)
        self.automatic = AutomaticReproductions(
            ingest,
            self.service,
            self.requests,
            projects=settings.auto_reproduce,
            rate=settings.auto_reproduce_rate,
            clock=clock,
        )
        instruments.reproductions_waiting.set_function(lambda: self.service.waiting)
        instruments.reproductions_running.set_function(lambda: self.service.running)

    async def start(self) -> None:
        """Takes up what an earlier service left.

        Raises:
            StoreError: The store failed.
            OSError: Nothing can be run on this machine.
        """
        await self.service.start()
        if self._automatic_wanted:
            await self.automatic.start()

    async def stop(self, grace: float) -> None:
        """Ends all training processes; what they trained begins anew when a service is started again.

        Args:
            grace: How long the store may take to hear of it, seconds.
        """
        await self.automatic.stop()
        await self.service.stop(grace)
        await asyncio.to_thread(self._samples.close)


def limits_of(settings: Settings) -> Limits:
    """The bounds that whoever runs the service chose; the others are as they are."""
    return Limits(
        parameters=settings.reproduction_parameters,
        samples=settings.reproduction_samples,
        steps=settings.reproduction_steps,
        seeds=settings.reproduction_seeds,
        arms=settings.reproduction_arms,
        memory_bytes=settings.reproduction_memory,
        seconds=settings.reproduction_seconds,
        disk_bytes=settings.reproduction_disk,
    )


def executor_of(settings: Settings) -> Executor:
    """A Ray cluster where the settings name one, otherwise processes of this machine."""
    if settings.reproduction_ray:
        return RayExecutor(
            Cluster(
                settings.reproduction_ray,
                memory=settings.reproduction_memory,
                framework_memory=settings.reproduction_framework_memory,
                jobs=settings.reproduction_jobs,
                resource=settings.reproduction_ray_resource,
            )
        )
    return LocalExecutor(
        lambda: find_devices(settings.reproduction_jobs),
        framework_memory=settings.reproduction_framework_memory,
        idle_seconds=settings.reproduction_worker_idle,
        most_jobs=settings.reproduction_worker_jobs,
    )


def check(spec: ReproductionSpec, limits: Limits) -> ReproductionProgress:
    """Plans a specification, as its worker will again, and gives the progress that it begins with.

    Raises:
        SpecError: It cannot be reproduced.
    """
    planned: Plan | WorkloadPlan
    if spec.workload:
        planned = plan_workload(spec, limits)
        if planned.workload not in registered():
            raise SpecError(
                "workload",
                f"there is no workload {planned.workload!r}; installed are: {', '.join(registered()) or 'none'}",
            )
    else:
        planned = plan(spec, limits)
    trainings = len(planned.seeds) * len(planned.arms)
    return ReproductionProgress(trainings=trainings, steps=trainings * planned.steps)


def _judge(reproduction: Reproduction) -> ReproductionVerdict:
    return verdict.judge(reproduction.spec, reproduction.trainings)

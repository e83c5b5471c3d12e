"""An executor without processes, whose jobs end when and how a test says."""

import asyncio
from dataclasses import dataclass, field

from paramedic.v1.reproduction_pb2 import Reproduction, WatchReproductionResponse
from paramedic_service.reproduction.worker.job import Emit, Job


@dataclass
class Running:
    """A job under way.

    Attributes:
        job: It.
        emit: Takes its events.
        end: Ends it; with an error, as failed.
        cancelled: Whether it was.
    """

    job: Job
    emit: Emit
    end: asyncio.Future[None]
    cancelled: bool = False

    @property
    def name(self) -> str:
        return self.job.spec.title


@dataclass
class ScriptedExecutor:
    """Records what it is told to run.

    Attributes:
        slots: How many jobs may run at a time.
        started: Every job that ever was, in order.
        reluctant: How long a cancelled job takes to end, as processes do; set to let it.
    """

    slots: int = 1
    started: list[Running] = field(default_factory=list)
    reluctant: asyncio.Event | None = None

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.started]

    async def start(self) -> None:
        pass

    async def run(self, job: Job, emit: Emit) -> None:
        running = Running(job, emit, asyncio.get_running_loop().create_future())
        self.started.append(running)
        emit(WatchReproductionResponse(reproduction=Reproduction(device="scripted")))
        try:
            await running.end
        except asyncio.CancelledError:
            running.cancelled = True
            if self.reluctant is not None:
                await self.reluctant.wait()
            raise

    async def close(self) -> None:
        pass

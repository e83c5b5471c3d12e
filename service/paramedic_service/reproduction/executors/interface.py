"""What the queue asks of whatever runs its jobs."""

from typing import Protocol

from paramedic_service.reproduction.worker.job import Emit, Job


class JobError(Exception):
    """A job did not come to its end; the message says what happened and what to do.

    Attributes:
        log: The end of what the job's process printed; empty when that tells nothing.
    """

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(message)
        self.log = log


class JobFailedError(JobError):
    """The job itself is to blame: it would end the same way again."""


class WorkerLostError(JobError):
    """What ran the job died under it, which may have had nothing to do with the job: it may be run again."""


class Executor(Protocol):
    """Runs jobs in processes of their own, on this machine or on others.

    Lives on the service's event loop. A job's process runs `worker.performing.perform`, and its events are messages,
    whose serialized form is all that has to travel.
    """

    @property
    def slots(self) -> int:
        """How many jobs may run at a time, at least 1; it may change."""
        ...

    async def start(self) -> None:
        """Gets ready, without starting what costs memory before there is a job.

        Raises:
            OSError: It cannot run anything on this machine.
        """
        ...

    async def run(self, job: Job, emit: Emit) -> None:
        """Runs a job to its end, in a directory that it makes and deletes.

        Cancelling this ends the processes of the job before the cancellation goes on; the bound on the job's time is
        kept that way. Bounds on memory and disk are the executor's to keep.

        Args:
            job: What to run.
            emit: Called on the event loop with every event of the job but its end, in order; first with the device.

        Raises:
            JobFailedError: The job could not be done.
            WorkerLostError: The process that ran it is gone.
        """
        ...

    async def close(self) -> None:
        """Ends all processes; no job may be running."""
        ...

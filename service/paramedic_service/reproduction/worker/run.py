"""A job from its specification to what came of every training."""

from paramedic_service.reproduction.plan import plan, plan_workload
from paramedic_service.reproduction.worker.job import Emit, Job
from paramedic_service.reproduction.worker.progress import Progress


def run(job: Job, emit: Emit) -> None:
    """Trains all that a job asks for.

    Args:
        job: What to train; it is planned again, within its limits, before anything else is done.
        emit: Takes the progress, at least once a second, and every training as it ends. One thread at a time calls it.

    Raises:
        ValueError: The specification cannot be trained, or there are no samples for it.
        LookupError: It names a workload that is not installed.
        MemoryError: There is not enough of it.
    """
    with Progress(emit, "planning") as progress:
        if job.spec.workload:
            _run_workload(job, progress)
        else:
            _run_plan(job, progress)


def _run_plan(job: Job, progress: Progress) -> None:
    planned = plan(job.spec, job.limits)
    progress.planned(len(planned.arms) * len(planned.seeds), planned.steps)
    progress.phase("importing TensorFlow")
    # Whoever only sends a specification that makes no sense need not wait for it.
    from paramedic_service.reproduction.worker.arms import train_arms

    train_arms(planned, job.limits, job.shared, progress)


def _run_workload(job: Job, progress: Progress) -> None:
    planned = plan_workload(job.spec, job.limits)
    progress.planned(len(planned.arms) * len(planned.seeds), planned.steps)
    from paramedic_service.reproduction.worker.workload import run_workload

    run_workload(planned, progress)

"""Trainings by a workload that the operator registered."""

import time

from paramedic.v1.reproduction_pb2 import TrainingOutcome
from paramedic_service.reproduction.plan import WorkloadArm, WorkloadPlan
from paramedic_service.reproduction.worker.folding import Folding, untrained
from paramedic_service.reproduction.worker.progress import Progress
from paramedic_service.reproduction.worker.recording import WorkloadRecorder
from paramedic_service.reproduction.workloads import Workload, load


def run_workload(plan: WorkloadPlan, progress: Progress) -> None:
    """Runs every arm from every seed, one after another: what a workload does to its process is its own affair.

    Args:
        plan: What to run.
        progress: Told of every training.

    Raises:
        LookupError: The workload is not installed.
        TypeError: What is registered is no function.
        MemoryError: There is not enough of it.
    """
    progress.phase(f"importing {plan.workload}")
    workload = load(plan.workload)
    progress.phase("training")
    for seed in plan.seeds:
        for arm in plan.arms:
            progress.ended(_train(workload, arm, seed, plan.steps, progress))


def _train(workload: Workload, arm: WorkloadArm, seed: int, steps: int, progress: Progress) -> TrainingOutcome:
    if arm.error is not None:
        return untrained(arm.index, seed, arm.error)
    began = time.perf_counter()
    folding = Folding()
    folding.began()
    try:
        workload(arm.arguments, seed, steps, WorkloadRecorder(folding, progress.advance))
    except MemoryError:
        raise
    except Exception as error:  # whatever a training raises is what came of it
        folding.fail(error)
    return folding.outcome(arm.index, seed, time.perf_counter() - began)

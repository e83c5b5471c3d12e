"""All trainings of a plan: the arms side by side for one seed after the other."""

from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from paramedic.v1.reproduction_pb2 import TrainingOutcome
from paramedic_service.reproduction.data import DataError, Samples, draw, transform
from paramedic_service.reproduction.plan import ArmPlan, Limits, Plan
from paramedic_service.reproduction.worker.arrays import Arrays
from paramedic_service.reproduction.worker.device import prepare, side_by_side
from paramedic_service.reproduction.worker.folding import untrained
from paramedic_service.reproduction.worker.progress import Progress
from paramedic_service.reproduction.worker.trainer import Trainer


def train_arms(plan: Plan, limits: Limits, shared: Path | None, progress: Progress) -> None:
    """Trains every arm from every seed.

    Args:
        plan: What to train.
        limits: On samples and memory.
        shared: File with the sample that the run's author shared; None without one.
        progress: Told of every training.

    Raises:
        DataError: There are no samples for the training as reported.
        MemoryError: There is not enough of it.
    """
    prepare()
    pool = ThreadPoolExecutor(side_by_side(), "training")
    try:
        trainer = Trainer(plan.steps)
        for seed in plan.seeds:
            progress.phase("making samples")
            prepared = _Prepared(draw(plan.data, plan.description, seed, limits, shared))
            progress.phase("training")
            started = [pool.submit(_train, trainer, arm, seed, prepared, progress) for arm in plan.arms]
            for ended in as_completed(started):
                progress.ended(ended.result())
    finally:
        pool.shutdown(cancel_futures=True)


class _Prepared:
    """The samples of one seed, as each arm has them.

    Args:
        samples: As they were drawn.
    """

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._arrays: dict[str, Arrays] = {}

    def of(self, arm: ArmPlan) -> Arrays:
        """The samples of an arm; arms with the same operations share them."""
        key = repr(arm.operations)
        if key not in self._arrays:
            self._arrays[key] = Arrays(transform(self._samples, arm.operations))
        return self._arrays[key]


def _train(trainer: Trainer, arm: ArmPlan, seed: int, prepared: _Prepared, progress: Progress) -> TrainingOutcome:
    try:
        arrays = prepared.of(arm)
    except DataError as error:
        return untrained(arm.index, seed, error)
    return trainer.train(arm, seed, arrays, progress.advance)

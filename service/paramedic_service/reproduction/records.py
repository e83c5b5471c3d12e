"""Reproductions between the wire and the store."""

from paramedic.v1.reproduction_pb2 import Reproduction, TrainingOutcome
from paramedic_service.store.records import ReproductionRecord, ReproductionResult, ReproductionState, RunKey


def run_of(message: Reproduction) -> RunKey | None:
    """The run that it reproduces; None without one."""
    if not message.HasField("run"):
        return None
    run = message.run
    return RunKey(run.project, run.id, run.attempt, run.rank)


def training_without_curves(training: TrainingOutcome) -> TrainingOutcome:
    """A copy of what came of a training, without its curves."""
    copy = TrainingOutcome()
    copy.CopyFrom(training)
    copy.ClearField("curves")
    return copy


def without_curves(message: Reproduction) -> Reproduction:
    """A copy of a reproduction, without curves."""
    copy = Reproduction()
    copy.CopyFrom(message)
    for training in copy.trainings:
        training.ClearField("curves")
    return copy


def to_record(message: Reproduction, *, number: int = 0, losses: int = 0, settled: bool = False) -> ReproductionRecord:
    """As the store keeps it.

    Args:
        message: The reproduction.
        number: The store's name of it.
        losses: How often what ran it died under it.
        settled: Whether it ended and everybody who should know of it does.
    """
    return ReproductionRecord(
        id=message.id,
        project=message.project,
        run=run_of(message),
        incident=message.incident,
        scenario=message.scenario,
        state=ReproductionState(message.state),
        priority=message.priority,
        created_at=message.created_at,
        started_at=message.started_at if message.HasField("started_at") else None,
        ended_at=message.ended_at if message.HasField("ended_at") else None,
        attempts=message.attempts,
        losses=losses,
        settled=settled,
        body=without_curves(message).SerializeToString(),
        number=number,
        verdict=message.verdict.SerializeToString() if message.HasField("verdict") else None,
    )


def to_result(message: Reproduction, report: str) -> ReproductionResult:
    """What is large about it, as the store keeps it."""
    return ReproductionResult(message.SerializeToString(), report)

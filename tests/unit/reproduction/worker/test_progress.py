"""Progress proves life, and counts what is done."""

import threading

import pytest

from paramedic.v1.reproduction_pb2 import ReproductionProgress, TrainingOutcome, WatchReproductionResponse
from paramedic_service.reproduction.worker import progress as module
from paramedic_service.reproduction.worker.progress import Progress


class Told:
    def __init__(self) -> None:
        self.messages: list[WatchReproductionResponse] = []
        self.enough = threading.Event()

    def __call__(self, message: WatchReproductionResponse) -> None:
        self.messages.append(message)
        if len(self.messages) >= 5:
            self.enough.set()

    @property
    def last(self) -> ReproductionProgress:
        return [each.progress for each in self.messages if each.HasField("progress")][-1]


def test_it_is_told_again_and_again_while_nothing_happens(monkeypatch):
    monkeypatch.setattr(module, "INTERVAL", 0.001)
    told = Told()
    with Progress(told, "importing TensorFlow"):
        assert told.enough.wait(30)
    assert {message.progress.phase for message in told.messages} == {"importing TensorFlow"}


def test_steps_and_trainings_are_counted_and_each_training_told_once():
    told = Told()
    with Progress(told, "planning") as progress:
        progress.planned(trainings=2, steps=10)
        progress.phase("training")
        progress.advance(10)
        progress.ended(TrainingOutcome(arm=0))
        progress.advance(3)
        progress.ended(TrainingOutcome(arm=1))  # which ended before its time
    assert told.last == ReproductionProgress(trainings=2, ended=2, phase="training", steps=20, steps_done=20)
    assert [each.training.arm for each in told.messages if each.HasField("training")] == [0, 1]


def test_what_ends_the_job_ends_it():
    told = Told()
    with pytest.raises(ValueError, match="no samples"), Progress(told, "making samples"):
        raise ValueError("no samples")
    assert "paramedic-progress" not in {thread.name for thread in threading.enumerate()}

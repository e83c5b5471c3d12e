"""What a workload reports is judged like any run, and told as progress."""

import numpy as np
import pytest

from paramedic.v1.description_pb2 import RunDescription, Tensor
from paramedic_service.reproduction.worker.folding import Folding
from paramedic_service.reproduction.worker.recording import WorkloadRecorder


@pytest.fixture
def folding() -> Folding:
    return Folding()


def test_steps_are_judged_and_counted(folding):
    told: list[int] = []
    recorder = WorkloadRecorder(folding, told.append)
    recorder.describe(RunDescription(tensors=[Tensor(name="w", element_count=4)]))
    for step in (1, 2, 5):
        recorder.log(step, {"loss": 1.0 / step}, {"gradient_norm": np.ones(1)}, paths={"rnn": (range(3), np.ones(3))})
    recorder.score(0.25)
    outcome = folding.outcome(0, 0, 0)
    assert told == [1, 1, 3]
    assert outcome.final_loss == pytest.approx(0.2)
    assert outcome.final_error == 0.25
    assert {(curve.signal, curve.tensor) for curve in outcome.curves} == {
        ("loss", ""),
        ("gradient_norm", ""),
        ("gradient_norm", "w"),
    }


def test_what_makes_no_sense_is_the_workload_s_error(folding):
    recorder = WorkloadRecorder(folding, lambda _: None)
    recorder.log(3, {"loss": 1.0})
    with pytest.raises(ValueError, match="steps never decrease"):
        recorder.log(2, {"loss": 1.0})
    with pytest.raises(ValueError, match="gradient_norm: expected one axis"):
        recorder.log(4, {}, {"gradient_norm": np.ones((2, 2))})

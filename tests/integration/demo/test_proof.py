"""What the demo makes of the reproductions of its trainings."""

import time

import pytest

from paramedic.v1 import reproduction_pb2, run_pb2, verdict_pb2
from paramedic.v1.reproduction_pb2 import Reproduction
from paramedic_service.cli.demo.processes import running
from paramedic_service.cli.demo.proof import Proof
from paramedic_service.cli.demo.training import Training
from paramedic_service.cli.demo.verdict import EXPECTATIONS

_, EXPLODING, _ = EXPECTATIONS


@pytest.fixture
def proof(tmp_path):
    """Of a training whose process has ended well."""
    with running("training", ["-c", ""], {}, tmp_path) as process:
        deadline = time.monotonic() + 60
        while process.exit_status is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    return Proof(Training(EXPLODING, process, run_pb2.RunIdentity(project="demo", id="training")))


def test_a_run_is_reproduced_once_it_has_ended_with_findings(proof):
    assert not proof.due
    proof.training.found["exploding_gradient"] = 8
    assert not proof.due
    proof.training.ended = True
    assert proof.due
    proof.reproduction = Reproduction(state=reproduction_pb2.REPRODUCTION_STATE_QUEUED)
    assert not proof.due
    assert not proof.settled


def test_a_run_without_findings_is_never_reproduced_and_complained_of(proof):
    proof.training.ended = True
    assert proof.settled
    assert proof.complaints == ["its run was never reproduced"]


def test_a_remedy_that_was_found_is_told(proof):
    proof.reproduction = Reproduction(state=reproduction_pb2.REPRODUCTION_STATE_FINISHED)
    verdict = proof.reproduction.verdict
    verdict.kind = verdict_pb2.VERDICT_KIND_REMEDY_FOUND
    verdict.arms.add(name="as reported")
    verdict.arms.add(arm=1, name="clip", text="Clip gradients.")
    verdict.remedies.append(1)
    assert proof.settled
    assert proof.complaints == []
    assert proof.remedy == "Clip gradients."


def test_anything_else_is_complained_of(proof):
    proof.reproduction = Reproduction(state=reproduction_pb2.REPRODUCTION_STATE_FAILED, error="No memory.")
    assert proof.complaints == ["its reproduction failed: No memory."]
    proof.reproduction = Reproduction(state=reproduction_pb2.REPRODUCTION_STATE_FINISHED)
    proof.reproduction.verdict.kind = verdict_pb2.VERDICT_KIND_NOT_REPRODUCED
    proof.reproduction.verdict.summary = "It did not come back."
    assert proof.complaints == ["its reproduction found no remedy: It did not come back."]
    assert proof.remedy == ""

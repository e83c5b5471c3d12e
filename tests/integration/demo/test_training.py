import time

import pytest

from paramedic.v1 import run_pb2
from paramedic_service.cli.demo.processes import running
from paramedic_service.cli.demo.training import Training
from paramedic_service.cli.demo.verdict import EXPECTATIONS

HEALTHY, _, VANISHING = EXPECTATIONS


@pytest.fixture
def finished(tmp_path):
    """Makes a training whose process has ended with a status."""

    def make(expectation, status):
        with running("training", ["-c", f"raise SystemExit({status})"], {}, tmp_path) as process:
            deadline = time.monotonic() + 60
            while process.exit_status is None:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        return Training(expectation, process, run_pb2.RunIdentity(project="demo", id="training"))

    return make


def test_a_training_that_went_as_expected_is_not_complained_of(finished):
    training = finished(VANISHING, 0)
    training.ended = True
    training.found["vanishing_gradient"] = 10
    assert training.complaints == []


def test_a_training_that_failed_is_complained_of(finished):
    assert finished(HEALTHY, 3).complaints == ["the training ended with status 3"]


def test_a_run_whose_end_never_arrived_is_complained_of(finished):
    assert finished(HEALTHY, 0).complaints == ["the service never heard the end of its run"]


def test_missing_and_surplus_findings_are_named(finished):
    training = finished(VANISHING, 0)
    training.ended = True
    training.found["exploding_gradient"] = 4
    assert training.complaints == [
        "found none of vanishing_gradient",
        "exploding_gradient was found at step 4 and should not be",
    ]

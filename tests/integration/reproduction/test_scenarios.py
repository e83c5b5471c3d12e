"""Scenarios end as their sources claim, or as they say that they do: the quick ones of each kind are trained for real.

`paramedic reproduce --all-scenarios` trains all of them.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest

from paramedic.v1.reproduction_pb2 import Reproduction, TrainingOutcome
from paramedic.v1.verdict_pb2 import ARM_VERDICT_KIND_FIXED
from paramedic_service.reproduction.scenarios import SCENARIOS
from paramedic_service.reproduction.verdict import judge
from support.scenario_trainings import trained, trained_apart


@pytest.mark.parametrize(
    "name",
    [
        "learning-rate-10-as-given",
        "shape-mismatch-as-given",
        "one-sigmoid-for-three-classes-as-given",
        "one-hot-labels-for-sparse-loss",
        "missing-feature-axis",
        "exploding-large-weights",
        "adam-plateau",
        "unnormalised-features",
    ],
)
def test_a_scenario_ends_as_it_says(name: str) -> None:
    scenario = SCENARIOS[name]
    spec = scenario.make()
    verdict = judge(spec, trained(spec).trainings)
    assert scenario.outcome.met_by(verdict), verdict


@pytest.fixture(scope="module")
def sessions() -> Reproduction:
    """Trainings of TensorFlow 1's graphs and sessions: raw input, standardised, RMSprop, and both."""
    return trained_apart(SCENARIOS["tensorflow1-raw-input"].make())


def test_sessions_of_tensorflow_1_end_as_their_scenario_says(sessions: Reproduction) -> None:
    scenario = SCENARIOS["tensorflow1-raw-input"]
    verdict = judge(scenario.make(), sessions.trainings)
    assert scenario.outcome.met_by(verdict), verdict
    kinds = {arm.name: arm.kind for arm in verdict.arms}
    assert kinds["RMSprop"] != ARM_VERDICT_KIND_FIXED, "saturated units do not come back by another optimizer"


def test_sessions_report_what_the_rules_need(sessions: Reproduction) -> None:
    [outcome] = [each for each in sessions.trainings if (each.arm, each.seed) == (0, 0)]
    assert "vanishing_through_time" in {finding.rule for finding in outcome.findings}
    assert {curve.tensor for curve in outcome.curves if curve.signal == "gradient_norm"} >= {
        "",
        "rnn/basic_rnn_cell/kernel",
        "output/W",
    }


def test_sessions_are_the_same_for_a_seed(sessions: Reproduction) -> None:
    spec = SCENARIOS["tensorflow1-raw-input"].make()
    del spec.arms[1:]
    spec.seeds, spec.steps = 1, 20
    first, again = (trained_apart(spec).trainings[0] for _ in range(2))
    assert losses(first) == losses(again)
    [longer] = [each for each in sessions.trainings if (each.arm, each.seed) == (0, 0)]
    assert losses(first)[0] == losses(longer)[0]


def test_a_workload_that_refuses_its_arguments_says_so_as_the_training_does() -> None:
    spec = SCENARIOS["tensorflow1-lstm"].make()
    spec.seeds, spec.steps = 1, 5
    spec.workload_arguments["units"] = 10**6
    [outcome] = trained_apart(spec).trainings
    assert outcome.error == "ValueError: units: got 1000000, expected a whole number from 1 to 512"


def losses(outcome: TrainingOutcome) -> list[float]:
    [curve] = [curve for curve in outcome.curves if curve.signal == "loss"]
    return list(curve.values)

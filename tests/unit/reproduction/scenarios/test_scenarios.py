"""Every scenario is a reproduction that can be planned, remedies included."""

import re

import pytest

from paramedic.v1.verdict_pb2 import VERDICT_KIND_REMEDY_FOUND, ArmVerdict, ReproductionVerdict
from paramedic_service.reproduction.data import BUNDLED
from paramedic_service.reproduction.plan import Limits, plan, plan_workload
from paramedic_service.reproduction.scenarios import SCENARIOS, Scenario
from paramedic_service.reproduction.scenarios.scenario import fixed_by, not_reproduced
from paramedic_service.reproduction.verdict import REPORTED
from paramedic_service.reproduction.workloads import registered
from paramedic_service.rules.catalogue import RULES

EACH = pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=list(SCENARIOS))
RULE_IDS = {rule.id for rule in RULES}


@EACH
def test_its_trainings_can_be_planned(scenario: Scenario) -> None:
    made = scenario.make()
    if made.workload:
        assert made.workload in registered()
        planned = plan_workload(made, Limits())
    else:
        assert made.data.bundled in BUNDLED
        planned = plan(made, Limits())
    assert [arm.error for arm in planned.arms] == [None] * len(made.arms)
    assert len(planned.seeds) >= 3


@EACH
def test_it_begins_with_the_training_as_reported_and_changes_one_thing_an_arm(scenario: Scenario) -> None:
    reported, *remedies = scenario.make().arms
    assert (reported.name, len(reported.patch.fields)) == (REPORTED, 0)
    assert all(arm.text and arm.patch.fields for arm in remedies)


@EACH
def test_it_expects_arms_that_it_has(scenario: Scenario) -> None:
    names = [arm.name for arm in scenario.make().arms]
    assert len(names) == len(set(names))
    assert scenario.expected.remedies | scenario.outcome.remedies <= set(names[1:])


@EACH
def test_its_fault_is_told_by_rules_that_there_are(scenario: Scenario) -> None:
    assert set(scenario.make().rules) <= RULE_IDS


@EACH
def test_it_says_why_when_it_does_not_come_as_claimed(scenario: Scenario) -> None:
    assert scenario.differs or scenario.measured is None


@EACH
def test_people_can_read_it(scenario: Scenario) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", scenario.name)
    message = scenario.message()
    assert message.name == scenario.name
    assert all(text.endswith(".") for text in (message.summary, message.claim))
    assert not message.unavailable


def test_names_are_unique() -> None:
    assert all(name == scenario.name for name, scenario in SCENARIOS.items())


def verdict(*fixing: int) -> ReproductionVerdict:
    arms = [ArmVerdict(arm=index, name=name) for index, name in enumerate((REPORTED, "gates", "clip"))]
    return ReproductionVerdict(kind=VERDICT_KIND_REMEDY_FOUND, arms=arms, remedies=fixing)


def test_a_claim_holds_when_its_remedies_are_among_those_that_work() -> None:
    assert fixed_by("gates").met_by(verdict(2, 1))
    assert not fixed_by("gates", "clip").met_by(verdict(1))
    assert not not_reproduced().met_by(verdict(1))

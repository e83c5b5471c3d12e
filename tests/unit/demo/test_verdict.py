import pytest

from paramedic_service.cli.demo.verdict import EXPECTATIONS, OF_THE_MACHINE, judge
from paramedic_service.rules.catalogue import RULES

HEALTHY, EXPLODING, VANISHING = EXPECTATIONS


def test_a_healthy_training_without_findings_is_as_expected():
    verdict = judge(HEALTHY, {})
    assert verdict.as_expected
    assert verdict.found_at is None


@pytest.mark.parametrize("rule", sorted({rule.id for rule in RULES} - OF_THE_MACHINE))
def test_any_finding_on_the_healthy_training_is_surplus(rule):
    verdict = judge(HEALTHY, {rule: 7})
    assert not verdict.as_expected
    assert verdict.surplus == (rule,)


@pytest.mark.parametrize("rule", sorted(OF_THE_MACHINE))
def test_a_busy_machine_is_no_fault_of_a_training(rule):
    assert judge(HEALTHY, {rule: 7}).as_expected


@pytest.mark.parametrize("rule", EXPLODING.any_of)
def test_one_rule_on_gradients_is_enough_for_the_exploding_training(rule):
    assert judge(EXPLODING, {rule: 7}).as_expected


def test_the_consequences_of_an_explosion_do_not_stand_for_it():
    verdict = judge(EXPLODING, {"nonfinite_loss": 20, "divergence": 30})
    assert not verdict.as_expected
    assert verdict.missing == EXPLODING.any_of
    assert verdict.surplus == ()


def test_the_step_is_that_of_the_first_expected_finding():
    assert judge(EXPLODING, {"divergence": 3, "nonfinite_gradient": 23, "exploding_gradient": 7}).found_at == 7


def test_a_stuck_loss_may_accompany_vanishing_gradients():
    assert judge(VANISHING, {"vanishing_gradient": 9, "loss_not_decreasing": 339}).as_expected


def test_a_finding_that_the_fault_does_not_explain_is_surplus():
    verdict = judge(VANISHING, {"vanishing_gradient": 9, "exploding_gradient": 4})
    assert not verdict.as_expected
    assert verdict.surplus == ("exploding_gradient",)


@pytest.mark.parametrize("expectation", EXPECTATIONS, ids=lambda each: each.training)
def test_expected_rules_exist(expectation):
    assert {*expectation.any_of, *expectation.consequences} <= {rule.id for rule in RULES}


def test_the_exploding_training_is_recognised_by_rules_on_gradients():
    families = {rule.id: rule.family for rule in RULES}
    assert {families[rule] for rule in EXPLODING.any_of} == {"gradients"}

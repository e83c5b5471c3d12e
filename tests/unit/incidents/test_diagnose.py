"""How findings become incidents."""

import math
import random
from dataclasses import replace

import pytest

from paramedic_service.incidents.catalogue import CAUSES
from paramedic_service.incidents.diagnose import MOST_CAUSES, diagnose
from paramedic_service.rules.catalogue import RULES
from paramedic_service.rules.description import Description
from paramedic_service.rules.finding import Severity
from support.incidents import dense, finding, incidents, mlp, recurrent, training


def test_a_run_without_findings_has_no_incident() -> None:
    assert incidents() == ()


def test_an_explosion_takes_what_follows_from_it() -> None:
    [incident] = incidents(
        "exploding_gradient", "nonfinite_gradient", "nonfinite_loss", "dead_tensor", "layer_imbalance"
    )
    assert incident.causes[0].id == "exploding_gradients"
    assert incident.rules == (
        "exploding_gradient",
        "nonfinite_gradient",
        "nonfinite_loss",
        "dead_tensor",
        "layer_imbalance",
    )
    assert incident.opened_step == 100


def test_a_fault_of_the_configuration_explains_its_symptoms() -> None:
    described = training(recurrent("rnn", activation="relu", steps=50), dense("output", 1))
    [incident] = incidents(finding("recurrent_relu", 0), "exploding_gradient", "nonfinite_loss", description=described)
    assert incident.causes[0].id == "recurrent_relu"
    assert "exploding_gradients" in [cause.id for cause in incident.causes]
    assert "rnn is recurrent, and its activation relu is not bounded." in incident.causes[0].supporting


def test_independent_faults_are_incidents_of_their_own() -> None:
    found = incidents(finding("class_imbalance", 0), "exploding_gradient", "nonfinite_loss")
    assert [incident.causes[0].id for incident in found] == ["exploding_gradients", "class_imbalance"]
    assert not set(found[0].rules) & set(found[1].rules)


def test_what_opened_before_a_fault_is_no_side_effect_of_it() -> None:
    found = incidents(finding("dead_tensor", 10), finding("gradient_spike", 900), finding("loss_spike", 900))
    assert [incident.causes[0].id for incident in found] == ["disconnected_tensor", "corrupt_batch"]


def test_a_later_symptom_joins_the_incident_of_which_it_is_another_plausible_cause() -> None:
    stuck = (finding("dead_units", 100), finding("constant_output", 110), finding("loss_not_decreasing", 150))
    [incident] = incidents(*stuck, finding("saturated_units", 300))
    assert [cause.id for cause in incident.causes[:2]] == ["dead_units", "saturated_units"]

    assert len(incidents(*stuck, finding("overfit", 300))) == 2


def test_information_is_no_incident_beside_something_worse() -> None:
    [alone] = incidents("loss_plateau")
    assert (alone.severity, alone.causes[0].id) == (Severity.INFO, "converged")

    [grave] = incidents("loss_plateau", finding("stalled_run", 900))
    assert grave.causes[0].id == "stalled"


def test_what_a_fuller_description_took_back_at_once_is_no_incident() -> None:
    taken_back = replace(finding("class_imbalance", 0, is_open=False), resolved_step=0)
    assert incidents(taken_back) == ()
    assert incidents(replace(taken_back, resolved_step=1)) != ()


def test_what_opened_first_weighs_more() -> None:
    def score(opened: int) -> float:
        found = incidents(finding("dead_units", opened), finding("vanishing_gradient", 100))
        return next(cause.score for each in found for cause in each.causes if cause.id == "dead_units")

    assert score(10) > score(300)


def test_an_incident_whose_findings_are_all_resolved_is_closed_and_less_certain() -> None:
    [standing] = incidents(finding("dead_tensor", 10))
    [over] = incidents(finding("dead_tensor", 10, is_open=False))
    assert standing.open
    assert not over.open
    assert over.causes[0].score < standing.causes[0].score


def test_closed_incidents_come_last_and_worse_ones_first() -> None:
    found = incidents(
        finding("overfit", 0, is_open=False), finding("stalled_run", 5), finding("exploding_gradient", 900)
    )
    assert [(incident.open, incident.causes[0].id) for incident in found][-1] == (False, "overfitting")


def test_what_could_not_be_judged_is_said_where_it_matters() -> None:
    [incident] = incidents(
        "loss_not_decreasing",
        abstentions={"dead_units": "not reported: dead_share", "accumulating_gradient": "not reported: gradient_norm"},
    )
    assert incident.unknown["dead_units"] == "not reported: dead_share"
    assert "accumulating_gradient" not in incident.unknown


def test_a_rule_that_could_judge_and_found_nothing_speaks_against_its_cause() -> None:
    abstaining = {rule.id: "not reported" for rule in RULES}
    blind = incidents("loss_not_decreasing", abstentions=abstaining)[0].causes
    seeing = incidents("loss_not_decreasing")[0].causes
    [unlearnable] = [cause for cause in seeing if cause.id == "unlearnable_labels"]
    assert any("vanishing_gradient" in sentence for sentence in unlearnable.supporting)
    assert unlearnable.score > max(cause.score for cause in blind if cause.id == "unlearnable_labels")


def test_the_summary_is_one_sentence_that_names_the_first_cause() -> None:
    [incident] = incidents(finding("exploding_gradient", 7, summary="The gradient of rnn/kernel is 2e6 at step 7."))
    assert incident.summary == "Gradients explode: the gradient of rnn/kernel is 2e6 at step 7."


def test_a_finding_of_a_rule_that_no_cause_knows_is_told_all_the_same() -> None:
    [incident] = incidents(finding("brand_new_rule", 3, summary="Something new was seen."))
    assert (incident.rules, incident.causes, incident.summary) == (("brand_new_rule",), (), "Something new was seen.")


def test_causes_are_few_ranked_and_within_bounds() -> None:
    random_choice = random.Random(1)
    rules = sorted({rule for cause in CAUSES for rule in cause.explains})
    for _ in range(200):
        chosen = random_choice.sample(rules, random_choice.randint(1, 12))
        found = {rule: finding(rule, random_choice.randint(0, 500), threshold=0.5) for rule in chosen}
        described = training(*mlp(6), rate=random_choice.choice([1e-9, 1e-3, 10.0]))
        told = diagnose(found, {}, described)
        shuffled = dict(random_choice.sample(sorted(found.items()), len(found)))
        assert diagnose(shuffled, {}, described) == told
        assert told
        assert len({incident.id for incident in told}) == len(told)
        for incident in told:
            scores = [cause.score for cause in incident.causes]
            assert scores == sorted(scores, reverse=True)
            assert 1 <= len(scores) <= MOST_CAUSES
            assert all(0 <= score <= 1 and math.isfinite(score) for score in scores)
            assert incident.causes[0].supporting


@pytest.mark.parametrize("rule", [rule.id for rule in RULES])
def test_every_rule_of_the_catalogue_has_a_cause(rule: str) -> None:
    [incident] = diagnose({rule: finding(rule, threshold=0.5)}, {}, Description())
    assert incident.causes

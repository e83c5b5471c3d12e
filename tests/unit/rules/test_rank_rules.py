"""Rules on one rank beside the others, told by events of its log."""

import math

import numpy as np
import pytest

from paramedic_service.rules.catalogue import RULES
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.finding import Change, Finding, Severity
from paramedic_service.rules.rulebooks import Rulebook
from paramedic_service.rules.telemetry import Rows


def paces(diagnosis: Diagnosis, *pairs: tuple[float, float]) -> list[Finding]:
    """Takes in a rank's own time a step beside the median, comparison by comparison."""
    return [
        finding
        for place, (seconds, median) in enumerate(pairs)
        for finding in diagnosis.pace(3, seconds, median, 8, step=16 * place + 15)
    ]


def differences(diagnosis: Diagnosis, *found: float, differing: tuple[int, ...] = (1, 3)) -> list[Finding]:
    return [
        finding
        for step, difference in enumerate(found)
        for finding in diagnosis.replicas("dense/kernel", difference, differing if difference else (), 4, step)
    ]


def test_a_rank_is_a_straggler_after_three_slow_comparisons_and_none_after_three_usual_ones() -> None:
    diagnosis = Diagnosis()
    slow, usual = (0.2, 0.1), (0.1, 0.1)
    (opened,) = paces(diagnosis, slow, slow, slow)
    assert (opened.rule, opened.severity, opened.change) == ("straggling_rank", Severity.WARNING, Change.OPENED)
    assert opened.summary == "Rank 3 takes 0.2 s a step, 2 times the median of 8 ranks (0.1 s): the others wait for it."
    assert [(each.value, each.threshold) for each in opened.evidence] == [(0.5, 0.75), (0.2, None), (0.1, None)]
    assert paces(diagnosis, usual, usual) == []
    (resolved,) = paces(diagnosis, usual)
    assert resolved.change is Change.RESOLVED


@pytest.mark.parametrize(
    "pairs",
    [
        [(0.13, 0.1)] * 9,  # three quarters of its time are 0.0975 s
        [(0.2, 0.1), (0.2, 0.1), (0.1, 0.1)] * 3,
        [(0.004, 0.001)] * 9,
        [(0.05, 0.1)] * 9,
        [(0.0, 0.0)] * 9,
    ],
    ids=["a third slower", "now and then", "by less than noise", "faster", "no time at all"],
)
def test_a_rank_that_is_hardly_slower_or_not_for_long_is_no_straggler(pairs: list[tuple[float, float]]) -> None:
    assert paces(Diagnosis(), *pairs) == []


def test_how_slow_a_straggler_is_can_be_set() -> None:
    strict = Diagnosis(Rulebook(RULES, {"straggling_rank.ratio": 0.9, "straggling_rank.patience": 1}))
    assert paces(strict, (0.13, 0.1)) != []


def test_replicas_diverge_when_they_are_apart_twice_in_a_row() -> None:
    diagnosis = Diagnosis()
    (opened,) = differences(diagnosis, 0.0, 0.03, 0.04)
    assert (opened.rule, opened.severity, opened.opened_step) == ("diverging_replicas", Severity.CRITICAL, 2)
    assert opened.summary == (
        "dense/kernel of ranks 1 and 3 differs from that of the other replicas, 4 in all,"
        " by 0.04 of its norm at step 2."
    )
    assert (opened.evidence[0].tensor, opened.evidence[0].value) == ("dense/kernel", 0.04)
    assert [each.value for each in opened.evidence[1:]] == [1.0, 3.0]
    (resolved,) = differences(diagnosis, 0.0, 0.0)
    assert resolved.change is Change.RESOLVED


@pytest.mark.parametrize("found", [[0.0] * 9, [1e-6] * 9, [0.5, 0.0] * 5], ids=["equal", "rounding", "once"])
def test_replicas_that_are_equal_but_for_rounding_do_not_diverge(found: list[float]) -> None:
    assert differences(Diagnosis(), *found) == []


def test_a_replica_that_is_not_finite_where_the_others_are_diverges_and_many_ranks_are_not_all_named() -> None:
    (opened,) = differences(Diagnosis(), math.inf, math.inf, differing=tuple(range(1, 21)))
    assert opened.summary == (
        "dense/kernel of ranks 1, 2, 3, 4, 5, 6, 7, 8 and 12 more differs from that of the other replicas, 4 in all,"
        " in whether it is finite at step 1."
    )
    assert len(opened.evidence) == 9


@pytest.mark.parametrize("end", ["returned", "finish"])
def test_a_lost_rank_is_found_at_once_until_it_is_back_or_no_longer_expected(end: str) -> None:
    diagnosis = Diagnosis()
    diagnosis.observe(Rows(np.arange(38), 1e9 + np.arange(38)))
    (opened,) = diagnosis.lost(1, 5.0, reporting=1, failed=2)
    assert (opened.rule, opened.severity, opened.opened_step) == ("lost_rank", Severity.CRITICAL, 37)
    assert opened.summary == (
        "Rank 1 is gone after step 37: its stream broke off without an end, with 1 other still reporting and 2 others"
        " failed since."
    )
    assert diagnosis.is_lost
    (resolved,) = getattr(diagnosis, end)()
    assert (resolved.change, diagnosis.is_lost) == (Change.RESOLVED, False)
    assert getattr(diagnosis, end)() == []


def test_a_rank_that_is_lost_before_its_first_step_is_said_to_be() -> None:
    (opened,) = Diagnosis().lost(2, 5.0, reporting=3, failed=0)
    assert opened.summary == (
        "Rank 2 is gone before its first step: its stream broke off without an end, with 3 others still reporting."
    )


def test_rules_on_ranks_abstain_until_ranks_were_compared() -> None:
    diagnosis = Diagnosis()
    assert diagnosis.abstentions["straggling_rank"] == "not reported: times of other ranks"
    assert diagnosis.abstentions["diverging_replicas"] == "not reported: weight norms of other replicas"
    paces(diagnosis, (0.1, 0.1))
    differences(diagnosis, 0.0)
    assert diagnosis.abstentions.keys().isdisjoint({"straggling_rank", "diverging_replicas", "lost_rank"})


def test_a_comparison_matters_once_and_then_only_where_it_changes_something() -> None:
    diagnosis = Diagnosis()
    assert diagnosis.pace_matters(0.1, 0.1)
    assert diagnosis.difference_matters(0.0)
    paces(diagnosis, (0.1, 0.1))
    differences(diagnosis, 0.0)
    assert not diagnosis.pace_matters(0.1, 0.1)
    assert not diagnosis.difference_matters(1e-7)
    assert diagnosis.pace_matters(0.2, 0.1)
    assert diagnosis.difference_matters(0.1)
    paces(diagnosis, (0.2, 0.1))
    differences(diagnosis, 0.1)
    assert diagnosis.pace_matters(0.1, 0.1), "it ends a streak"
    assert diagnosis.difference_matters(0.0)


@pytest.mark.parametrize(("step", "again"), [(80, 20), (99, 1), (100, None), (101, None)])
def test_an_attempt_that_begins_below_the_last_step_of_the_one_before_makes_steps_again(
    step: int, again: int | None
) -> None:
    found = Diagnosis().resumed(2, 1, 100, step)
    assert [finding.rule for finding in found] == ([] if again is None else ["restarted_earlier"])
    if again is not None:
        began = f"Attempt 2 began at step {step}, where attempt 1 had reached step 100: {again} steps are made again."
        assert (found[0].severity, found[0].summary) == (Severity.INFO, began)

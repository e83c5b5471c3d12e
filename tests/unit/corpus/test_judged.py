"""Alarms against the truth, and scores over many."""

import math

from corpus.alarm import Alarm
from corpus.judged import Judged, Label
from corpus.scores import by_fault, by_rule, score


def faulty(*alarms: Alarm, onset: int = 0, program: str = "p") -> Judged:
    label = Label("id", program, "mlp", "tuning", "nan_in_data", ("bad_input_values",), onset, 400, 100)
    return Judged(label, alarms)


def healthy(*alarms: Alarm) -> Judged:
    return Judged(Label("id", "p", "mlp", "tuning", "healthy", (), 0, 400, 100), alarms)


RIGHT = Alarm("nonfinite_loss", 120, ("bad_input_values", "stalled"), ("nonfinite_loss",))
WRONG = Alarm("loss_spike", 160, ("learning_rate_too_high", "bad_input_values"), ("loss_spike",))


def test_a_fault_is_found_by_the_first_alarm_about_it() -> None:
    run = faulty(WRONG, RIGHT, onset=100)
    assert run.detected
    assert run.latency == 20
    assert run.latency_in_epochs == 0.2


def test_an_alarm_before_the_fault_finds_nothing() -> None:
    run = faulty(RIGHT, onset=150)
    assert not run.detected
    assert not run.right_first
    assert math.isinf(run.latency)


def test_the_worst_alarm_has_to_name_a_right_cause_first() -> None:
    assert faulty(RIGHT, WRONG).right_first
    assert not faulty(WRONG, RIGHT).right_first
    assert not faulty(Alarm("x", 1)).right_first


def test_scores_count_faulty_and_healthy_runs_apart() -> None:
    scores = score([faulty(RIGHT), faulty(WRONG), faulty(), healthy(), healthy(WRONG, RIGHT)])
    assert (scores.recall.hits, scores.recall.total) == (2, 3)
    assert scores.right_first.hits == 1
    assert (scores.accused.hits, scores.accused.total) == (1, 2)
    assert scores.false_alarms == 1.0
    assert scores.latency == 160
    assert scores.early.hits == 0


def test_a_fault_found_within_its_first_epoch_is_found_early() -> None:
    assert score([faulty(Alarm("x", 99)), healthy()]).early.hits == 1


def test_the_median_latency_counts_what_was_never_found() -> None:
    assert math.isinf(score([faulty(), faulty(), faulty(RIGHT), healthy()]).latency)


def test_faults_and_rules_are_scored_one_by_one() -> None:
    runs = [faulty(RIGHT), faulty(), healthy(RIGHT), healthy()]
    (fault,) = by_fault(runs)
    (rule,) = by_rule(runs)
    assert (fault.fault, fault.runs, fault.recall.value) == ("nan_in_data", 2, 0.5)
    assert (rule.rule, rule.faulty.value, rule.healthy.value) == ("nonfinite_loss", 0.5, 0.5)

"""Rules on the time that steps take, and on trainings that begin again."""

from dataclasses import replace

import numpy as np
import pytest

from paramedic_service.rules import steps
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.finding import Change
from paramedic_service.rules.telemetry import Rows
from support.signals import Training, healthy


def opened(training: Training) -> dict[str, int]:
    ours = {rule.id for rule in steps.RULES}
    return {rule: step for rule, step in training.opened().items() if rule in ours}


def slower(training: Training, factor: float, rows: slice) -> Training:
    durations = np.diff(training.times, prepend=training.times[0])
    durations[rows] *= factor
    training.times = 1e9 + np.cumsum(durations)
    return training


def reports(*times: float, first_step: int = 0) -> Rows:
    return Rows(first_step + np.arange(len(times)), np.array(times))


def test_a_steady_training_is_left_alone() -> None:
    assert opened(healthy(1000)) == {}


def test_ten_slow_steps_in_a_row_are_found_at_the_tenth() -> None:
    assert opened(slower(healthy(), 3, slice(200, None))) == {"slow_steps": 209}
    assert opened(slower(healthy(), 3, slice(200, 209))) == {}


@pytest.mark.parametrize("end", [300, 256])
def test_steps_that_are_usual_again_resolve_it(end: int) -> None:
    diagnosis, found = slower(healthy(), 3, slice(200, end)).diagnose()
    assert [f.change for f in found if f.rule == "slow_steps"][-1] is Change.RESOLVED
    assert diagnosis.findings["slow_steps"].resolved_step == end + 9


def test_steps_that_stay_slow_do_not_become_the_measure() -> None:
    diagnosis, _ = slower(healthy(1000), 3, slice(200, None)).diagnose()
    assert diagnosis.findings["slow_steps"].open


@pytest.mark.parametrize("reason", ["evaluation", "noise", "fast steps"])
def test_times_that_vary_for_good_reasons_are_left_alone(reason: str) -> None:
    training = healthy(1000)
    match reason:
        case "evaluation":
            slower(training, 100, slice(50, None, 50))
        case "noise":
            training.times = 1e9 + np.cumsum(np.random.default_rng(0).lognormal(0, 0.6, 1000))
        case "fast steps":
            slower(training, 0.001, slice(None))
            slower(training, 20, slice(300, None))
    assert opened(training) == {}


def test_another_training_on_the_same_model_has_its_own_time() -> None:
    diagnosis, training = Diagnosis(), healthy(400)
    diagnosis.describe(training.description)
    diagnosis.observe(training.rows(0, 200))
    diagnosis.training_began()
    slower(training, 5, slice(200, None))
    assert diagnosis.observe(training.rows(200, 400)) == []


def test_a_first_step_that_takes_half_an_hour_is_found() -> None:
    diagnosis = Diagnosis()
    diagnosis.training_began(1e9)
    finding = diagnosis.observe(reports(1e9 + 1800, 1e9 + 1801))[0]
    assert (finding.rule, finding.opened_step, finding.evidence[0].value) == ("slow_first_step", 0, 1800)


def test_a_first_step_within_the_limit_or_of_unknown_length_is_left_alone() -> None:
    for began, first in ((1e9, 1e9 + 1100), (None, 1e9 + 9000)):
        diagnosis = Diagnosis()
        diagnosis.training_began(began)
        assert diagnosis.observe(reports(first, first + 1, first + 2)) == []


def test_a_restarted_training_that_begins_at_its_first_step_lost_what_it_had() -> None:
    for attempt, step, expected in ((1, 0, ["restarted_earlier"]), (1, 500, []), (0, 0, [])):
        diagnosis = Diagnosis()
        diagnosis.describe(replace(healthy().description, attempt=attempt))
        found = diagnosis.observe(reports(1e9, 1e9 + 1, first_step=step))
        assert [finding.rule for finding in found] == expected


def test_rules_abstain_by_name_before_the_first_report() -> None:
    assert {rule.id for rule in steps.RULES} <= Diagnosis().abstentions.keys()

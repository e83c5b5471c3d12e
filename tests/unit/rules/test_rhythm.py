"""Silence is judged by the run's own pace, through the log and without a clock."""

import numpy as np

from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.finding import Change
from paramedic_service.rules.telemetry import Rows


def reports(times: list[float], step: int = 0) -> Rows:
    return Rows(np.arange(step, step + len(times)), np.array(times))


def test_a_run_is_given_half_an_hour_for_its_first_steps() -> None:
    diagnosis = Diagnosis()
    assert diagnosis.silence_limit == 1800
    diagnosis.observe(reports([0.0]))
    assert diagnosis.silence_limit == 1800


def test_normal_silence_is_five_times_the_longest_gap_within_bounds() -> None:
    diagnosis = Diagnosis()
    diagnosis.observe(reports([0.0, 0.1, 0.2]))
    assert diagnosis.silence_limit == 60
    diagnosis.observe(reports([40.2], step=3))
    assert diagnosis.silence_limit == 200
    diagnosis.observe(reports([5000.0], step=4))
    assert diagnosis.silence_limit == 1800


def test_silence_is_a_finding_that_the_next_report_resolves() -> None:
    diagnosis = Diagnosis()
    diagnosis.observe(reports([0.0, 1.0]))
    (finding,) = diagnosis.silence(seconds=75.0, limit=60.0)
    assert (finding.rule, finding.change, finding.opened_step) == ("stalled_run", Change.OPENED, 1)
    (finding,) = diagnosis.observe(reports([100.0], step=2))
    assert (finding.change, finding.resolved_step) == (Change.RESOLVED, 2)


def test_a_silence_that_was_found_does_not_become_normal() -> None:
    diagnosis = Diagnosis()
    diagnosis.observe(reports([0.0, 1.0]))
    diagnosis.silence(seconds=75.0, limit=60.0)
    diagnosis.observe(reports([300.0, 301.0], step=2))
    assert diagnosis.silence_limit == 60


def test_a_run_that_ended_is_not_stalled() -> None:
    diagnosis = Diagnosis()
    diagnosis.observe(reports([0.0, 1.0]))
    diagnosis.silence(seconds=75.0, limit=60.0)
    (finding,) = diagnosis.finish()
    assert finding.change is Change.RESOLVED
    assert diagnosis.finish() == []

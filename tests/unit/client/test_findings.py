"""What the user is told of findings, and when the training is asked to stop."""

import logging

import pytest

from paramedic.findings import SEVERITIES, Findings
from paramedic.v1.finding_pb2 import (
    FINDING_CHANGE_OPENED,
    FINDING_CHANGE_RESOLVED,
    FINDING_CHANGE_UPDATED,
    SEVERITY_CRITICAL,
    SEVERITY_INFO,
    SEVERITY_WARNING,
    Finding,
    FindingChange,
    Remedy,
    Severity,
)


def finding(change: FindingChange = FINDING_CHANGE_OPENED, severity: Severity = SEVERITY_WARNING) -> Finding:
    remedies = [Remedy(text="First."), Remedy(text="Second.")]
    return Finding(rule="plateau", severity=severity, change=change, summary="The loss\nis flat.", remedies=remedies)


@pytest.mark.parametrize(
    ("severity", "level"),
    [
        (SEVERITY_INFO, logging.INFO),
        (SEVERITY_WARNING, logging.WARNING),
        (SEVERITY_CRITICAL, logging.CRITICAL),
        (99, logging.INFO),
    ],
)
def test_an_opened_finding_is_one_line_with_its_first_remedy(
    severity: Severity, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    Findings("p/r", None).add(finding(severity=severity))
    [record] = caplog.records
    assert record.levelno == level
    assert record.getMessage().endswith("): The loss is flat. Try: First.")


def test_updates_and_ends_are_quieter(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    findings = Findings("p/r", None)
    findings.add(finding(FINDING_CHANGE_UPDATED))
    findings.add(finding(FINDING_CHANGE_RESOLVED))
    assert [record.levelno for record in caplog.records] == [logging.DEBUG, logging.INFO]


def test_the_latest_version_of_a_rule_is_kept() -> None:
    findings = Findings("p/r", None)
    findings.add(finding())
    findings.add(finding(FINDING_CHANGE_RESOLVED))
    assert [each.change for each in findings.latest()] == [FINDING_CHANGE_RESOLVED]


@pytest.mark.parametrize("change", [FINDING_CHANGE_OPENED, FINDING_CHANGE_UPDATED])
@pytest.mark.parametrize("severity", SEVERITIES.values())
@pytest.mark.parametrize("stop_on", [None, *SEVERITIES.values()])
def test_an_open_finding_that_is_severe_enough_stops_the_training(
    change: FindingChange, severity: Severity, stop_on: int | None
) -> None:
    findings = Findings("p/r", stop_on)
    findings.add(finding(change, severity))
    assert findings.should_stop == (stop_on is not None and severity >= stop_on)


def test_a_resolved_finding_stops_nothing() -> None:
    findings = Findings("p/r", SEVERITY_INFO)
    findings.add(finding(FINDING_CHANGE_RESOLVED, SEVERITY_CRITICAL))
    assert not findings.should_stop


def test_a_service_that_invents_rules_does_not_fill_the_memory() -> None:
    findings = Findings("p/r", None)
    for number in range(3000):
        findings.add(Finding(rule=f"rule_{number}"))
    assert len(findings.latest()) == 1000

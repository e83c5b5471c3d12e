"""Alerts: every rule has one or a reason not to, every one fires and stays silent, every link leads somewhere."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml

from paramedic_service.rules.catalogue import RULES
from support.prometheus import binary

DEPLOY = Path(__file__).parents[3] / "deploy"
ALERTS = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "rules.yaml").read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
TESTS = yaml.safe_load((DEPLOY / "prometheus" / "tests.yaml").read_text())["tests"]
NOT_ALERTING = yaml.safe_load((DEPLOY / "prometheus" / "not_alerting.yaml").read_text())
RUN = {"project": "p", "run": "r", "attempt": "0", "rank": "0"}


def rules_of(alert):
    """The rules of the service whose findings an alert tells of."""
    return [rule for found in re.findall(r'rule=~?"([\w|]+)"', alert["expr"]) for rule in found.split("|")]


FINDINGS = [(alert, rule) for alert in ALERTS for rule in rules_of(alert)]


def promtool(*arguments):
    return subprocess.run([binary("promtool"), *map(str, arguments)], capture_output=True, text=True, check=False)


def series(name, labels, values="1x80"):
    pairs = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return {"series": f"{name}{{{pairs}}}", "values": values}


def test_prometheus_takes_rules_and_configuration():
    checked = promtool("check", "config", DEPLOY / "prometheus" / "prometheus.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_alertmanager_takes_its_configuration():
    checked = subprocess.run(
        [binary("amtool"), "check-config", DEPLOY / "alertmanager" / "alertmanager.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_tests_beside_the_rules_pass():
    tested = promtool("test", "rules", DEPLOY / "prometheus" / "tests.yaml")
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_rule_wakes_one_alert_or_is_listed_with_a_reason():
    told = Counter(rule for _, rule in FINDINGS) + Counter(list(NOT_ALERTING))
    assert told == Counter(rule.id for rule in RULES)
    assert all(NOT_ALERTING.values())


def test_alerts_are_one_family_with_everything_that_a_page_needs():
    for alert in ALERTS:
        assert re.fullmatch(r"Paramedic([A-Z][a-z]+)+", alert["alert"])
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}
        assert {"summary", "description", "runbook_url"} <= alert["annotations"].keys()
    assert len({alert["alert"] for alert in ALERTS}) == len(ALERTS)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_link_leads_to_a_runbook(alert):
    path = alert["annotations"]["runbook_url"].rpartition("{{ end }}")[2]
    for rule in rules_of(alert) or [""]:
        assert (DEPLOY / "runbooks" / path.replace("{{ $labels.rule }}", rule).lstrip("/")).is_file()


@pytest.mark.parametrize("alert", [each for each in ALERTS if not rules_of(each)], ids=lambda alert: alert["alert"])
def test_an_alert_on_the_service_is_tested_beside_the_rules(alert):
    expected = [
        test["exp_alerts"]
        for case in TESTS
        for test in case.get("alert_rule_test", ())
        if test["alertname"] == alert["alert"]
    ]
    assert any(expected), "fires"
    fires_for_some = any("instance" in each["exp_labels"] for alerts in expected for each in alerts)
    several_instances = any(len(case["input_series"]) > 1 for case in TESTS)
    assert [] in expected or (fires_for_some and several_instances), "and stays silent"


def test_every_rule_fires_its_alert_with_cause_and_remedy_and_no_other(tmp_path):
    """One promtool case a rule: all alerts of the file are asked, so that a rule that wakes a second one is seen."""
    cases = []
    for alert, rule in FINDINGS:
        incident = {
            **RUN,
            "incident": rule,
            "rules": f"other,{rule}",
            "summary": f"What {rule} means.",
            "remedy": "Mend it.",
        }
        exp = {
            "exp_labels": {**RUN, "rule": rule, "severity": alert["labels"]["severity"]},
            "exp_annotations": {
                "summary": f"r (p): {rule}",
                "description": f"What {rule} means. Attempt 0, rank 0; `paramedic runs p/r` shows the evidence.",
                "remedy": "Mend it.",
                "runbook_url": f"deploy/runbooks/{rule}.md",
            },
        }
        cases.append(
            {
                "name": rule,
                "interval": "15s",
                "input_series": [
                    series("paramedic_run_findings", {**RUN, "rule": rule, "severity": "critical"}),
                    series("paramedic_run_incident", incident),
                    series("paramedic_run_info", {**RUN, "state": "running"}),
                ],
                "alert_rule_test": [
                    {"eval_time": "18m", "alertname": other["alert"], "exp_alerts": [exp] if other is alert else []}
                    for other in ALERTS
                    if rules_of(other)
                ],
            }
        )
    assert run_cases(tmp_path, cases) == ""


def test_no_alert_of_a_run_fires_without_a_finding_or_after_its_end(tmp_path):
    silent = {
        "no finding": [series("paramedic_run_info", {**RUN, "state": "running"})],
        "another rule": [series("paramedic_run_findings", {**RUN, "rule": "unheard_of", "severity": "critical"})],
        "a run that ended": [
            series("paramedic_run_info", {**RUN, "state": "finished"}),
            *(
                series("paramedic_run_findings", {**RUN, "rule": rule, "severity": "critical"})
                for _, rule in FINDINGS
                if rule != "training_error"
            ),
        ],
    }
    cases = [
        {
            "name": name,
            "interval": "15s",
            "input_series": [*inputs, series("up", {"job": "paramedic"})],
            "alert_rule_test": [
                {"eval_time": "18m", "alertname": alert["alert"], "exp_alerts": []} for alert in ALERTS
            ],
        }
        for name, inputs in silent.items()
    ]
    assert run_cases(tmp_path, cases) == ""


def run_cases(directory, cases):
    """Runs promtool on cases; returns what it complains of."""
    file = directory / "cases.yaml"
    file.write_text(
        yaml.safe_dump(
            {"rule_files": [str(DEPLOY / "prometheus" / "rules.yaml")], "evaluation_interval": "15s", "tests": cases}
        )
    )
    tested = promtool("test", "rules", file)
    return "" if tested.returncode == 0 else tested.stdout + tested.stderr

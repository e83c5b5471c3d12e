import json

import pytest

from support.command import paramedic
from support.runs import HEALTHY, RUINED, healthy, ruined


@pytest.fixture(scope="module")
def ask(service):
    """Runs a command against a service with a healthy and a ruined run."""
    service.report(HEALTHY, healthy(), name="a healthy LSTM")
    service.report(RUINED, ruined())
    return lambda *arguments: paramedic(*arguments, PARAMEDIC_URL=service.grpc)


def document(done):
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def test_runs_are_listed_newest_first_with_their_standing(ask):
    runs = document(ask("runs", "--json"))["runs"]
    assert [run["identity"]["id"] for run in runs] == ["ruined", "healthy"]
    newest, oldest = runs
    assert (newest["state"], newest["last_step"], newest["open_findings"]) == ("running", 13, 1)
    assert (oldest["state"], oldest["name"], oldest["open_findings"]) == ("finished", "a healthy LSTM", 0)


def test_people_see_state_step_age_and_open_findings(ask):
    lines = ask("runs").stdout.splitlines()
    assert lines[0].split("  ")[0] == "run"
    assert "digits/ruined attempt 1" in lines[1]
    assert "running" in lines[1]
    assert "d ago" in lines[1]
    assert lines[1].split()[-1] == "1"


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        (["--state", "finished"], ["healthy"]),
        (["--project", "digits"], ["ruined", "healthy"]),
        (["--project", "other"], []),
    ],
)
def test_runs_can_be_filtered(ask, filters, ids):
    assert [run["identity"]["id"] for run in document(ask("runs", "--json", *filters))["runs"]] == ids


def test_one_run_comes_with_its_description_findings_and_abstentions(ask):
    told = document(ask("runs", "digits/ruined", "--attempt", "1", "--json"))
    assert told["run"]["rows"] == 3
    assert told["description"]["environment"]["framework"] == "keras"
    assert [finding["rule"] for finding in told["findings"]] == ["nonfinite_loss"]
    abstaining = {status["rule"]: status["reason"] for status in told["rules"] if status["abstains"]}
    assert "gradient" in abstaining["exploding_gradient"]


def test_one_run_is_shown_to_people(ask):
    done = ask("runs", "digits/ruined", "--attempt", "1")
    assert done.returncode == 0, done.stderr
    for words in ("digits/ruined attempt 1", "keras 3.15.1", "nonfinite_loss", "rule that cannot judge"):
        assert words in done.stdout


def test_a_run_that_does_not_exist_is_one_line(ask):
    done = ask("runs", "digits/other")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "paramedic runs" in done.stderr


@pytest.mark.parametrize(
    ("filters", "rules"),
    [
        ([], ["nonfinite_loss"]),
        (["--project", "digits", "--run", "ruined"], ["nonfinite_loss"]),
        (["--run", "healthy"], []),
        (["--rule", "nonfinite_loss"], ["nonfinite_loss"]),
        (["--rule", "loss_plateau"], []),
        (["--severity", "critical", "--open"], ["nonfinite_loss"]),
    ],
)
def test_findings_can_be_filtered(ask, filters, rules):
    assert [finding["rule"] for finding in document(ask("findings", "--json", *filters))["findings"]] == rules


def test_findings_are_shown_to_people(ask):
    lines = ask("findings").stdout.splitlines()
    assert lines[0].split() == ["run", "severity", "rule", "change", "step", "summary"]
    assert "critical" in lines[1]


def test_nothing_found_is_said(ask):
    assert ask("findings", "--run", "healthy").stdout == "No findings.\n"
    assert ask("runs", "--project", "other").stdout == "No runs.\n"

"""Trainings of many processes on the command line: a run is one, however many ranks and attempts it has."""

import json

import pytest

from paramedic.v1.run_pb2 import RunIdentity
from support.command import paramedic
from support.runs import HEALTHY, described, finished, healthy, losses, ruined


def process(attempt, rank):
    return RunIdentity(project="digits", id="many", attempt=attempt, rank=rank)


@pytest.fixture(scope="module")
def ask(service):
    """Runs a command against a service with a run of two attempts with two ranks each, and one of a single process."""
    for rank in (0, 1):
        service.report(process(0, rank), [described(), losses(2, 1, [1.0, 0.9]), finished(3)], name="a large one")
    service.report(process(1, 0), [described(), losses(2, 3, [0.9] * 13), finished(3)], name="a large one")
    service.report(process(1, 1), ruined(), name="a large one")
    service.report(HEALTHY, healthy())
    for rank in (0, 1, 2):
        service.report(RunIdentity(project="ruined", id="all", rank=rank), ruined())
    return lambda *arguments: paramedic(*arguments, PARAMEDIC_URL=service.grpc)


def cells(line):
    return [cell.strip() for cell in line.split("  ") if cell.strip()]


def test_a_run_is_one_line_that_tells_how_the_ranks_of_its_latest_attempt_stand(ask):
    _, single, many = ask("runs", "--project", "digits").stdout.splitlines()
    assert cells(single)[0] == "digits/healthy"
    label, name, state, step, _, findings = cells(many)
    assert (label, name) == ("digits/many attempt 1, 2 ranks", "a large one")
    assert (state, step, findings) == ("1 running, 1 finished", "13 to 15", "1")


def test_every_process_can_be_listed(ask):
    labels = [cells(line)[0] for line in ask("runs", "--processes", "--project", "digits").stdout.splitlines()[1:]]
    assert labels == [
        "digits/healthy",
        "digits/many attempt 1 rank 1",
        "digits/many attempt 1",
        "digits/many rank 1",
        "digits/many",
    ]
    assert len(json.loads(ask("runs", "--json").stdout)["runs"]) == 8


@pytest.mark.parametrize(("state", "labels"), [("finished", 2), ("failed", 0)])
def test_a_run_is_listed_where_any_of_its_latest_ranks_is_in_the_state(ask, state, labels):
    listed = [line for line in ask("runs", "--state", state).stdout.splitlines() if line.startswith("digits/")]
    assert len(listed) == labels


def test_a_run_is_shown_by_its_latest_attempt_with_the_findings_of_all_its_ranks(ask):
    shown = ask("runs", "digits/many").stdout
    assert "digits/many attempt 1" in shown
    table = [cells(line) for line in shown.splitlines()]
    heading = table.index(["attempt", "rank", "state", "step", "last report", "open findings"])
    assert [tuple(row[:4]) for row in table[heading + 1 : heading + 5]] == [
        ("1", "0", "finished", "15"),
        ("1", "1", "running", "13"),
        ("0", "0", "finished", "2"),
        ("0", "1", "finished", "2"),
    ]
    assert "incident on rank 1 since step 13" in shown
    assert "digits/many attempt 1 rank 1" in shown
    assert "nonfinite_loss" in shown


def test_what_all_ranks_have_in_common_is_told_once(ask):
    _, finding = ask("findings", "--project", "ruined").stdout.splitlines()
    assert cells(finding)[0] == "ruined/all, ranks 0 to 2"
    shown = ask("runs", "ruined/all").stdout
    assert shown.count("incident on ranks 0 to 2 since") == shown.count("incident on") == 1
    assert len(json.loads(ask("findings", "--project", "ruined", "--json").stdout)["findings"]) == 3


def test_one_rank_or_attempt_can_be_asked_for(ask):
    told = json.loads(ask("runs", "digits/many", "--rank", "0", "--json").stdout)
    assert told["run"]["identity"] == {"project": "digits", "id": "many", "attempt": 1, "rank": 0}
    assert (told["findings"], len(told["processes"])) == ([], 4)
    told = json.loads(ask("runs", "digits/many", "--attempt", "0", "--json").stdout)
    assert (told["run"]["last_step"], told["findings"]) == (2, [])
    assert ask("runs", "digits/many", "--rank", "7").returncode == 1

"""`paramedic import` judges what other loggers wrote down, and stores it once."""

import json

import pytest

from support.command import paramedic

NOBODY = "127.0.0.1:9"  # nothing listens on the port of the discard protocol


@pytest.fixture
def history(tmp_path):
    """A run whose loss is NaN from its twelfth epoch on."""
    path = tmp_path / "history.json"
    path.write_text(json.dumps({"loss": [1.1 - 0.05 * epoch for epoch in range(11)] + [float("nan")] * 4}))
    return path


def imported(path, tmp_path, *arguments, url=NOBODY):
    spool = str(tmp_path / "spool")
    return paramedic("import", str(path), "--project", "past", "--spool-dir", spool, "--url", url, *arguments)


def test_findings_need_no_service(history, tmp_path):
    done = imported(history, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "The loss is NaN" in done.stdout.replace("the loss is NaN", "The loss is NaN")
    assert "nonfinite_loss" in done.stdout
    assert "not stored" in done.stderr
    assert "paramedic sync" in done.stderr


def test_a_service_has_it_once(service, history, tmp_path):
    for _ in range(2):
        told = json.loads(imported(history, tmp_path, "--json", url=service.grpc).stdout)["runs"]
        assert [run["stored"] for run in told] == [True]
        assert [finding["rule"] for finding in told[0]["findings"]] == ["nonfinite_loss"]
    (run,) = json.loads(paramedic("runs", "--json", "--project", "past", "--url", service.grpc).stdout)["runs"]
    assert (run["rows"], run["state"], run["name"]) == (15, "finished", "history.json")
    stored = json.loads(paramedic("findings", "--json", "--project", "past", "--url", service.grpc).stdout)["findings"]
    assert [finding["rule"] for finding in stored] == ["nonfinite_loss"]


def test_what_waited_for_a_service_is_delivered_when_it_is_imported_again(service, history, tmp_path):
    imported(history, tmp_path, "--name", "waiting")
    done = imported(history, tmp_path, "--json", url=service.grpc)
    assert [run["stored"] for run in json.loads(done.stdout)["runs"]] == [True]


def test_a_file_that_is_none_says_why(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("loss")
    done = imported(path, tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"paramedic: {path} is no event file of TensorBoard")

"""Runs count by what came of the training."""

import json
from pathlib import Path
from typing import Any

import pytest

from corpus.catalogue import planned
from corpus.labels import label

HEALTHY = "digits-mlp.healthy.0"
FAULTY = next(each for each in planned() if each.startswith("digits-mlp.learning_rate_10"))
TWIN = f"digits-mlp.healthy.{FAULTY[-1]}"


def outcome(skill: float | None = 0.95, loss: float | None = 0.1, **other: Any) -> dict[str, Any]:
    return {"steps": 360, "steps_per_epoch": 45, "skill": skill, "loss": loss, "best_loss": None, "error": ""} | other


def labelled(directory: Path, outcomes: dict[str, dict[str, Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    label(directory, outcomes)
    written = json.loads((directory / "labels.json").read_text())
    return {run["id"]: run for run in written["runs"]}, written["dropped"]


def test_a_healthy_run_counts_when_it_learned(tmp_path: Path) -> None:
    runs, _ = labelled(tmp_path, {HEALTHY: outcome()})
    assert runs[HEALTHY]["fault"] == "healthy"
    assert runs[HEALTHY]["causes"] == []


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(outcome(skill=0.5), id="it learned too little"),
        pytest.param(outcome(skill=None), id="it cannot be measured"),
        pytest.param(outcome(error="ValueError"), id="it ended with an exception"),
        pytest.param(outcome(loss=0.3, best_loss=0.2), id="its held-out loss rose again"),
    ],
)
def test_a_healthy_run_that_is_not_healthy_is_dropped(tmp_path: Path, bad: dict[str, Any]) -> None:
    runs, dropped = labelled(tmp_path, {HEALTHY: bad})
    assert not runs
    assert dropped.keys() == {HEALTHY}


@pytest.mark.parametrize(
    "harmed",
    [
        pytest.param(outcome(skill=0.84), id="skill"),
        pytest.param(outcome(skill=None), id="no skill"),
        pytest.param(outcome(skill=None, error="ValueError"), id="exception"),
        pytest.param(outcome(loss=0.25), id="held-out loss"),
        pytest.param(outcome(loss=None), id="held-out loss not finite"),
    ],
)
def test_a_faulty_run_counts_when_it_was_harmed(tmp_path: Path, harmed: dict[str, Any]) -> None:
    runs, _ = labelled(tmp_path, {TWIN: outcome(), FAULTY: harmed})
    assert runs[FAULTY]["fault"] == "learning_rate_10"
    assert "learning_rate_too_high" in runs[FAULTY]["causes"]
    assert runs[FAULTY]["twin_skill"] == 0.95


def test_an_edit_that_did_no_harm_is_no_fault(tmp_path: Path) -> None:
    runs, dropped = labelled(tmp_path, {TWIN: outcome(), FAULTY: outcome(skill=0.9, loss=0.15)})
    assert FAULTY not in runs
    assert dropped[FAULTY].startswith("no harm")


def test_harm_cannot_be_told_without_a_healthy_twin(tmp_path: Path) -> None:
    _, dropped = labelled(tmp_path, {TWIN: outcome(skill=0.1), FAULTY: outcome(skill=0.0)})
    assert dropped.keys() == {TWIN, FAULTY}

"""Which run a process writes: told by arguments, a checkpoint, the environment, or what launched it."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

import paramedic
from paramedic.settings import Settings, resolve

TORCHRUN = {"RANK": "3", "WORLD_SIZE": "8", "TORCHELASTIC_RUN_ID": "job", "TORCHELASTIC_RESTART_COUNT": "0"}
SLURM = {"SLURM_JOB_ID": "4711", "SLURM_PROCID": "5", "SLURM_NTASKS": "8"}
OPEN_MPI = {"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "4"}


def settings(environment: dict[str, str], spool: Path = Path("/nowhere"), **arguments: Any) -> Settings:
    given: dict[str, Any] = {"project": "p", "id": None, "attempt": None, "rank": None, "resume": None} | arguments
    others = {"name": None, "url": None, "mode": None, "token": None, "tls_ca": None, "stop_on": None}
    return resolve(**given, **others, spool_dir=spool, environment=environment)  # type: ignore[arg-type]


def identity(environment: dict[str, str], **arguments: Any) -> tuple[str, int, int]:
    found = settings(environment, **arguments)
    return found.id, found.attempt, found.rank


@pytest.fixture(autouse=True)
def no_runs_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paramedic.processes._ordinals", {})


def test_our_own_variables_name_the_run_without_any_launcher() -> None:
    own = {"PARAMEDIC_RUN_ID": "mine", "PARAMEDIC_ATTEMPT": "2", "PARAMEDIC_RANK": "1"}
    assert identity(own) == ("mine", 2, 1)
    assert identity(own | TORCHRUN) == ("mine", 2, 1)
    assert identity(own | TORCHRUN, id="told", attempt=0, rank=7) == ("told", 0, 7)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (TORCHRUN, ("job", 0, 3)),
        (TORCHRUN | {"TORCHELASTIC_RESTART_COUNT": "2"}, ("job", 2, 3)),
        (SLURM, ("slurm-4711", 0, 5)),
        (SLURM | {"SLURM_RESTART_COUNT": "1"}, ("slurm-4711", 1, 5)),
        (SLURM | {"SLURM_ARRAY_JOB_ID": "4700", "SLURM_ARRAY_TASK_ID": "11"}, ("slurm-4700_11", 0, 5)),
        (SLURM | {"SLURM_STEP_ID": "2"}, ("slurm-4711.2", 0, 5)),
        (SLURM | {"SLURM_STEP_ID": "4294967291"}, ("slurm-4711", 0, 5)),
        (SLURM | TORCHRUN, ("job", 0, 3)),
        (SLURM | TORCHRUN | {"TORCHELASTIC_RUN_ID": "none", "SLURM_STEP_ID": "0"}, ("slurm-4711.0", 0, 3)),
        (SLURM | TORCHRUN | {"SLURM_RESTART_COUNT": "1", "TORCHELASTIC_RESTART_COUNT": "2"}, ("job", 102, 3)),
        (OPEN_MPI | {"PARAMEDIC_RUN_ID": "mine"}, ("mine", 0, 2)),
    ],
    ids=str,
)
def test_launchers_tell_run_attempt_and_rank(environment: dict[str, str], expected: tuple[str, int, int]) -> None:
    assert identity(environment) == expected


@pytest.mark.parametrize(
    "environment",
    [
        {},
        TORCHRUN | {"WORLD_SIZE": "1", "RANK": "0"},
        {"RANK": "what an editor calls it"},
        SLURM | {"SLURM_NTASKS": "1", "SLURM_PROCID": "0"},
        OPEN_MPI | {"OMPI_COMM_WORLD_SIZE": "1"},
    ],
    ids=str,
)
def test_a_process_that_is_alone_has_a_run_of_its_own(
    environment: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    first, second = settings(environment), settings(environment)
    assert first.id != second.id
    assert (first.attempt, first.rank) == (0, 0)
    assert not caplog.records


@pytest.mark.parametrize(
    "environment",
    [OPEN_MPI | {"OMPI_COMM_WORLD_RANK": "0"}, {"RANK": "0", "WORLD_SIZE": "4", "TORCHELASTIC_RUN_ID": "none"}],
)
def test_processes_that_do_not_find_each_other_are_told_what_to_set(
    environment: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    first, second = settings(environment), settings(environment)
    assert first.id != second.id
    assert caplog.records[0].levelno == logging.WARNING
    assert "one of 4 processes" in caplog.text
    assert "PARAMEDIC_RUN_ID" in caplog.text
    settings(environment, id="told")
    assert len(caplog.records) == 2


def test_several_runs_of_one_job_are_several_in_the_same_order_everywhere() -> None:
    assert [identity(TORCHRUN)[0] for _ in range(3)] == ["job", "job-2", "job-3"]
    assert identity(TORCHRUN, project="other")[0] == "job"
    chosen = TORCHRUN | {"PARAMEDIC_RUN_ID": "mine"}
    assert [identity(chosen)[0] for _ in range(2)] == ["mine", "mine"]


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"PARAMEDIC_RANK": "one"}, "PARAMEDIC_RANK: expected a number from 0 to 2147483647, got 'one'"),
        ({"PARAMEDIC_ATTEMPT": "-1"}, "PARAMEDIC_ATTEMPT: expected a number"),
        ({"PARAMEDIC_RUN_ID": "a\nb"}, "PARAMEDIC_RUN_ID: 'a\\nb' has control characters"),
        (TORCHRUN | {"RANK": "x"}, "RANK: expected a number"),
        (TORCHRUN | {"WORLD_SIZE": "many"}, "WORLD_SIZE: expected a number"),
        (TORCHRUN | {"TORCHELASTIC_RESTART_COUNT": "1.5"}, "TORCHELASTIC_RESTART_COUNT: expected a number"),
        (SLURM | {"SLURM_PROCID": "99999999999"}, "SLURM_PROCID: expected a number"),
        (OPEN_MPI | {"OMPI_COMM_WORLD_RANK": "²"}, "OMPI_COMM_WORLD_RANK: expected a number"),
    ],
    ids=str,
)
def test_a_variable_that_makes_no_sense_is_refused_by_name(environment: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=r"expected|control") as caught:
        settings(environment)
    assert message in str(caught.value)


def test_a_run_that_is_named_in_full_does_not_ask_the_environment() -> None:
    assert identity({"PARAMEDIC_RANK": "one"}, id="r", attempt=1, rank=2) == ("r", 1, 2)


def test_a_checkpoint_is_plain_json_that_the_next_attempt_goes_on_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARAMEDIC_MODE", "offline")
    run = paramedic.init("p", id="r", rank=1, spool_dir=tmp_path)
    assert run.checkpoint() == {"project": "p", "id": "r", "attempt": 0, "step": None}
    run.log(41, loss=1.0)
    state = json.loads(json.dumps(run.checkpoint()))
    assert state == {"project": "p", "id": "r", "attempt": 0, "step": 41}
    run.finish()
    resumed = paramedic.init(resume=state, rank=1, spool_dir=tmp_path)
    assert resumed.checkpoint() == {"project": "p", "id": "r", "attempt": 1, "step": None}
    resumed.finish()


def test_a_checkpoint_holds_what_an_integration_has_not_yet_reported(tmp_path: Path) -> None:
    run = paramedic.init("p", id="r", mode="offline", spool_dir=tmp_path)
    pending = [7]
    run.before_end(lambda: run.log(pending.pop(), loss=1.0) if pending else None)
    assert run.checkpoint()["step"] == 7
    run.finish()


def test_a_run_that_is_disabled_has_checkpoints_too() -> None:
    run = paramedic.init("p", id="r", mode="disabled")
    assert run.checkpoint() == {"project": "p", "id": "r", "attempt": 0, "step": None}


STATE = {"project": "p", "id": "r", "attempt": 2, "step": 100}


def test_the_next_attempt_is_the_highest_that_anything_knows_of(tmp_path: Path) -> None:
    assert identity({}, resume=STATE, spool=tmp_path) == ("r", 3, 0)
    assert identity(TORCHRUN | {"TORCHELASTIC_RESTART_COUNT": "5"}, resume=STATE, spool=tmp_path) == ("r", 5, 3)
    assert identity({"PARAMEDIC_ATTEMPT": "1"}, resume=STATE, spool=tmp_path) == ("r", 3, 0)
    assert identity({}, resume=STATE, attempt=9, spool=tmp_path) == ("r", 9, 0)
    (tmp_path / "p" / "r-6-0").mkdir(parents=True)
    (tmp_path / "p" / "r-8-1").mkdir()
    (tmp_path / "p" / "rr-9-0").mkdir()
    assert identity({}, resume=STATE, spool=tmp_path) == ("r", 7, 0)
    assert identity({}, resume=STATE, rank=1, spool=tmp_path) == ("r", 9, 1)


def test_an_attempt_that_died_before_its_first_checkpoint_is_not_mistaken_for_the_next(tmp_path: Path) -> None:
    attempts = []
    for _ in range(3):
        run = paramedic.init(resume=STATE, mode="offline", spool_dir=tmp_path)
        attempts.append(run.identity.attempt)
        run.finish()
        for file in list((tmp_path / "p").rglob("*.spool")):  # delivered: the spool itself knows nothing any more
            file.unlink()
            file.parent.rmdir()
    assert attempts == [3, 4, 5]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"resume": "state.json"}, TypeError, "resume: expected what run.checkpoint() returned, got str"),
        ({"resume": {"id": "r", "attempt": 0}}, ValueError, "resume['project']"),
        ({"resume": STATE | {"id": ""}}, ValueError, "resume['id']"),
        ({"resume": STATE | {"attempt": "1"}}, ValueError, "resume['attempt']: expected 0 to"),
        ({"resume": STATE | {"attempt": -1}}, ValueError, "resume['attempt']"),
        ({"resume": STATE, "project": "q"}, ValueError, "project: 'q' was given, but resume continues a run of 'p'"),
        ({"resume": STATE, "id": "other"}, ValueError, "id: 'other' was given, but resume continues 'r'"),
    ],
    ids=str,
)
def test_what_is_no_checkpoint_or_of_another_run_is_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        paramedic.init(**{"mode": "disabled"} | arguments)
    assert message in str(caught.value)

import json
import lzma

import numpy as np
import pytest
from typer.testing import CliRunner

from paramedic.segment import SegmentWriter
from paramedic.v1 import run_pb2
from paramedic.v1.telemetry_pb2 import RegisterRun, ScalarColumn, StepBatch, StreamTelemetryRequest
from paramedic_service.cli.commands import app
from paramedic_service.store.opening import open_store
from paramedic_service.store.records import LogRecord, RunKey

RATIO = "divergence.ratio"


def diverging(factor, steps=600):
    """A loss that falls to 1 and then stays at so many times that."""
    loss = np.full(steps, float(factor))
    loss[: steps // 2] = np.linspace(2.5, 1.0, steps // 2)
    return loss


def entries(loss):
    steps = range(len(loss))
    yield StreamTelemetryRequest(
        sequence=1,
        batch=StepBatch(
            steps=steps, times=[float(step) for step in steps], scalars=[ScalarColumn(name="loss", values=loss)]
        ),
    )


def spool(directory, project, run, loss):
    where = directory / project / f"{run}-0-0"
    where.mkdir(parents=True)
    writer = SegmentWriter(where / "00000001.spool")
    registration = RegisterRun(run=run_pb2.RunIdentity(project=project, id=run))
    writer.append(StreamTelemetryRequest(register=registration).SerializeToString())
    for entry in entries(loss):
        writer.append(entry.SerializeToString())
    writer.close()
    return where / "00000001.spool"


@pytest.fixture
def recordings(tmp_path):
    """One run whose loss doubles and a half, one whose loss grows fivefold."""
    spool(tmp_path, "digits", "twice", diverging(2.5))
    spool(tmp_path, "words", "fivefold", diverging(5.0))
    return tmp_path


def backtest(*arguments):
    return CliRunner().invoke(app, ["backtest", *map(str, arguments)], env={"COLUMNS": "200"})


def document(*arguments):
    result = backtest(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def ids(told):
    return [each["run"]["id"] for each in told]


def test_a_stricter_threshold_says_less_and_in_which_run(recordings):
    told = document(recordings, "--set", f"{RATIO}=4")
    assert (told["set"], told["runs"], told["rows"], told["left_out"]) == ({RATIO: 4.0}, 2, 1200, 0)
    [rule] = [each for each in told["rules"] if each["rule"] == "divergence"]
    assert ids(rule["less"]) == ["twice"]
    assert rule["more"] == []
    assert rule["less"][0]["step"] > 300


def test_a_looser_threshold_says_more(recordings):
    common = recordings / "rules.toml"
    common.write_text("[rules.divergence]\nratio = 10\n")
    told = document(recordings, "--set", f"{RATIO}=4", "--rules-file", common)
    [rule] = [each for each in told["rules"] if each["rule"] == "divergence"]
    assert ids(rule["more"]) == ["fivefold"]


def test_a_change_of_patience_moves_the_step(recordings):
    told = document(recordings, "--set", "divergence.patience=6")
    [rule] = [each for each in told["rules"] if each["rule"] == "divergence"]
    assert all(each["new_step"] > each["step"] for each in rule["moved"])
    assert len(rule["moved"]) == 2


def test_a_change_that_changes_nothing_is_said(recordings):
    result = backtest(recordings, "--set", "divergence.ratio=2")
    assert "2 runs with 1200 rows; 0 of them would be judged otherwise" in result.stdout
    assert "Nothing would be said otherwise." in result.stdout


def test_people_get_a_table(recordings):
    result = backtest(recordings, "--set", f"{RATIO}=4")
    lines = [line.split() for line in result.stdout.splitlines() if line.startswith("divergence ")]
    assert [line[:4] for line in lines] == [
        ["divergence", "less", "1", "digits/twice"],
        ["divergence", "moved", "1", "words/fivefold"],
    ]


def test_one_project_alone_can_be_asked_for(recordings):
    assert document(recordings, "--set", f"{RATIO}=4", "--project", "words")["runs"] == 1


def test_compressed_recordings_are_read_where_they_lie(recordings, tmp_path):
    plain = tmp_path / "digits" / "twice-0-0" / "00000001.spool"
    packed = tmp_path / "packed" / "twice.spool.xz"
    packed.parent.mkdir()
    packed.write_bytes(lzma.compress(plain.read_bytes()))
    assert document(packed.parent, "--set", f"{RATIO}=4")["rules"][0]["less"]


def test_a_store_is_folded_from_its_log_and_left_as_it_is(tmp_path):
    url = f"sqlite:///{tmp_path / 'paramedic.db'}"
    store = open_store(url)
    for name, factor in (("twice", 2.5), ("fivefold", 5.0)):
        run = store.register(RunKey("digits", name), name, 1.0).number
        store.append([LogRecord(run, 1, 600, 0, 599, each.SerializeToString()) for each in entries(diverging(factor))])
    store.close()
    before = (tmp_path / "paramedic.db").read_bytes()

    told = document("--store", url, "--set", f"{RATIO}=4")

    assert (told["runs"], ids(told["rules"][0]["less"])) == (2, ["twice"])
    assert (tmp_path / "paramedic.db").read_bytes() == before


def test_damage_is_counted_and_the_rest_folded(recordings):
    with (recordings / "digits" / "twice-0-0" / "00000001.spool").open("ab") as file:
        file.write(b"\x05\x00\x00\x00half")
    told = document(recordings, "--set", f"{RATIO}=4")
    assert (told["left_out"], told["rows"]) == (1, 1200)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("divergence.ratio", "write RULE.PARAMETER=VALUE"),
        ("ratio=3", "write RULE.PARAMETER=VALUE"),
        ("divergence.ratio=much", "could not convert"),
        ("divergence.colour=3", "it has ratio"),
        ("diverging.ratio=3", "`paramedic rules` lists them"),
        ("divergence.patience=2.5", "whole number"),
        ("divergence.ratio=nan", "finite"),
        ("divergence.ratio=-1", "negative"),
    ],
)
def test_a_change_that_makes_no_sense_is_explained(recordings, change, words):
    result = backtest(recordings, "--set", change)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"paramedic: --set {change}: ")
    assert words in result.stderr


def test_an_interrupt_keeps_what_was_compared(recordings, monkeypatch):
    from paramedic_service.cli import backtest as command

    compared = command._compared

    def interrupted(*arguments):
        yield next(compared(*arguments))
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_compared", interrupted)
    result = backtest(recordings, "--set", f"{RATIO}=4", "--json")
    assert result.exit_code == 130
    assert (json.loads(result.stdout)["runs"], json.loads(result.stdout)["runs_in_all"]) == (1, 2)
    assert result.stderr == "paramedic: interrupted after 1 of 2 runs\n"


def test_a_place_without_recordings_is_explained(tmp_path):
    result = backtest(tmp_path, "--set", f"{RATIO}=4")
    assert result.exit_code == 2
    assert "holds no recorded run" in result.stderr

import json
import math

import pytest
from typer.testing import CliRunner

from paramedic.segment import SegmentWriter
from paramedic.v1 import run_pb2
from paramedic.v1.telemetry_pb2 import FinishRun, RegisterRun, ScalarColumn, StepBatch, StreamTelemetryRequest
from paramedic_service.cli.commands import app
from paramedic_service.store.opening import open_store
from paramedic_service.store.records import LogRecord, RunKey

REGISTRATION = StreamTelemetryRequest(
    register=RegisterRun(run=run_pb2.RunIdentity(project="digits", id="lstm", attempt=1), name="an LSTM")
)


def batch(sequence, first, losses):
    steps = range(first, first + len(losses))
    return StreamTelemetryRequest(
        sequence=sequence,
        batch=StepBatch(
            steps=steps, times=[float(step) for step in steps], scalars=[ScalarColumn(name="loss", values=losses)]
        ),
    )


ENTRIES = [
    batch(1, 1, [1.0, 0.9]),
    batch(2, 3, [math.nan, math.nan]),
    StreamTelemetryRequest(sequence=3, finish=FinishRun(state=run_pb2.RUN_STATE_FAILED, time=9.0)),
]


def spool(path, requests):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = SegmentWriter(path)
    for request in [REGISTRATION, *requests]:
        writer.append(request if isinstance(request, bytes) else request.SerializeToString())
    writer.close()
    return path


def replay(*arguments):
    return CliRunner().invoke(app, ["replay", *map(str, arguments)])


def document(*arguments):
    result = replay(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def directory(tmp_path):
    directory = tmp_path / "digits" / "lstm-1-0"
    spool(directory / "00000001.spool", ENTRIES[:1])
    spool(directory / "00000002.spool", ENTRIES[1:])
    return directory


def test_a_spooled_run_is_folded_and_its_findings_are_shown(directory):
    told = document(directory)
    assert told["run"] == {"project": "digits", "id": "lstm", "attempt": 1, "rank": 0}
    assert (told["name"], told["state"], told["rows"], told["last_step"]) == ("an LSTM", "failed", 4, 4)
    [finding] = [each for each in told["findings"] if each["rule"] == "nonfinite_loss"]
    assert (finding["severity"], finding["opened_step"]) == ("critical", 3)
    assert finding["evidence"][0]["value"] == "NaN"
    assert "exploding_gradient" in [each["rule"] for each in told["abstentions"]]
    assert told["left_out"] == []


def test_people_get_a_table(directory):
    result = replay(directory)
    assert result.exit_code == 0
    assert "digits/lstm attempt 1: 4 rows up to step 4, failed" in result.stdout
    assert "nonfinite_loss" in result.stdout


def test_the_directory_may_lie_anywhere_below_the_one_that_is_named(directory, tmp_path):
    assert document(tmp_path) == document(directory)


def test_a_single_file_is_enough(directory):
    assert document(directory / "00000002.spool")["rows"] == 2


def test_what_was_spooled_twice_is_folded_once(tmp_path):
    path = spool(tmp_path / "00000001.spool", [ENTRIES[0], ENTRIES[0], ENTRIES[1]])
    told = document(path)
    assert (told["rows"], told["left_out"]) == (4, [])


def test_entries_that_cannot_be_read_or_are_refused_are_named_and_left_out(tmp_path):
    backwards = batch(2, 1, [0.5])
    path = spool(tmp_path / "00000001.spool", [ENTRIES[0], backwards, b"\xff\xff"])
    damaged = path.read_bytes()
    path.write_bytes(damaged + b"\x01")
    left_out = document(path)["left_out"]
    assert len(left_out) == 3
    assert all(entry["place"].startswith(str(path)) for entry in left_out)
    assert "batch.steps" in left_out[0]["reason"]
    assert "cut off" in left_out[2]["reason"]


def test_a_run_of_a_store_is_replayed_as_it_was_spooled(directory, tmp_path):
    url = f"sqlite:///{tmp_path / 'paramedic.db'}"
    store = open_store(url)
    number = store.register(RunKey("digits", "lstm", 1), "an LSTM", 0.0).number
    store.append([LogRecord(number, entry.sequence, 0, None, None, entry.SerializeToString()) for entry in ENTRIES])
    store.close()
    assert document("--run", "digits/lstm", "--attempt", 1, "--store", url) == document(directory)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name either"),
        (["missing"], "missing does not exist"),
        (["."], "holds no recorded run"),
        (["--run", "digits/lstm", "--store", "sqlite:///missing.db"], "missing.db does not exist"),
        (["--run", "digits/lstm", "--store", "mysql://host/db"], "sqlite:////absolute/path.db"),
        (["--run", "digits"], "names no run"),
    ],
)
def test_what_cannot_be_replayed_is_one_line_that_says_why(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = replay(*arguments)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert words in result.stderr


def test_several_recorded_runs_are_not_mixed(directory):
    spool(directory.parent / "lstm-2-0" / "00000001.spool", ENTRIES)
    result = replay(directory.parent)
    assert result.exit_code == 2
    assert "2 recorded runs" in result.stderr


def test_a_file_that_is_no_recording_is_explained(tmp_path):
    path = tmp_path / "00000001.spool"
    path.write_text("something else altogether")
    result = replay(path)
    assert result.exit_code == 2
    assert "does not say whose run it is" in result.stderr


def test_a_run_that_the_store_does_not_hold_is_named(tmp_path):
    url = f"sqlite:///{tmp_path / 'paramedic.db'}"
    open_store(url).close()
    result = replay("--run", "digits/lstm", "--store", url)
    assert result.exit_code == 2
    assert "no run digits/lstm" in result.stderr

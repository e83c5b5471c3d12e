import json
import signal
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from paramedic import init
from paramedic.v1 import diagnosis_pb2, diagnosis_pb2_grpc, telemetry_pb2_grpc
from support.command import EXECUTABLE, environment, paramedic

STEPS = 50


@pytest.fixture
def spool(tmp_path):
    """A directory with two runs that were trained offline."""
    directory = tmp_path / "spool"
    for name in ("first", "second"):
        run = init(f"offline-{tmp_path.name}", id=name, mode="offline", spool_dir=directory)
        for step in range(STEPS):
            run.log(step, loss=1.0 / (step + 1))
        run.finish()
    return directory


def stored(service, project):
    runs = json.loads(paramedic("runs", "--json", "--project", project, "--url", service.grpc).stdout)["runs"]
    return {run["identity"]["id"]: run["rows"] for run in runs}


def test_everything_is_delivered_and_then_nothing_is_left(service, spool, tmp_path):
    done = paramedic("sync", str(spool), "--json", "--url", service.grpc)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["complete"] is True
    assert [run["run"].partition("/")[2] for run in told["runs"]] == ["first", "second"]
    assert all(run["delivered"] == run["entries"] and run["error"] is None for run in told["runs"])
    assert stored(service, f"offline-{tmp_path.name}") == {"first": STEPS, "second": STEPS}
    assert paramedic("sync", str(spool), "--url", service.grpc).stdout == "Nothing to deliver.\n"


def test_people_get_a_table(service, spool):
    done = paramedic("sync", str(spool), PARAMEDIC_URL=service.grpc)
    assert done.returncode == 0
    assert done.stdout.split("  ")[0] == "run"
    assert "/second" in done.stdout


def test_a_run_that_is_still_written_is_left_and_said(service, spool):
    run = init("offline", id="third", mode="offline", spool_dir=spool)
    try:
        done = paramedic("sync", str(spool), "--url", service.grpc)
    finally:
        run.finish()
    assert done.returncode == 1
    assert "still running" in done.stdout


def test_a_service_that_is_away_is_one_line_and_loses_nothing(spool, tmp_path):
    before = sorted(path for path in spool.rglob("*.spool"))
    done = paramedic("sync", str(spool), "--url", "127.0.0.1:1")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "127.0.0.1:1" in done.stderr
    assert sorted(path for path in spool.rglob("*.spool")) == before


def test_a_directory_that_does_not_exist_is_named(tmp_path):
    done = paramedic("sync", str(tmp_path / "missing"))
    assert done.returncode == 2
    assert "missing is no directory" in done.stderr


class _Deaf(diagnosis_pb2_grpc.DiagnosisServiceServicer, telemetry_pb2_grpc.TelemetryServiceServicer):
    """Takes streams and never answers."""

    ListRuns = GetRun = ListFindings = WatchFindings = GetTelemetry = None

    def __init__(self):
        self.called = threading.Event()
        self.over = threading.Event()

    def ListRules(self, request, context):  # noqa: N802
        return diagnosis_pb2.ListRulesResponse()

    def StreamTelemetry(self, requests, context):  # noqa: N802
        self.called.set()
        self.over.wait()
        yield from ()


def test_an_interrupted_sync_can_be_repeated(service, spool, tmp_path):
    deaf = _Deaf()
    server = grpc.server(ThreadPoolExecutor(4))
    diagnosis_pb2_grpc.add_DiagnosisServiceServicer_to_server(deaf, server)
    telemetry_pb2_grpc.add_TelemetryServiceServicer_to_server(deaf, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        process = subprocess.Popen(
            [EXECUTABLE, "sync", str(spool), "--url", address],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert deaf.called.wait(30)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        deaf.over.set()
        server.stop(None)
    assert process.returncode == 130
    assert errors.count("\n") == 1
    assert "interrupted" in errors
    assert paramedic("sync", str(spool), "--url", service.grpc).returncode == 0
    assert stored(service, f"offline-{tmp_path.name}") == {"first": STEPS, "second": STEPS}

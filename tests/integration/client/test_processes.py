"""Runs whose process ends, forks, or is killed."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import paramedic
from paramedic.v1.run_pb2 import RUN_STATE_FAILED, RUN_STATE_FINISHED
from support.telemetry_service import TelemetryService
from support.waiting import DEADLINE, wait_until

BeginRun = Callable[..., paramedic.Run]

PROLOGUE = """
import os, sys, paramedic
run = paramedic.init("project", id="test", url=sys.argv[1], spool_dir=sys.argv[2])
"""


def execute(script: str, service: TelemetryService, spool_dir: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROLOGUE + script, service.url, str(spool_dir)],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def test_what_was_logged_is_delivered_when_the_interpreter_exits(service: TelemetryService, spool_dir: Path) -> None:
    done = execute("for step in range(3000): run.log(step, loss=1.0)", service, spool_dir)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert service.run().steps == list(range(3000))
    assert service.run().entries[-1].finish.state == RUN_STATE_FINISHED


def test_an_uncaught_exception_fails_the_run(service: TelemetryService, spool_dir: Path) -> None:
    execute("run.log(0, loss=1.0); raise KeyError('lr')", service, spool_dir)
    entries = service.run().entries
    assert entries[-2].event.error.kind == "KeyError"
    assert "raise KeyError" not in entries[-2].event.error.message
    assert entries[-1].finish.state == RUN_STATE_FAILED


@pytest.mark.parametrize("session", ["sys.last_value = ValueError('seen')", "sys.ps1 = '>>> '"])
def test_an_exception_that_the_user_went_on_from_does_not_fail_the_run(
    session: str, service: TelemetryService, spool_dir: Path
) -> None:
    """It was there before the run began, or was shown at the prompt of an interactive session."""
    script = f"import sys\n{session}\n" + PROLOGUE + "if hasattr(sys, 'ps1'): sys.last_value = ValueError('seen')"
    command = [sys.executable, "-c", script, service.url, str(spool_dir)]
    subprocess.run(command, timeout=DEADLINE, check=True)
    assert service.run().entries[-1].finish.state == RUN_STATE_FINISHED


def test_an_exit_without_a_service_leaves_everything_on_disk(service: TelemetryService, spool_dir: Path) -> None:
    service.stop()
    done = execute("for step in range(3000): run.log(step, loss=1.0)", service, spool_dir)
    assert done.returncode == 0
    service.start()
    report = paramedic.sync(spool_dir, service.url)
    assert report.complete
    assert service.run().steps == list(range(3000))
    assert service.run().finished


def test_a_hung_service_does_not_keep_the_process_from_exiting(service: TelemetryService, spool_dir: Path) -> None:
    service.faults.mute = True
    done = execute("run.log(0, loss=1.0)", service, spool_dir)
    assert done.returncode == 0
    assert list(spool_dir.rglob("*.spool"))


def test_what_a_killed_process_left_on_disk_can_be_delivered(service: TelemetryService, spool_dir: Path) -> None:
    service.stop()
    script = """
for step in range(3000): run.log(step, loss=1.0)
print("logged", flush=True)
sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", PROLOGUE + script, service.url, str(spool_dir)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"logged\n"
    wait_until(lambda: sum(path.stat().st_size for path in spool_dir.rglob("*.spool")) > 3000 * 8)
    in_use = paramedic.sync(spool_dir, service.url)
    assert "still running" in str(in_use.runs[0].error)
    process.kill()
    process.communicate()
    service.start()
    report = paramedic.sync(spool_dir, service.url)
    assert report.complete
    steps = service.run().steps
    assert steps == list(range(len(steps)))
    assert len(steps) >= 2048  # whole batches; the last one may have been in memory


def test_a_forked_child_is_inert(service: TelemetryService, spool_dir: Path) -> None:
    script = f"""
import signal
run.log(0, loss=1.0)
child = os.fork()
if child == 0:
    signal.alarm({int(DEADLINE)})  # ends a child that waits for a thread it does not have
    run.log(100, loss=1.0)
    run.finish(timeout={10 * DEADLINE})
    os._exit(0 if run.dropped == {{}} else 1)
assert os.waitpid(child, 0)[1] == 0
run.log(1, loss=1.0)
"""
    done = execute(script, service, spool_dir)
    assert (done.returncode, done.stderr) == (0, "")
    assert service.run().steps == [0, 1]


def test_a_forked_child_that_exits_like_a_program_does_not_hang(service: TelemetryService, spool_dir: Path) -> None:
    script = """
import gc
for step in range(200):
    run.log(step, loss=1.0)
    if step % 20 == 10:
        child = os.fork()
        if child == 0:
            run.log(1000, loss=1.0)
            del run
            gc.collect()
            sys.exit(0)
        assert os.waitpid(child, 0)[1] == 0
"""
    done = execute(script, service, spool_dir)
    assert (done.returncode, done.stderr) == (0, "")
    assert service.run().steps == list(range(200))


def test_workers_of_a_forked_pool_leave_the_run_alone(service: TelemetryService, spool_dir: Path) -> None:
    script = """
import multiprocessing
def work(step):
    run.log(step + 100, loss=1.0)
    return step
with multiprocessing.get_context("fork").Pool(2) as pool:
    for step in pool.map(work, range(50)):
        run.log(step, loss=1.0)
"""
    done = execute(script, service, spool_dir)
    assert (done.returncode, done.stderr) == (0, "")
    assert service.run().steps == list(range(50))


def test_a_signal_handler_may_finish_the_run(service: TelemetryService, spool_dir: Path) -> None:
    script = """
import signal
def stop(*_):
    run.finish("failed", timeout=5.0)
    os._exit(3)
signal.signal(signal.SIGTERM, stop)
print("ready", flush=True)
step = 0
while True:
    run.log(step, loss=1.0)
    step += 1
"""
    process = subprocess.Popen(
        [sys.executable, "-c", PROLOGUE + script, service.url, str(spool_dir)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    service.wait_for_steps(1000)
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 3
    process.communicate()
    assert service.run().entries[-1].finish.state == RUN_STATE_FAILED

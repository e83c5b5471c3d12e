import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from paramedic_service.cli.demo.processes import running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks processes up in /proc")

PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"


@pytest.fixture
def marker():
    """A variable whose value no environment but that of this test's processes holds."""
    return {"DEMO_TEST": uuid.uuid4().hex}


def processes(marker):
    """Ids of the living processes that inherited the marker."""
    (entry,) = (f"{name}={value}".encode() for name, value in marker.items())
    found = []
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            if entry in (directory / "environ").read_bytes().split(b"\0"):
                found.append(int(directory.name))
        except OSError:  # it ended meanwhile, or is somebody else's
            continue
    return found


def wait_until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.05)


def test_a_program_and_what_it_started_end_with_the_block(tmp_path, marker):
    with running("parent", ["-c", PARENT], marker, tmp_path) as process:
        wait_until(lambda: len(processes(marker)) == 2)
        assert process.exit_status is None
    assert process.exit_status == -signal.SIGTERM
    wait_until(lambda: not processes(marker))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_leaves_no_process_and_no_file(tmp_path, marker, number):
    demo = subprocess.Popen(
        [sys.executable, "-c", "from paramedic_service.cli import main; main()", "demo"],
        # Settings for another service, which would keep this one from being reached.
        env={**os.environ, **marker, "TMPDIR": str(tmp_path), "PARAMEDIC_TLS": "1", "PARAMEDIC_TOKEN": "theirs"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        process_group=0,
    )
    try:
        wait_until(lambda: len(processes(marker)) >= 5)  # the demo, its service and three trainings
        demo.send_signal(number)
        assert demo.wait(60) != 0
        wait_until(lambda: not processes(marker))
        assert list(tmp_path.iterdir()) == []
    finally:
        for process in processes(marker):
            os.kill(process, signal.SIGKILL)
        demo.wait()

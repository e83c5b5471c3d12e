import json
import signal
import subprocess
from contextlib import contextmanager

from support.command import EXECUTABLE, environment, serving
from support.runs import HEALTHY, RUINED, healthy, losses, ruined

DEADLINE = 20


@contextmanager
def watching(service, *arguments):
    """Runs a watch, once the service knows of it."""
    process = subprocess.Popen(
        [EXECUTABLE, "findings", "--watch", *arguments],
        env=environment(PARAMEDIC_URL=service.grpc),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        begun = process.stderr.readline()
        assert begun == "watching for changes; Ctrl-C ends it\n", begun + process.stderr.read()
        yield process
    finally:
        process.kill()
        process.communicate()


def test_changes_come_as_they_happen_and_an_interrupt_ends_the_watch(service):
    with watching(service, "--json", "--rule", "nonfinite_loss") as process:
        service.report(HEALTHY, healthy())
        service.report(RUINED, ruined())
        opened = json.loads(process.stdout.readline())
        assert (opened["run"]["id"], opened["rule"], opened["change"]) == ("ruined", "nonfinite_loss", "opened")
        service.report(RUINED, [losses(3, 14, [1.0] * 200)])
        while json.loads(process.stdout.readline())["change"] != "resolved":
            pass
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=DEADLINE)
        assert (process.returncode, rest, errors) == (0, "", "")


def test_people_get_a_line_a_change(service):
    with watching(service) as process:
        service.report(RUINED, [losses(10, 1000, [float("nan")])])
        line = process.stdout.readline()
        assert "digits/ruined attempt 1" in line
        assert "nonfinite_loss" in line


def test_a_watch_whose_service_goes_away_says_so(tmp_path):
    with serving(tmp_path) as service, watching(service) as process:
        service.process.terminate()
        _, errors = process.communicate(timeout=DEADLINE)
        assert process.returncode == 2
        assert errors.count("\n") == 1
        assert service.grpc in errors

"""From a faulty step to somebody's pager: real trainings, service, Prometheus, Alertmanager and a webhook."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import grpc
import pytest

from paramedic.v1.diagnosis_pb2 import ListFindingsRequest
from paramedic.v1.diagnosis_pb2_grpc import DiagnosisServiceStub
from support import ailing
from support.alertmanager import alerting
from support.command import environment, serving
from support.prometheus import binary, scraping
from support.receiver import receiving
from support.waiting import wait_until

RULES = Path(__file__).parents[3] / "deploy" / "prometheus" / "rules.yaml"
PATIENCE = 90.0  # seconds: importing TensorFlow four times on two cores
STALLED_AFTER = 5  # seconds


class Training:
    """A training in a process of its own, and when its steps were."""

    def __init__(self, fault, url, directory):
        variables = environment(
            PARAMEDIC_SPOOL_DIR=str(directory / "spool"), TF_NUM_INTRAOP_THREADS="1", TF_CPP_MIN_LOG_LEVEL="3"
        )
        self.run = fault
        self.steps = {}
        self.process = subprocess.Popen(
            [sys.executable, ailing.__file__, fault, url],
            env=variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(directory / f"{fault}.log").open("wb"),
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            step, moment = line.split()
            self.steps[int(step)] = float(moment)

    def end(self):
        self.process.stdin.close()

    def kill(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def receiver():
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def service(tmp_path_factory, receiver):
    binary("prometheus")
    directory = tmp_path_factory.mktemp("pages")
    impatient = directory / "rules.toml"
    impatient.write_text(f"[rules.stalled_run]\nshortest = {STALLED_AFTER}\n")
    # What was found is looked up for two minutes, so that a missed scrape resolves nothing: too long for a test.
    rules = directory / "rules.yaml"
    rules.write_text(RULES.read_text().replace("[2m]", "[5s]"))
    with (
        serving(directory, PARAMEDIC_RULES_FILE=str(impatient)) as service,
        alerting(receiver.url, directory) as alertmanager,
        scraping(service.http.removeprefix("http://"), directory, rules=rules, alertmanager=alertmanager),
    ):
        yield service


@pytest.fixture(scope="module")
def trainings(service, tmp_path_factory):
    directory = tmp_path_factory.mktemp("trainings")
    trainings = {
        fault: Training(fault, service.grpc, directory) for fault in ("exploding", "vanishing", "nan", "stalled")
    }
    yield trainings
    for training in trainings.values():
        training.kill()


def alerts_of(receiver, run, status):
    """Alerts of a run with the time at which they came, in the order in which they came."""
    return [
        (alert, request.at)
        for request in receiver.received
        for alert in request.message["alerts"]
        if alert["labels"].get("run") == run and alert["status"] == status
    ]


def page(receiver, run, name):
    """Waits for the first message that fires an alert; gives the alert and when it came."""

    def pages():
        fired = alerts_of(receiver, run, "firing")
        return [(alert, at) for alert, at in fired if alert["labels"]["alertname"] == name]

    wait_until(pages, PATIENCE)
    return pages()[0]


def opened_step(service, run, rule):
    with grpc.insecure_channel(service.grpc) as channel:
        found = DiagnosisServiceStub(channel).ListFindings(ListFindingsRequest(project="pages", run_id=run, rule=rule))
    return found.findings[0].opened_step


@pytest.mark.parametrize(
    ("run", "name"),
    [
        ("exploding", "ParamedicExplodingGradient"),
        ("vanishing", "ParamedicVanishingGradient"),
        ("nan", "ParamedicNonfinite"),
    ],
)
def test_a_fault_pages_with_what_to_do_and_resolves_with_the_run(service, receiver, trainings, run, name, capsys):
    alert, came = page(receiver, run, name)

    labels, annotations = alert["labels"], alert["annotations"]
    assert (labels["project"], labels["run"], labels["severity"]) == ("pages", run, "critical")
    assert annotations["summary"] == f"{run} (pages): {labels['rule']}"
    assert annotations["runbook_url"] == f"deploy/runbooks/{labels['rule']}.md"
    assert annotations["remedy"] not in ("", "See the runbook.")
    assert f"paramedic runs pages/{run}" in annotations["description"]
    step = opened_step(service, run, labels["rule"])
    with capsys.disabled():
        print(f"\n{name}: {came - trainings[run].steps[step]:.1f} s from step {step} to the page")

    trainings[run].end()
    wait_until(lambda: alerts_of(receiver, run, "resolved"), PATIENCE)


def test_a_stopped_training_pages_and_resolves_when_it_goes_on(service, receiver, trainings, capsys):
    training = trainings["stalled"]
    wait_until(lambda: len(training.steps) > 200, PATIENCE)
    os.kill(training.process.pid, signal.SIGSTOP)
    stopped = time.time()

    alert, came = page(receiver, "stalled", "ParamedicStalledRun")
    with capsys.disabled():
        print(f"\nParamedicStalledRun: {came - stopped:.1f} s from the last step to the page")
    assert alert["annotations"]["remedy"] != ""

    os.kill(training.process.pid, signal.SIGCONT)
    wait_until(lambda: alerts_of(receiver, "stalled", "resolved"), PATIENCE)

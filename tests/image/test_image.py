"""The images, built for real on a stand-in base, and run as the manifests run them."""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import grpc
import keras
import numpy as np
import pytest
from keras import layers

import paramedic
from paramedic.integrations.keras import Monitor
from paramedic.v1.diagnosis_pb2 import GetTelemetryRequest, ListFindingsRequest
from paramedic.v1.diagnosis_pb2_grpc import DiagnosisServiceStub
from paramedic.v1.run_pb2 import RunIdentity
from support.command import paramedic as command
from support.containers import BASE, ROOT
from support.waiting import wait_until

pytestmark = pytest.mark.image

MEGABYTE = 1_000_000
STEPS_PER_EPOCH = 20


@pytest.fixture
def service(containers, service_image):
    with containers.running(service_image) as service:
        service.wait_until_healthy()
        yield service


def test_the_service_is_at_most_250_megabytes_more_than_its_base(containers, service_image):
    base = containers.size(BASE)
    over = containers.size(service_image) - base
    print(f"\nservice: {over / MEGABYTE:.0f} MB over its base of {base / MEGABYTE:.0f} MB")
    assert over <= 250 * MEGABYTE


def test_the_service_has_no_framework(service):
    for framework in ("tensorflow", "keras"):
        tried = service.run("python3", "-c", f"import {framework}", check=False)
        assert "ModuleNotFoundError" in tried.stderr


def test_it_runs_as_nobody_in_particular_and_writes_to_its_volume_only(containers, service):
    assert service.run("id").stdout.startswith("uid=10001(paramedic) gid=10001(paramedic)")
    for path in ("/etc/x", "/opt/paramedic/x"):
        assert "Read-only file system" in service.run("touch", path, check=False).stderr
    listed = service.run("ls", "/var/lib/paramedic").stdout.split()
    assert "paramedic.db" in listed
    status = service.run("cat", "/proc/1/status").stdout
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status


def test_it_says_what_it_is_and_what_is_in_it(containers, service_image, service):
    configuration = containers.inspect(service_image)["Config"]
    assert configuration["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert configuration["Volumes"] == {"/var/lib/paramedic": {}}
    assert configuration["StopSignal"] == "SIGTERM"
    inventory = json.loads(containers.podman("run", "--rm", service_image, "cat", "/opt/paramedic/sbom.json").stdout)
    assert inventory["bomFormat"] == "CycloneDX"
    versions = {component["name"]: component.get("version") for component in inventory["components"]}
    assert {"grpcio", "numpy", "sqlalchemy"} <= {name.lower() for name in versions}
    assert not {"tensorflow", "pip", "setuptools"} & versions.keys()
    constraints = (line.split("==") for line in (ROOT / ".ci" / "constraints.txt").read_text().splitlines())
    assert dict(constraints)["grpcio"] == versions["grpcio"]


def test_sigterm_drains_while_a_training_streams(containers, service, tmp_path):
    run = paramedic.init("image", id="drain", url=service.grpc, spool_dir=tmp_path)
    for step in range(100):
        run.log(step, loss=1.0)
    wait_until(lambda: stored_steps(service, "drain"))
    containers.podman("stop", "--time=30", service.name)
    state = containers.inspect(service.name)["State"]
    run.finish(timeout=0.5)
    assert state["ExitCode"] == 0
    assert '"event": "stopped"' in service.logs()


class Killed(keras.callbacks.Callback):
    """Kills the container after the second epoch, and starts it again after the fourth."""

    def __init__(self, containers, service):
        super().__init__()
        self._containers, self._service = containers, service

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            wait_until(lambda: stored_steps(self._service, "killed"))
            self._containers.podman("kill", "--signal=KILL", self._service.name)
        if epoch == 3:
            self._containers.podman("start", self._service.name)


def test_a_container_that_is_killed_loses_no_step_of_a_training(containers, service, tmp_path):
    run = paramedic.init("image", id="killed", url=service.grpc, spool_dir=tmp_path)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(16 * STEPS_PER_EPOCH, 24, 2)).astype("float32")
    y = rng.integers(0, 4, len(x))
    keras.utils.set_random_seed(3)
    deep = [
        layers.SimpleRNN(6, "sigmoid", kernel_initializer="random_normal", return_sequences=depth < 4)
        for depth in range(5)
    ]
    model = keras.Sequential([keras.Input((24, 2)), *deep, layers.Dense(4, "softmax")])
    model.compile(keras.optimizers.SGD(0.01), "sparse_categorical_crossentropy")
    model.fit(
        x,
        y,
        batch_size=16,
        epochs=8,
        shuffle=False,
        verbose=0,
        callbacks=[Monitor(run), Killed(containers, service)],
    )
    run.finish(timeout=60)
    service.wait_until_healthy()

    assert run.dropped == {}
    assert stored_steps(service, "killed") == list(range(1, 8 * STEPS_PER_EPOCH + 1))
    with grpc.insecure_channel(service.grpc) as channel:
        findings = DiagnosisServiceStub(channel).ListFindings(ListFindingsRequest(project="image")).findings
    assert "vanishing_gradient" in {finding.rule for finding in findings}


def stored_steps(service, run):
    """The steps whose loss the service has."""
    request = GetTelemetryRequest(run=RunIdentity(project="image", id=run), scalars=["loss"], max_points=10_000)
    with grpc.insecure_channel(service.grpc) as channel:
        try:
            (series,) = DiagnosisServiceStub(channel).GetTelemetry(request, timeout=30).series
        except (grpc.RpcError, ValueError):
            return []
    return list(series.steps)


def test_the_reproducer_reproduces(containers, reproducer_image):
    base, size = containers.size(BASE), containers.size(reproducer_image)
    print(f"\nreproducer: {(size - base) / MEGABYTE:.0f} MB over its base of {base / MEGABYTE:.0f} MB")
    with containers.running(reproducer_image) as reproducer:
        reproducer.wait_until_healthy()
        asked = ("--scenario", "learning-rate-10", "--seeds", "2", "--steps", "40", "--json")
        reproduced = command("reproduce", *asked, "--url", reproducer.grpc, deadline=240)
        assert reproduced.returncode == 0, reproduced.stdout + reproduced.stderr + reproducer.logs()
        listed = command("reproduce", "--list-scenarios", "--url", reproducer.grpc)
        assert "unavailable" not in listed.stdout
        containers.podman("stop", "--time=30", reproducer.name)
        assert containers.inspect(reproducer.name)["State"]["ExitCode"] == 0

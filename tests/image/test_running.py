"""The compose file and the plain manifests, run by podman: as much of them as needs no registry."""

import shlex

import pytest
import yaml

from support.chart import ROOT
from support.command import EXECUTABLE
from support.containers import Container, addresses
from support.postgres import free_port
from support.waiting import wait_until

pytestmark = pytest.mark.image

COMPOSE = ROOT / "deploy" / "compose.yaml"
MANIFESTS = ROOT / "deploy" / "kubernetes"
PODMAN_COMPOSE = EXECUTABLE.replace("/paramedic", "/podman-compose")


def test_compose_runs_the_service_as_the_file_says(containers, service_image, tmp_path):
    ports = free_port(), free_port()
    # This machine's network, on ports that nobody else has.
    here = {"services": {"paramedic": {"network_mode": "host", "environment": addresses(*ports)}}}
    (tmp_path / "here.yaml").write_text(yaml.safe_dump(here))

    def compose(*arguments):
        files = ("--file", str(COMPOSE), "--file", str(tmp_path / "here.yaml"))
        command = (PODMAN_COMPOSE, "--in-pod=false", *files, *arguments)
        return containers.call(*command, variables={"PARAMEDIC_TARGET": "service"}).stdout

    assert (
        yaml.safe_load(compose("config"))["services"].keys() == yaml.safe_load(COMPOSE.read_text())["services"].keys()
    )
    compose("up", "--detach", "--no-build", "paramedic")
    try:
        (name,) = containers.podman("ps", "--filter=name=paramedic_paramedic", "--format={{.Names}}").stdout.split()
        service = Container(containers, name, *ports)
        service.wait_until_healthy()
        limits = containers.inspect(name)["HostConfig"]
        assert limits["ReadonlyRootfs"] is True
        assert limits["Memory"] == 6 * 1024**3
        assert "CapEff:\t0000000000000000" in service.run("cat", "/proc/1/status").stdout
        assert "PARAMEDIC_NOTIFY_URL" not in service.run("env").stdout, "what is not set here is not set there"
        containers.podman("kill", "--signal=KILL", name)
        containers.podman("start", name)
        service.wait_until_healthy()
    finally:
        compose("down", "--volumes")


def test_the_pod_of_the_manifests_runs(containers, service_image, tmp_path):
    """Podman has no StatefulSets: it gets the pod and the claim that Kubernetes would make of ours."""
    ports = free_port(), free_port()
    rendered = yaml.safe_load((MANIFESTS / "statefulset.yaml").read_text())["spec"]
    pod, (claim,) = rendered["template"]["spec"], rendered["volumeClaimTemplates"]
    (container,) = pod["containers"]
    pod["hostNetwork"] = True
    pod["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    container["env"] += [{"name": name, "value": value} for name, value in addresses(*ports).items()]
    container["image"] = service_image
    # Podman knows no probe by gRPC: it asks as the image's HEALTHCHECK does, and the test asks for gRPC health from
    # outside, as a kubelet would. Nor does it map ports of a network that is this machine's.
    for unknown in ("startupProbe", "readinessProbe", "ports"):
        del container[unknown]
    check = containers.inspect(service_image)["Healthcheck"]["Test"][1:]
    quoted = [shlex.quote(word) for word in check]  # podman hands them to a shell
    container["livenessProbe"] = {"exec": {"command": quoted}, "periodSeconds": 10, "timeoutSeconds": 5}
    objects = [
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **claim},
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "paramedic", "labels": {}}, "spec": pod},
    ]
    file = tmp_path / "pod.yaml"
    file.write_text(yaml.safe_dump_all(objects))

    try:
        containers.podman("play", "kube", str(file))
        service = Container(containers, "paramedic-paramedic", *ports)
        service.wait_until_healthy()
        assert service.run("id").stdout.startswith("uid=10001(paramedic) gid=10001(paramedic)")
        assert "Read-only file system" in service.run("touch", "/x", check=False).stderr
        status = service.run("cat", "/proc/1/status").stdout
        assert "CapEff:\t0000000000000000" in status
        assert "NoNewPrivs:\t1" in status
        containers.podman("pod", "stop", "--time=30", "paramedic")
        wait_until(lambda: containers.inspect(service.name)["State"]["Status"] == "exited")
        assert containers.inspect(service.name)["State"]["ExitCode"] == 0
    finally:
        containers.podman("play", "kube", "--down", str(file), check=False)
        containers.podman("volume", "rm", "data", check=False)

"""Images and containers for tests, by buildah and podman, in a storage of their own that is thrown away."""

import ast
import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from support.postgres import free_port
from support.waiting import wait_until

ROOT = Path(__file__).parents[2]
BASE = "docker.io/library/python:3.11-slim-bookworm"
STAND_IN = ROOT / ".cache" / "image-base.tar"
# What the manifests and the compose file say of the container, as flags.
HARDENED = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges")
_STORAGE = '[storage]\ndriver = "overlay"\ngraphroot = "{0}/images"\nrunroot = "{0}/run"\n'
# No systemd to ask, and the host's network: what a machine that is itself a container has.
_CONTAINERS = """
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
netns = "host"
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
events_logger = "file"
"""


class Containers:
    """Builds images and runs containers.

    Args:
        directory: Where images and containers are kept.
    """

    def __init__(self, directory: Path) -> None:
        storage, engine = directory / "storage.conf", directory / "containers.conf"
        storage.write_text(_STORAGE.format(directory))
        engine.write_text(_CONTAINERS)
        self._directory = directory
        self.variables = {"CONTAINERS_STORAGE_CONF": str(storage), "CONTAINERS_CONF": str(engine)}
        with STAND_IN.open("rb") as base:
            self.call("podman", "import", "-", BASE, stdin=base)

    def podman(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs podman."""
        return self.call("podman", *arguments, check=check)

    def call(
        self, *command: str, check: bool = True, variables: Mapping[str, str] | None = None, stdin: Any = None
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program that uses this storage."""
        done = subprocess.run(
            command,
            env={**os.environ, **self.variables, **(variables or {})},
            stdin=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        assert done.returncode == 0 or not check, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
        return done

    def build(self, target: str) -> str:
        """Builds a target of the Dockerfile; the image's name."""
        configuration, paths = _pip_configuration()
        secret = self._directory / "pip.conf"
        secret.touch(mode=0o600)
        secret.write_text(configuration)
        image = f"localhost/paramedic:{target}"
        flags = ("--format=docker", "--isolation=chroot", "--network=host", "--pull-never")
        volumes = (f"--volume={path}:{path}:ro" for path in paths)
        self.call(
            "buildah", "bud", *flags, f"--secret=id=pip,src={secret}", *volumes, f"--target={target}", "-t", image
        )
        return image

    def size(self, image: str) -> int:
        """Bytes of an image's layers."""
        return int(self.inspect(image)["Size"])

    def inspect(self, name: str) -> Any:
        """What podman knows of an image or a container."""
        return json.loads(self.podman("inspect", name).stdout)[0]

    @contextlib.contextmanager
    def running(self, image: str, *flags: str, **variables: str) -> Iterator["Container"]:
        """Runs the image's own command on free ports, hardened, on a volume of its own; both are gone afterwards."""
        ports = free_port(), free_port()
        environment = {**addresses(*ports), **variables}
        volume = self.podman("volume", "create").stdout.strip()
        name = f"paramedic-{ports[0]}"
        told = (f"--env={key}={value}" for key, value in environment.items())
        mount = f"--volume={volume}:/var/lib/paramedic"
        self.podman("run", "--detach", f"--name={name}", *HARDENED, mount, *told, *flags, image)
        try:
            yield Container(self, name, *ports)
        finally:
            self.podman("rm", "--force", name)
            self.podman("volume", "rm", volume)

    def close(self) -> None:
        """Deletes every container and image."""
        self.podman("rm", "--all", "--force", check=False)
        subprocess.run(["umount", self._directory / "images" / "overlay"], capture_output=True, check=False)
        shutil.rmtree(self._directory)


@dataclass(frozen=True)
class Container:
    """A container that runs the service."""

    containers: Containers
    name: str
    grpc_port: int
    http_port: int

    @property
    def grpc(self) -> str:
        """Address of its gRPC port."""
        return f"127.0.0.1:{self.grpc_port}"

    def logs(self) -> str:
        """What it printed."""
        done = self.containers.podman("logs", self.name)
        return done.stdout + done.stderr

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Runs a command in it."""
        return self.containers.podman("exec", self.name, *command, check=check)

    def healthy(self) -> bool:
        """Whether the image's HEALTHCHECK passes now."""
        return self.containers.podman("healthcheck", "run", self.name, check=False).returncode == 0

    def wait_until_healthy(self) -> None:
        """Returns when the HEALTHCHECK and the gRPC health that a kubelet asks for are green."""
        try:
            # In this order: podman restarts a pod's container whose check failed three times, though it only starts.
            wait_until(self.serving, deadline=60)
            wait_until(self.healthy, deadline=60)
        except AssertionError as error:
            raise AssertionError(f"not healthy: {self.logs()}") from error

    def serving(self) -> bool:
        """Whether gRPC health says so."""
        with grpc.insecure_channel(self.grpc) as channel:
            try:
                answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
            except grpc.RpcError:
                return False
        return answer.status == health_pb2.HealthCheckResponse.SERVING


def addresses(grpc_port: int, http_port: int) -> dict[str, str]:
    """Settings of a service on the host's network, reachable from this machine alone."""
    return {
        "PARAMEDIC_GRPC_HOST": "127.0.0.1",
        "PARAMEDIC_HTTP_HOST": "127.0.0.1",
        "PARAMEDIC_GRPC_PORT": str(grpc_port),
        "PARAMEDIC_HTTP_PORT": str(http_port),
    }


def require_tools() -> None:
    """Skips the test without the tools or the base image, but fails it in CI."""
    missing = [tool for tool in ("buildah", "podman", "runc") if shutil.which(tool) is None]
    if missing or not STAND_IN.exists() or os.geteuid() != 0:
        message = "images need root and what tests/image/install-tools installs"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)


def _pip_configuration() -> tuple[str, list[Path]]:
    """What pip is told on this machine, as a file, and the paths that it names."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    settings = {}
    for line in listed:
        name, _, value = line.partition("=")
        settings[name.removeprefix(":env:").rpartition(".")[2]] = ast.literal_eval(value).split()
    # An index on the disk links to files beside it.
    paths = {
        Path(word.removeprefix("file://")).parent if word.startswith("file://") else Path(word)
        for words in settings.values()
        for word in words
        if word.startswith(("/", "file://"))
    }
    text = "".join(f"{name} = {' '.join(words)}\n" for name, words in settings.items())
    return f"[global]\n{text}", sorted(path for path in paths if path.exists())

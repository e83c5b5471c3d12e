"""A real Ray cluster on this machine: its nodes in a network namespace of their own, which nothing leaves.

Run as a module it is the namespace's first process: it starts the nodes, and ends every process of the namespace, by
its id, when whoever started it hangs up, however that ended.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from paramedic_service.reproduction.executors.ray import DRIVER, RayExecutor
from paramedic_service.reproduction.executors.ray_cluster import Cluster
from support.reproductions import COMMAND, MEBIBYTE, lives
from support.waiting import wait_until

# Not 127.0.0.1, which Ray takes for the machine's outward address.
HEAD = "127.0.0.2"
SECOND = "127.0.0.3"
ADDRESS = f"{HEAD}:26379"
RESOURCE = "reproductions"  # only the second node has it
START_SECONDS = 120
RAY = Path(sys.executable).parent / "ray"
EVERY_NODE = (
    *("--num-cpus=1", "--num-gpus=0", f"--memory={1024 * MEBIBYTE}", f"--object-store-memory={100 * MEBIBYTE}"),
    *("--min-worker-port=0", "--max-worker-port=0", "--disable-usage-stats"),
)


class RayCluster:
    """Two nodes, one CPU each.

    Attributes:
        temporary: Where what runs on the nodes makes temporary files.
    """

    def __init__(self, namespace: int, temporary: Path) -> None:
        self.temporary = temporary
        self._namespace = namespace

    def executor(self, resource: str = "") -> RayExecutor:
        """What runs scripted jobs on it."""
        return executor_in(self._namespace, resource)

    @property
    def namespace(self) -> int:
        """The process whose network it is on."""
        return self._namespace

    def drivers(self) -> list[int]:
        """Processes that drive it for a service, without their guards."""
        found = self._running("executors.ray_driver")
        return [process for process in found if parent(process) not in found]

    def workers(self) -> list[int]:
        """Processes that train on its nodes, with their guards."""
        return self._running(COMMAND[-1])

    def kill_node(self, address: str) -> None:
        """Kills what makes a node of its machine; the rest of it Ray has to end."""
        for process in self._running("raylet/raylet"):
            if f"--node_ip_address={address}" in _command(process):
                os.kill(process, signal.SIGKILL)

    def kill(self) -> None:
        """Kills all of Ray, but neither the drivers nor what trains."""
        spared = {self._namespace, *self._running("executors.ray_driver"), *self.workers()}
        for process in processes_in(self._namespace):
            if process not in spared:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)

    def _running(self, words: str) -> list[int]:
        found = processes_in(self._namespace)
        return [process for process in found if any(words in word for word in _command(process)) and lives(process)]


def executor_in(namespace: int, resource: str = "") -> RayExecutor:
    """What runs scripted jobs on the cluster of a namespace; its driver is in there, and the service is not."""
    enter = ("nsenter", f"--net=/proc/{namespace}/ns/net")
    cluster = Cluster(
        ADDRESS,
        memory=64 * MEBIBYTE,
        framework_memory=192 * MEBIBYTE,
        resource=resource,
        command=COMMAND,
    )
    return RayExecutor(cluster, (*enter, *DRIVER))


@contextlib.contextmanager
def ray_cluster() -> Iterator[RayCluster]:
    """The cluster, once both nodes are there; skips its test where there cannot be one."""
    _require_namespaces()
    # Short, because sockets lie in it.
    directory = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    temporary = directory / "tmp"
    temporary.mkdir()
    command = ["unshare", "--net", sys.executable, "-m", "support.ray_cluster", str(directory)]
    environment = os.environ | {"RAY_USAGE_STATS_ENABLED": "0", "TMPDIR": str(temporary)}
    holder = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=Path(__file__).parents[1],
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "ready\n", (directory / "log").read_text()
        yield RayCluster(holder.pid, temporary)
    finally:
        holder.communicate()
        shutil.rmtree(directory, ignore_errors=True)


def processes_in(namespace: int) -> list[int]:
    """Processes that share a process's network."""
    network = Path(f"/proc/{namespace}/ns/net").readlink()
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            process = int(entry.name)
            if (entry / "ns" / "net").readlink() == network:
                found.append(process)
    return found


def parent(process: int) -> int:
    """The process that started another; 0 for one that is gone."""
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _command(process: int) -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_text().split("\0")
    return []


def _require_namespaces() -> None:
    missing = ""
    if importlib.util.find_spec("ray") is None:
        missing = "Ray is not installed"
    elif not shutil.which("unshare") or subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode:
        missing = "a network namespace, in which Ray is to be kept, takes root and unshare(1)"
    if missing and os.environ.get("CI") == "true":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)


def _hold(directory: Path) -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    nodes = [
        ("--head", f"--node-ip-address={HEAD}", "--port=26379", "--include-dashboard=false", f"--temp-dir={directory}"),
        (f"--address={ADDRESS}", f"--node-ip-address={SECOND}", f'--resources={{"{RESOURCE}": 2}}'),
    ]
    try:
        with (directory / "log").open("w") as log:
            # At once: the second waits for the first.
            starting = [
                subprocess.Popen([RAY, "start", *node, *EVERY_NODE], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
                for node in nodes
            ]
            for start in starting:
                if start.wait(START_SECONDS):
                    return
        print("ready", flush=True)
        sys.stdin.read()
    finally:
        wait_until(_alone)


def _alone() -> bool:
    """Kills every other process in this one's network; whether there was none."""
    others = [process for process in processes_in(os.getpid()) if process != os.getpid()]
    for process in others:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return not others


if __name__ == "__main__":
    _hold(Path(sys.argv[1]))

"""A Ray cluster as its jobs see it: what one asks for, and how many of them fit."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from paramedic_service.reproduction.executors.devices import GPU_MEMORY


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where jobs run, and what they may take there.

    Attributes:
        address: Of its head.
        memory: Of a job's trainings, bytes.
        framework_memory: Of a job's process on top of that, bytes.
        jobs: At a time on a node without a GPU.
        resource: Custom resource of which a job asks for one; empty for none.
        command: Starts a worker on a node, given the process id of its parent; empty for the release's own.
    """

    address: str
    memory: int
    framework_memory: int
    jobs: int = 1
    resource: str = ""
    command: tuple[str, ...] = ()

    def to_json(self) -> str:
        """As an argument of a command."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Cluster":
        """What `to_json` wrote."""
        values = json.loads(text)
        return cls(**values | {"command": tuple(values["command"])})


def asked(cluster: Cluster, nodes: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """What a job asks Ray for: one GPU where the cluster has any.

    Args:
        cluster: Where it runs.
        nodes: The resources of each node that lives, by Ray's names.
    """
    gpu = any(node.get("GPU", 0.0) >= 1.0 for node in nodes)
    memory = cluster.memory + cluster.framework_memory + (GPU_MEMORY if gpu else 0)
    # Its memory too, so that no node is given more jobs than it can hold.
    wanted = {"CPU": 1.0, "memory": float(memory)}
    if gpu:
        wanted["GPU"] = 1.0
    if cluster.resource:
        wanted[cluster.resource] = 1.0
    return wanted


def count_slots(cluster: Cluster, nodes: Iterable[Mapping[str, float]], wanted: Mapping[str, float]) -> int:
    """How many jobs at a time the nodes have room for."""
    most = math.inf if "GPU" in wanted else cluster.jobs
    return sum(int(min(most, *(node.get(name, 0.0) // much for name, much in wanted.items()))) for node in nodes)

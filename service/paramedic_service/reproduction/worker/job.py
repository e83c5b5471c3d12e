"""What a worker is told to do, and how it tells what comes of it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import msgpack

from paramedic.v1.reproduction_pb2 import ReproductionSpec, WatchReproductionResponse
from paramedic_service.reproduction.plan.limits import Limits


@dataclass(frozen=True, slots=True)
class Job:
    """One reproduction to train.

    Attributes:
        id: Of the reproduction.
        spec: What to train. Hostile: whoever trains it plans it first.
        limits: Bounds that it was planned in, and is to be planned in again.
        shared: File with the sample that the run's author shared, on the machine that reads it; None without one.
        directory: The working directory, empty at first and deleted afterwards. An executor gives a job its own.
    """

    id: str
    spec: ReproductionSpec
    limits: Limits
    shared: Path | None = None
    directory: Path = Path()

    @property
    def fresh(self) -> bool:
        """Whether it needs a process that imported no framework before: workloads set theirs up as they need it."""
        return bool(self.spec.workload)

    def to_bytes(self) -> bytes:
        """As it travels to a worker."""
        packed: bytes = msgpack.packb(
            {
                "id": self.id,
                "spec": self.spec.SerializeToString(),
                "limits": asdict(self.limits),
                "shared": None if self.shared is None else str(self.shared),
                "directory": str(self.directory),
            }
        )
        return packed

    @classmethod
    def from_bytes(cls, packed: bytes) -> "Job":
        """What `to_bytes` wrote, which must be of the same release."""
        values = msgpack.unpackb(packed)
        return cls(
            id=values["id"],
            spec=ReproductionSpec.FromString(values["spec"]),
            limits=Limits(**values["limits"]),
            shared=None if values["shared"] is None else Path(values["shared"]),
            directory=Path(values["directory"]),
        )


Emit = Callable[[WatchReproductionResponse], None]
"""Takes `progress`; a `training` that ended, with its curves; a `reproduction` with its `device` and nothing else."""

Run = Callable[[Job, Emit], None]
"""Trains a job. What it raises ends the job as failed, with the error's words: they tell a person what to do."""

"""Trains a specification as a worker does, here or in a process of its own."""

import subprocess
import sys
import tempfile
from pathlib import Path

from paramedic.v1.reproduction_pb2 import Reproduction, ReproductionSpec, WatchReproductionResponse
from paramedic_service.reproduction.plan import Limits
from paramedic_service.reproduction.worker.job import Job
from paramedic_service.reproduction.worker.run import run

DEADLINE = 300.0  # seconds; only a hanging test ever waits so long


def trained(spec: ReproductionSpec) -> Reproduction:
    """Trains in this process; the result has nothing but trainings."""
    ended = Reproduction()

    def take(change: WatchReproductionResponse) -> None:
        if change.HasField("training"):
            ended.trainings.append(change.training)

    with tempfile.TemporaryDirectory() as directory:
        run(Job("scenario", spec, Limits(), directory=Path(directory)), take)
    return ended


def trained_apart(spec: ReproductionSpec) -> Reproduction:
    """Trains in a process that has imported no framework, as workloads want it."""
    ran = subprocess.run(
        [sys.executable, __file__], input=spec.SerializeToString(), capture_output=True, check=False, timeout=DEADLINE
    )
    assert ran.returncode == 0, ran.stderr.decode()
    return Reproduction.FromString(ran.stdout)


if __name__ == "__main__":
    sys.stdout.buffer.write(trained(ReproductionSpec.FromString(sys.stdin.buffer.read())).SerializeToString())

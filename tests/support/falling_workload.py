"""A workload, as an operator would register one."""

from collections.abc import Mapping
from typing import Any

from paramedic_service.reproduction.workloads import Recorder


def train(arguments: Mapping[str, Any], seed: int, steps: int, recorder: Recorder) -> None:
    """Its loss falls by itself, down to the seed, unless it is told to break."""
    for step in range(1, steps + 1):
        if arguments["breaks"] and step == 5:
            raise RuntimeError("told to")
        recorder.log(step, {"loss": 2.0 / step + seed})
    recorder.score(0.125)

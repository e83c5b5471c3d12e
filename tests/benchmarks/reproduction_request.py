"""How long somebody waits for a verdict on the demo's exploding run: from the request on, everything included."""

import json
import tempfile
import time
from pathlib import Path

from paramedic.v1.reproduction_pb2 import CreateReproductionRequest
from paramedic.v1.run_pb2 import RunIdentity
from paramedic.v1.verdict_pb2 import VERDICT_KIND_REMEDY_FOUND
from paramedic_service.cli.connection import Service, connect
from paramedic_service.cli.demo.processes import running
from paramedic_service.cli.demo.service import own_service
from paramedic_service.cli.reproduce.following import has_ended

LIMIT = 600.0
RUN = RunIdentity(project="demo", id="exploding")


def measure() -> dict[str, float]:
    """Trains the demo's exploding run, and has it reproduced twice by one service.

    Returns:
        `reproduction_seconds`: from the first request to its verdict, the start of a worker and its import of
        TensorFlow among them. `reproduction_warm_seconds`: the same of the second, whose worker is warm.
        `reproduction_warm_ratio`: the second over the first.
    """
    with tempfile.TemporaryDirectory() as directory, own_service(Path(directory)) as own:
        _train(own.address, Path(directory))
        with connect(own.address, None, False, None) as service:
            cold, warm = _request(service), _request(service)
    return {
        "reproduction_seconds": cold,
        "reproduction_warm_seconds": warm,
        "reproduction_warm_ratio": warm / cold,
    }


def _train(address: str, directory: Path) -> None:
    arguments = ["-m", "paramedic.demo", "exploding", "--url", address, "--run-id", RUN.id]
    with running(
        "training", arguments, {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}, directory
    ) as process:
        deadline = time.monotonic() + LIMIT
        while process.exit_status is None and time.monotonic() < deadline:
            time.sleep(0.1)
        if process.exit_status != 0:
            process.show_log_tail()
            raise SystemExit(f"the training ended with status {process.exit_status}")


def _request(service: Service) -> float:
    """Seconds from a request to its verdict."""
    began = time.perf_counter()
    latest = service.reproductions.create(CreateReproductionRequest(run=RUN))
    with service.reproductions.watch(latest.id) as changes:
        for change in changes:
            latest = change.reproduction if change.HasField("reproduction") else latest
    took = time.perf_counter() - began
    if not has_ended(latest) or latest.verdict.kind != VERDICT_KIND_REMEDY_FOUND:
        raise SystemExit(f"the reproduction did not end with a remedy: {latest.error or latest.verdict.summary}")
    return took


if __name__ == "__main__":
    print(json.dumps(measure()))

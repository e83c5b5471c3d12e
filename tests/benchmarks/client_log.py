"""Logging the loss and the gradient norms of 100 tensors while the service is down, beside what others do for it."""

import importlib
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np

import paramedic

TENSORS = 100
ROUNDS = 5
NOBODY = "127.0.0.1:9"  # nothing listens on the port of the discard protocol

Log = Callable[[int, float, np.ndarray], None]

# Calls a round: enough of each for its percentiles, within a few seconds.
CALLS = {"client": 10_000, "prometheus": 2000, "tensorboardx": 60, "wandb": 200}


def measure() -> dict[str, float]:
    """Alternates all sides in one process and times every call.

    Returns:
        Medians and 99th percentiles of one call, microseconds: `client_log_us_p50` and `client_log_us_p99` for ours,
        the same with `prometheus`, `tensorboardx` and `wandb` in the place of `client` for those that are installed.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sides: dict[str, Log] = {}
        for name, side in (
            ("client", _client),
            ("prometheus", _prometheus),
            ("tensorboardx", _tensorboardx),
            ("wandb", _wandb),
        ):
            with suppress(ImportError):
                sides[name] = stack.enter_context(side(directory))
        norms = np.random.default_rng(0).random((64, TENSORS), dtype=np.float32)
        times: dict[str, list[int]] = {name: [] for name in sides}
        steps = dict.fromkeys(sides, 0)
        for _ in range(ROUNDS):
            for name, log in sides.items():
                for step in range(steps[name], steps[name] + CALLS[name]):
                    row = norms[step % len(norms)]
                    start = time.perf_counter_ns()
                    log(step, 0.5, row)
                    times[name].append(time.perf_counter_ns() - start)
                steps[name] += CALLS[name]
    return {
        f"{name}_log_us_p{percentile}": float(np.percentile(calls, percentile)) / 1000
        for name, calls in times.items()
        for percentile in (50, 99)
    }


@contextmanager
def _client(directory: Path) -> Iterator[Log]:
    logging.getLogger("paramedic").addHandler(logging.NullHandler())  # that nobody is there, we know
    run = paramedic.init("benchmark", url=NOBODY, mode="online", spool_dir=directory / "spool")
    yield run.log
    run.finish()
    assert run.dropped == {}, f"the client was fast by dropping: {run.dropped}"


@contextmanager
def _prometheus(_: Path) -> Iterator[Log]:
    from prometheus_client import CollectorRegistry, Gauge

    registry = CollectorRegistry()
    loss_gauge = Gauge("loss", "Loss", registry=registry)
    family = Gauge("gradient_norm", "Gradient norm", ["tensor"], registry=registry)
    gauges = [family.labels(f"tensor_{tensor}") for tensor in range(TENSORS)]

    def log(_: int, loss: float, norms: np.ndarray) -> None:
        loss_gauge.set(loss)
        for gauge, norm in zip(gauges, norms, strict=True):
            gauge.set(norm)

    yield log


@contextmanager
def _tensorboardx(directory: Path) -> Iterator[Log]:
    from tensorboardX import SummaryWriter

    names = [f"gradient_norm/tensor_{tensor}" for tensor in range(TENSORS)]
    with SummaryWriter(str(directory / "tensorboard")) as writer:

        def log(step: int, loss: float, norms: np.ndarray) -> None:
            writer.add_scalar("loss", loss, step)
            for name, norm in zip(names, norms, strict=True):
                writer.add_scalar(name, norm, step)

        yield log


@contextmanager
def _wandb(directory: Path) -> Iterator[Log]:
    os.environ["WANDB_SILENT"] = "true"
    wandb = importlib.import_module("wandb")
    names = [f"gradient_norm/tensor_{tensor}" for tensor in range(TENSORS)]
    run = wandb.init(project="benchmark", mode="offline", dir=str(directory))

    def log(step: int, loss: float, norms: np.ndarray) -> None:
        run.log({"loss": loss, **dict(zip(names, norms.tolist(), strict=True))}, step=step)

    yield log
    run.finish()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure()) + "\n")

"""Rendering 100,000 series of runs, beside prometheus_client doing the same."""

import asyncio
import io
import json
import statistics
import time

import numpy as np
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_fd_to_metric_families

from paramedic.v1.description_pb2 import Tensor
from paramedic_service.ingest.live import LiveRun
from paramedic_service.metrics.exposition import Exposition
from paramedic_service.metrics.lines import Series
from paramedic_service.rules.telemetry import GRADIENT_NORM
from paramedic_service.store.records import RunKey

RUNS = 1000
TENSORS = 100
ROUNDS = 5


def measure() -> dict[str, float]:
    """Alternates both sides and returns medians.

    Returns:
        `scrape_series`; `scrape_seconds` when every value changed since the scrape before, `scrape_unchanged_seconds`
        when none did, `scrape_generate_latest_seconds` for prometheus_client's gauges of the same series; and how many
        times faster than these the first two are.
    """
    return asyncio.run(_measure())


async def _measure() -> dict[str, float]:
    random = np.random.default_rng(0)
    runs = {run.key: run for run in map(_run, range(RUNS))}
    exposition = Exposition(
        runs, CollectorRegistry(), bound=Series(scalars=RUNS, gradients=RUNS * TENSORS, ratios=RUNS * TENSORS), linger=0
    )
    _train(runs, random)
    theirs = CollectorRegistry()
    gauges = _gauges((await exposition.render()).decode(), theirs)

    changed, unchanged, generated = [], [], []
    for _ in range(ROUNDS):
        _train(runs, random)
        for gauge in gauges:
            gauge.set(random.random())
        start = time.perf_counter()
        await exposition.render()
        changed.append(time.perf_counter() - start)

        start = time.perf_counter()
        generate_latest(theirs)
        generated.append(time.perf_counter() - start)

        start = time.perf_counter()
        await exposition.render()
        unchanged.append(time.perf_counter() - start)

    baseline = statistics.median(generated)
    return {
        "scrape_series": len(gauges),
        "scrape_seconds": statistics.median(changed),
        "scrape_unchanged_seconds": statistics.median(unchanged),
        "scrape_generate_latest_seconds": baseline,
        "scrape_speedup": baseline / statistics.median(changed),
        "scrape_unchanged_speedup": baseline / statistics.median(unchanged),
    }


def _run(number: int) -> LiveRun:
    run = LiveRun(RunKey("digits", f"lstm-{number:04}"), number, f"lstm-{number:04}", created_at=0.0)
    run.tensor_names = tuple(f"encoder/lstm_{tensor}/kernel" for tensor in range(TENSORS))
    run.description.tensors.extend(Tensor(name=name, layer=name.rpartition("/")[0]) for name in run.tensor_names)
    return run


def _train(runs: dict[RunKey, LiveRun], random: np.random.Generator) -> None:
    """Changes every value of every run."""
    for run in runs.values():
        run.last_step = run.version
        run.last_report_at = time.time()
        run.latest_scalars = {"loss": random.random(), "accuracy": random.random()}
        run.latest_norms = {GRADIENT_NORM: random.random(TENSORS, dtype=np.float32)}
        run.version += 1


def _gauges(exposition: str, registry: CollectorRegistry) -> list[Gauge]:
    """Returns gauges of the same series as an exposition, registered, one for each series."""
    gauges = []
    for family in text_fd_to_metric_families(io.StringIO(exposition)):
        parent = Gauge(family.name, family.documentation, list(family.samples[0].labels), registry=registry)
        for sample in family.samples:
            gauge = parent.labels(**sample.labels)
            gauge.set(sample.value)
            gauges.append(gauge)
    return gauges


if __name__ == "__main__":
    print(json.dumps(measure()))

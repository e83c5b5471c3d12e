import asyncio
import io
import itertools

import numpy as np
from prometheus_client.parser import text_fd_to_metric_families

from paramedic.v1.description_pb2 import Tensor
from paramedic_service.ingest.live import LiveRun
from paramedic_service.instruments import Instruments
from paramedic_service.metrics.exposition import Exposition
from paramedic_service.metrics.lines import Series
from paramedic_service.rules.telemetry import GRADIENT_NORM
from paramedic_service.store.records import RunKey
from support.prometheus import check_metrics

PLENTY = Series(scalars=10_000, gradients=10_000, ratios=10_000)


def make_run(number, tensors=2, **process):
    run = LiveRun(RunKey("digits", f"run-{number}", **process), number, f"run-{number}", created_at=0.0)
    run.tensor_names = tuple(f"dense_{index}/kernel" for index in range(tensors))
    run.description.tensors.extend(Tensor(name=name, layer=name.partition("/")[0]) for name in run.tensor_names)
    run.latest_norms = {GRADIENT_NORM: np.ones(tensors, dtype=np.float32)}
    run.latest_scalars = {"loss": 0.5, "accuracy": 0.9}
    run.last_step, run.last_report_at, run.version = 10, 1000.0, 1
    return run


def exposition_of(runs, bound=PLENTY, linger=60.0, clock=lambda: 1000.0):
    return Exposition({run.key: run for run in runs}, Instruments().registry, bound=bound, linger=linger, clock=clock)


def families_of(text):
    return {family.name: family for family in text_fd_to_metric_families(io.StringIO(text.decode(), newline="\n"))}


def runs_shown(text):
    return [sample.labels["run"] for sample in families_of(text)["paramedic_run_info"].samples]


async def test_every_family_has_one_header_and_all_its_samples_together():
    text = (await exposition_of([make_run(1), make_run(2)]).render()).decode()
    names = [line.split(" ")[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    owners = [line.partition("{")[0] for line in text.splitlines() if line.startswith("paramedic_run_")]
    changes = 1 + sum(before != after for before, after in itertools.pairwise(owners))
    assert changes == len(set(owners))
    assert families_of(text.encode())["paramedic_run_tensor_gradient_norm"].samples[3].labels == {
        "project": "digits",
        "run": "run-2",
        "attempt": "0",
        "rank": "0",
        "tensor": "dense_1/kernel",
        "layer": "dense_1",
    }


async def test_promtool_is_content():
    run = make_run(1)
    run.latest_scalars["loss"] = float("nan")
    assert check_metrics(await exposition_of([run, make_run(2)]).render()) == ""


async def test_the_metrics_of_the_service_are_there_too():
    assert "paramedic_ingest_rows" in families_of(await exposition_of([]).render())


async def test_what_the_bound_cuts_off_is_counted():
    runs = [make_run(number, tensors=3) for number in range(3)]
    families = families_of(await exposition_of(runs, bound=Series(scalars=1, gradients=4, ratios=4)).render())
    assert len(families["paramedic_run_tensor_gradient_norm"].samples) == 4
    assert len(families["paramedic_run_scalar"].samples) == 1
    dropped = families["paramedic_exposition_series_dropped"].samples
    assert {sample.labels["family"]: sample.value for sample in dropped} == {
        "paramedic_run_scalar": 2,
        "paramedic_run_tensor_gradient_norm": 5,
        "paramedic_run_tensor_update_ratio": 0,
    }


async def test_a_bound_never_takes_a_series_from_an_earlier_run():
    runs = {}
    exposition = Exposition(runs, Instruments().registry, bound=Series(scalars=9, gradients=3, ratios=3), linger=60)
    for number in range(3):
        run = make_run(number, tensors=2)
        runs[run.key] = run
        samples = families_of(await exposition.render())["paramedic_run_tensor_gradient_norm"].samples
        assert [sample.labels["run"] for sample in samples][:2] == ["run-0", "run-0"]
    assert [sample.labels["run"] for sample in samples] == ["run-0", "run-0", "run-1"]


async def test_tensors_are_those_of_the_lowest_rank_and_everything_else_is_of_all():
    ranks = [make_run(1, attempt=attempt, rank=rank) for attempt in (0, 1) for rank in (2, 1, 3)]
    families = families_of(await exposition_of(ranks).render())
    norms = families["paramedic_run_tensor_gradient_norm"].samples
    assert [(sample.labels["attempt"], sample.labels["rank"]) for sample in norms] == [("0", "1")] * 2 + [
        ("1", "1")
    ] * 2
    for name in ("loss", "gradient_norm", "scalar"):
        assert len(families[f"paramedic_run_{name}"].samples) == 6
    assert all(sample.value == 0 for sample in families["paramedic_exposition_series_dropped"].samples)


async def test_an_ended_run_lingers_and_then_leaves():
    now = 1000.0
    ended, running = make_run(1), make_run(2)
    exposition = exposition_of([ended, running], linger=60.0, clock=lambda: now)
    ended.ended_at = 1000.0
    now = 1060.0
    assert runs_shown(await exposition.render()) == ["run-1", "run-2"]
    now = 1060.5
    assert runs_shown(await exposition.render()) == ["run-2"]


async def test_a_run_that_left_memory_leaves_the_exposition_and_its_bound_is_free_again():
    runs = [make_run(1), make_run(2)]
    held = {run.key: run for run in runs}
    exposition = Exposition(held, Instruments().registry, bound=Series(scalars=9, gradients=2, ratios=2), linger=60)
    await exposition.render()
    del held[runs[0].key]
    families = families_of(await exposition.render())
    assert [sample.labels["run"] for sample in families["paramedic_run_tensor_gradient_norm"].samples] == ["run-2"] * 2


async def test_a_run_that_came_back_is_not_mistaken_for_its_former_self():
    run = make_run(1)
    held = {run.key: run}
    exposition = Exposition(held, Instruments().registry, bound=PLENTY, linger=60)
    await exposition.render()
    again = make_run(1)
    again.latest_scalars["loss"] = 7.0
    held[run.key] = again
    assert families_of(await exposition.render())["paramedic_run_loss"].samples[0].value == 7.0


async def test_other_tasks_get_their_turn_while_a_scrape_renders():
    exposition = exposition_of([make_run(number, tensors=50) for number in range(500)])
    turns = 0

    async def ingest():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(ingest())
    await exposition.render()
    task.cancel()
    assert turns > 3


async def test_runs_may_come_and_go_while_a_scrape_renders():
    runs = [make_run(number, tensors=50) for number in range(500)]
    held = {run.key: run for run in runs}
    exposition = Exposition(held, Instruments().registry, bound=Series(50_000, 50_000, 50_000), linger=60)
    scrapes = [asyncio.create_task(exposition.render()) for _ in range(2)]
    await asyncio.sleep(0)
    held.clear()
    assert [len(runs_shown(await scrape)) for scrape in scrapes] == [500, 500]
    assert "paramedic_run_info" not in families_of(await exposition.render())

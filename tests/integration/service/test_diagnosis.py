"""Questions about runs, and their answers."""

import asyncio
import math

import grpc
import numpy as np
import pytest

from paramedic.v1.diagnosis_pb2 import (
    GetRunRequest,
    GetTelemetryRequest,
    ListFindingsRequest,
    ListRulesRequest,
    ListRunsRequest,
    WatchFindingsRequest,
)
from paramedic.v1.finding_pb2 import FINDING_CHANGE_OPENED, SEVERITY_CRITICAL
from paramedic.v1.run_pb2 import RUN_STATE_FINISHED, RUN_STATE_RUNNING
from paramedic_service.ingest import subscriptions
from support.service import DEADLINE, Reporter, batch, description, diagnosis, finish, identity
from support.waiting import eventually


async def report(channel, run="run", *requests, project="project"):
    reporter = Reporter(channel)
    await reporter.register(run, project)
    await reporter.send(*requests)
    await reporter.close()
    assert not reporter.rejections


@pytest.fixture
def api(channel):
    return diagnosis(channel)


async def pages(method, request, items):
    """Every item of a listing, and the sizes of its pages."""
    found, sizes = [], []
    while True:
        response = await method(request)
        found += getattr(response, items)
        sizes.append(len(getattr(response, items)))
        if not response.next_page_token:
            return found, sizes
        request.page_token = response.next_page_token


async def test_runs_are_listed_newest_first_a_page_at_a_time(channel, api):
    for number in range(5):
        await report(channel, f"run-{number}", batch(1, [number]))
    runs, sizes = await pages(api.ListRuns, ListRunsRequest(page_size=2), "runs")
    assert [run.identity.id for run in runs] == [f"run-{number}" for number in (4, 3, 2, 1, 0)]
    assert sizes == [2, 2, 1]
    assert [run.last_step for run in runs] == [4, 3, 2, 1, 0]


async def test_runs_are_filtered_by_project_and_state(channel, api):
    await report(channel, "one", batch(1, [0]), finish(2), project="a")
    await report(channel, "two", batch(1, [0]), project="a")
    await report(channel, "three", batch(1, [0]), project="b")

    async def listed(**filters):
        return {run.identity.id for run in (await api.ListRuns(ListRunsRequest(**filters))).runs}

    assert await listed(project="a") == {"one", "two"}
    assert await listed(state=RUN_STATE_FINISHED) == {"one"}
    assert await listed(project="b", state=RUN_STATE_RUNNING) == {"three"}
    assert await listed(project="c") == set()


async def test_findings_are_listed_with_filters_a_page_at_a_time(channel, api):
    for number in range(3):
        await report(channel, f"sick-{number}", batch(1, [0], loss=math.nan))
    await report(channel, "healthy", batch(1, [0]))
    findings, sizes = await pages(api.ListFindings, ListFindingsRequest(page_size=2), "findings")
    assert [finding.run.id for finding in findings] == ["sick-2", "sick-1", "sick-0"]
    assert sizes == [2, 1]

    async def count(**filters):
        return len((await api.ListFindings(ListFindingsRequest(**filters))).findings)

    assert await count(run_id="sick-1", rule="nonfinite_loss", open_only=True, min_severity=SEVERITY_CRITICAL) == 1
    assert await count(rule="loss_spike") == 0
    assert await count(project="elsewhere") == 0


BAD_QUESTIONS = {
    "a page too large": ("ListRuns", ListRunsRequest(page_size=1001)),
    "a page of findings too large": ("ListFindings", ListFindingsRequest(page_size=1001)),
    "a made-up token": ("ListRuns", ListRunsRequest(page_token="made up")),
    "a made-up token of findings": ("ListFindings", ListFindingsRequest(page_token="made up")),
    "an unknown state": ("ListRuns", ListRunsRequest(state=17)),
    "no identity": ("GetRun", GetRunRequest()),
    "too few points": ("GetTelemetry", GetTelemetryRequest(run=identity(), max_points=3)),
    "too many points": ("GetTelemetry", GetTelemetryRequest(run=identity(), max_points=10_001)),
    "an unknown tensor signal": ("GetTelemetry", GetTelemetryRequest(run=identity(), tensor_signals=[99])),
    "more points than an answer holds": (
        "GetTelemetry",
        GetTelemetryRequest(run=identity(), scalars=[f"s{i}" for i in range(401)], max_points=10_000),
    ),
}


@pytest.mark.parametrize(("method", "request_"), BAD_QUESTIONS.values(), ids=BAD_QUESTIONS)
async def test_a_question_that_makes_no_sense_is_refused_with_a_reason(channel, api, method, request_):
    await report(channel, "run", batch(1, [0]))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await getattr(api, method)(request_)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details()


@pytest.mark.parametrize(
    ("method", "request_"),
    [("GetRun", GetRunRequest(run=identity("no"))), ("GetTelemetry", GetTelemetryRequest(run=identity("no")))],
)
async def test_an_unknown_run_is_not_found(api, method, request_):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await getattr(api, method)(request_)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_run_is_told_with_what_became_known_of_it(channel, api):
    more = description(2, ())
    more.description.optimizer.name = "adam"
    more.description.optimizer.learning_rate = 0.1
    again = description(3, ())
    again.description.optimizer.name = "sgd"
    await report(channel, "run", description(1), more, again, batch(4, [0, 9]))
    response = await api.GetRun(GetRunRequest(run=identity()))
    assert (response.run.name, response.run.rows, response.run.last_step, response.run.last_sequence) == (
        "run",
        2,
        9,
        4,
    )
    assert [tensor.name for tensor in response.description.tensors] == ["dense/kernel", "dense/bias"]
    assert response.description.optimizer.name == "sgd"
    assert not response.description.optimizer.HasField("learning_rate"), "a field that is set replaces what was known"


async def test_silence_of_a_rule_can_be_told_from_health(channel, api):
    await report(channel, "run", batch(1, [0]))
    rules = {status.rule: status for status in (await api.GetRun(GetRunRequest(run=identity()))).rules}
    assert not rules["nonfinite_loss"].abstains
    assert rules["exploding_gradient"].abstains
    assert "gradient_norm" in rules["exploding_gradient"].reason


async def test_the_catalogue_of_rules_is_told(api):
    rules = {rule.id: rule for rule in (await api.ListRules(ListRulesRequest())).rules}
    assert all(rule.summary and rule.remedies for rule in rules.values())
    exploding = rules["exploding_gradient"]
    assert "gradient_norm" in exploding.requires
    assert all(parameter.meaning and parameter.source for parameter in exploding.parameters)
    assert exploding.parameters


async def test_a_watcher_is_told_of_the_changes_it_asked_for(channel, api):
    watch = api.WatchFindings(WatchFindingsRequest(project="project", run_id="mine", min_severity=SEVERITY_CRITICAL))
    await watch.initial_metadata()
    await report(channel, "other", batch(1, [0], loss=math.nan))
    await report(channel, "mine", batch(1, [5], loss=math.nan))
    finding = (await asyncio.wait_for(watch.read(), DEADLINE)).finding
    assert (finding.run.id, finding.rule, finding.change) == ("mine", "nonfinite_loss", FINDING_CHANGE_OPENED)


async def anything_left(watch):
    """Reads until the watch ends."""
    return [change async for change in watch]


async def test_a_watcher_that_does_not_read_is_dropped_and_told_so(service, channel, api, monkeypatch):
    monkeypatch.setattr(subscriptions, "CAPACITY", 3)
    watch = api.WatchFindings(WatchFindingsRequest())
    await watch.initial_metadata()
    # Long summaries fill what the network holds between the two; the queue behind it then overflows.
    runs = 0
    subscription = next(iter(service.ingest._subscriptions._members))
    while not subscription.too_slow:
        await report(channel, f"run-{runs}-" + "x" * 100, batch(1, range(2000), loss=[1.0, math.nan] * 1000))
        runs += 1
    with pytest.raises(grpc.aio.AioRpcError, match="watch again") as caught:
        await asyncio.wait_for(anything_left(watch), DEADLINE)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_watcher_that_hangs_up_is_forgotten(service, api):
    watch = api.WatchFindings(WatchFindingsRequest())
    await watch.initial_metadata()
    watch.cancel()
    await eventually(lambda: not service.ingest._subscriptions._members)


def sine(steps):
    return np.sin(np.arange(steps) / 50)


async def test_a_long_series_is_thinned_and_its_one_spike_survives(channel, api):
    values = sine(5000)
    values[1234] = 40.0
    values[4000:4010] = math.nan
    requests = [
        batch(part + 1, range(part * 500, part * 500 + 500), loss=values[part * 500 :][:500]) for part in range(10)
    ]
    await report(channel, "run", *requests)
    [series] = (await api.GetTelemetry(GetTelemetryRequest(run=identity(), max_points=100))).series
    assert (series.signal, series.tensor, series.total_points) == ("loss", "", 5000)
    assert len(series.steps) <= 104
    kept = dict(zip(series.steps, series.values, strict=True))
    assert kept[1234] == 40.0
    assert math.isfinite(kept[3999])
    assert math.isnan(kept[4000])
    assert math.isnan(kept[4009])
    assert math.isfinite(kept[4010])
    assert {0, 4999} <= kept.keys()


async def test_signals_tensors_and_steps_are_chosen(channel, api):
    await report(
        channel,
        "run",
        description(1),
        batch(2, range(10), norms=[1.0, 2.0]),
        description(3, ["new/kernel", "dense/bias", "more"]),
        batch(4, range(10, 20), norms=[3.0, 4.0, 5.0]),
    )

    async def told(**wanted):
        response = await api.GetTelemetry(GetTelemetryRequest(run=identity(), **wanted))
        return {(s.signal, s.tensor): (list(s.steps), list(s.values)) for s in response.series}

    gradient = ["TENSOR_SIGNAL_GRADIENT_NORM"]
    assert set(await told()) == {("loss", "")}
    assert await told(tensor_signals=gradient, tensors=["dense/kernel"], first_step=7) == {
        ("gradient_norm", "dense/kernel"): ([7, 8, 9], [1.0] * 3)
    }
    assert await told(tensor_signals=gradient, tensors=["more"], last_step=11) == {
        ("gradient_norm", "more"): ([10, 11], [5.0] * 2)
    }
    assert await told(scalars=["loss"], first_step=9, last_step=10) == {("loss", ""): ([9, 10], [1.0] * 2)}
    assert await told(scalars=["unknown"]) == {}


async def test_rows_without_a_value_are_no_points(channel, api):
    request = batch(1, [10, 11, 12])
    request.batch.scalars.add(name="val_loss", values=[0.5], rows=[2])
    await report(channel, "run", request)
    [series] = (await api.GetTelemetry(GetTelemetryRequest(run=identity(), scalars=["val_loss"]))).series
    assert (list(series.steps), list(series.values)) == ([12], [0.5])


async def test_calls_are_counted_by_status(service, api):
    await api.ListRuns(ListRunsRequest())
    with pytest.raises(grpc.aio.AioRpcError):
        await api.GetRun(GetRunRequest(run=identity("no")))
    sample = service.instruments.registry.get_sample_value
    assert sample("paramedic_rpcs_total", {"method": "ListRuns", "code": "OK"}) == 1
    assert sample("paramedic_rpcs_total", {"method": "GetRun", "code": "NOT_FOUND"}) == 1
    assert sample("paramedic_rpc_duration_seconds_count", {"method": "ListRuns"}) == 1


async def test_a_defect_of_the_service_shows_nothing_of_its_inside(service, api, monkeypatch):
    monkeypatch.setattr(service._store, "list_runs", lambda **_: 1 / 0)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await api.ListRuns(ListRunsRequest())
    assert caught.value.code() is grpc.StatusCode.INTERNAL
    assert "division" not in caught.value.details()

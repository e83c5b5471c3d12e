"""Reproductions asked for and followed over gRPC, and everything that is told when one ends."""

import asyncio
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest

from paramedic.v1 import reproduction_pb2, verdict_pb2
from paramedic.v1.diagnosis_pb2 import ListIncidentsRequest
from paramedic.v1.reproduction_pb2 import (
    Arm,
    CancelReproductionRequest,
    CreateReproductionRequest,
    GetReproductionRequest,
    ListReproductionsRequest,
    ListScenariosRequest,
    Reproduction,
    ReproductionSpec,
    WatchReproductionRequest,
)
from paramedic.v1.reproduction_pb2_grpc import ReproductionServiceStub
from paramedic_service.reproduction.patches import write_patch
from paramedic_service.server import Server
from paramedic_service.web.app import build
from support.decisive import described, reproducing, ruined
from support.service import DEADLINE, Reporter, batch, channel_to, diagnosis, identity, settings_in
from support.service import description as tensors

FINISHED = reproduction_pb2.REPRODUCTION_STATE_FINISHED


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Server]:
    async with reproducing(settings_in(tmp_path), web=build) as server:
        yield server


@pytest.fixture
async def channel(service: Server) -> AsyncIterator[grpc.aio.Channel]:
    async with channel_to(service.grpc_port) as channel:
        yield channel


def stub(channel: grpc.aio.Channel) -> Any:
    return ReproductionServiceStub(channel)


async def create(channel: grpc.aio.Channel, **fields: Any) -> Reproduction:
    request = CreateReproductionRequest(**fields)
    return (await stub(channel).CreateReproduction(request)).reproduction


async def watched(channel: grpc.aio.Channel, id_: str) -> list[Any]:
    """All that a watcher hears, to the end."""
    async with asyncio.timeout(DEADLINE):
        return [change async for change in stub(channel).WatchReproduction(WatchReproductionRequest(id=id_))]


async def test_a_run_is_reproduced_and_everybody_hears_of_it(service, channel):
    reporter = await ruined(channel)
    created = await create(channel, run=identity("run"))
    assert (created.run, created.project, created.state) == (identity("run"), "project", 1)
    assert len(created.spec.arms) > 2

    changes = await watched(channel, created.id)

    first, last = changes[0].reproduction, changes[-1].reproduction
    assert first.id == last.id == created.id
    assert last.state == FINISHED
    assert last.verdict.kind == verdict_pb2.VERDICT_KIND_REMEDY_FOUND
    assert last.device == "cpu"
    told = [change.training for change in changes if change.HasField("training")]
    assert len(told) == len(last.trainings) == 3 * len(created.spec.arms)
    assert not any(training.curves for training in [*told, *last.trainings])

    # On the stream of the run.
    await reporter.until(lambda: reporter.reproductions != [])
    [ended] = reporter.reproductions
    assert ended.incident == created.incident
    assert (ended.reproduction.reproduction, ended.reproduction.verdict) == (created.id, last.verdict)
    # With the incident.
    [incident] = (await diagnosis(channel).ListIncidents(ListIncidentsRequest())).incidents
    assert [link.reproduction for link in incident.reproductions] == [created.id]
    assert incident.reproductions[0].verdict == last.verdict
    # By itself, with curves and a page.
    answer = await stub(channel).GetReproduction(GetReproductionRequest(id=created.id))
    assert all(training.curves for training in answer.reproduction.trainings)
    assert "Reproduced, and a remedy found" in answer.report
    # On the scrape and on the pages.
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{service.http_port}") as http:
        scrape = (await http.get("/metrics")).text
        assert 'paramedic_reproductions_total{state="finished",verdict="remedy_found"} 1.0' in scrape
        assert 'paramedic_reproduction_duration_seconds_count{state="finished"} 1.0' in scrape
        assert "paramedic_reproductions_waiting 0.0" in scrape
        listing = await http.get("/reproductions")
        assert f"/reproductions/{created.id}" in listing.text
        page = await http.get(f"/reproductions/{created.id}")
        assert page.text == answer.report
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert (await http.get("/reproductions/none")).status_code == 404


async def test_what_a_reproduction_said_outlives_the_service_and_a_new_stream_hears_it(tmp_path):
    settings = settings_in(tmp_path)
    async with reproducing(settings) as server, channel_to(server.grpc_port) as channel:
        await ruined(channel)
        created = await create(channel, run=identity("run"))
        await watched(channel, created.id)
    async with reproducing(settings) as server, channel_to(server.grpc_port) as channel:
        [incident] = (await diagnosis(channel).ListIncidents(ListIncidentsRequest())).incidents
        assert [link.reproduction for link in incident.reproductions] == [created.id]
        reporter = Reporter(channel)
        await reporter.register()
        await reporter.until(lambda: reporter.reproductions != [])
        # The incident is made anew as the run goes on, and keeps it.
        await reporter.send(batch(4, range(64, 70), loss=math.nan, norms=[math.nan] * 2))
        await reporter.until_acknowledged(4)
        [incident] = (await diagnosis(channel).ListIncidents(ListIncidentsRequest())).incidents
        assert [link.reproduction for link in incident.reproductions] == [created.id]


async def test_the_verdict_may_be_that_it_did_not_reproduce_or_that_nothing_helped(channel):
    await ruined(channel)
    for title, kind in (("healthy", "NOT_REPRODUCED"), ("hopeless", "NO_REMEDY_WORKED")):
        created = await create(channel, run=identity("run"), spec=ReproductionSpec(title=title))
        last = (await watched(channel, created.id))[-1].reproduction
        assert last.verdict.kind == verdict_pb2.VerdictKind.Value(f"VERDICT_KIND_{kind}")


async def test_a_job_that_fails_says_why_and_has_a_report(channel):
    await ruined(channel)
    created = await create(channel, run=identity("run"), spec=ReproductionSpec(title="broken"))
    last = (await watched(channel, created.id))[-1].reproduction
    assert last.state == reproduction_pb2.REPRODUCTION_STATE_FAILED
    assert "this training cannot be" in last.error
    assert not last.HasField("verdict")
    answer = await stub(channel).GetReproduction(GetReproductionRequest(id=created.id))
    assert "the reproduction failed" in answer.report


async def test_one_that_runs_is_cancelled(channel, tmp_path):
    await ruined(channel)
    never = tmp_path / "never"
    created = await create(channel, run=identity("run"), spec=ReproductionSpec(title=f"wait={never}"))
    watching = asyncio.create_task(watched(channel, created.id))
    ended = (await stub(channel).CancelReproduction(CancelReproductionRequest(id=created.id))).reproduction
    assert ended.state == reproduction_pb2.REPRODUCTION_STATE_CANCELLED
    assert (await watching)[-1].reproduction.state == reproduction_pb2.REPRODUCTION_STATE_CANCELLED


async def test_they_are_listed_by_project_run_and_state_page_by_page(channel):
    for run, project in (("a", "one"), ("b", "one"), ("c", "two")):
        await ruined(channel, run, project)
        created = await create(channel, run=identity(run, project))
        await watched(channel, created.id)

    async def listed(**filters: Any) -> list[str]:
        found = await stub(channel).ListReproductions(ListReproductionsRequest(**filters))
        return [each.run.id for each in found.reproductions]

    assert await listed() == ["c", "b", "a"]
    assert await listed(project="one") == ["b", "a"]
    assert await listed(run_id="c") == ["c"]
    assert await listed(state=reproduction_pb2.REPRODUCTION_STATE_QUEUED) == []
    page = await stub(channel).ListReproductions(ListReproductionsRequest(page_size=2))
    rest = await stub(channel).ListReproductions(ListReproductionsRequest(page_size=2, page_token=page.next_page_token))
    assert [each.run.id for each in (*page.reproductions, *rest.reproductions)] == ["c", "b", "a"]
    assert not rest.next_page_token


async def test_a_scenario_is_reproduced_by_name_with_its_own_arms(channel):
    scenarios = (await stub(channel).ListScenarios(ListScenariosRequest())).scenarios
    assert len(scenarios) > 20
    wanted = next(each for each in scenarios if each.name == "learning-rate-10")
    created = await create(channel, scenario=wanted.name, spec=ReproductionSpec(seeds=2, steps=20))
    assert (created.scenario, created.project) == (wanted.name, "reproductions")
    assert list(created.spec.arms) == list(wanted.arms)
    last = (await watched(channel, created.id))[-1].reproduction
    assert last.verdict.arms[0].seeds == 2


async def test_a_spec_of_ones_own_is_reproduced(channel):
    spec = ReproductionSpec(
        description=described(1).description, steps=10, seeds=2, rules=["divergence"], arms=[Arm(name="as reported")]
    )
    spec.arms.add(name="slower", patch=write_patch({"optimizer.learning_rate": {"multiply": 0.1}}))
    created = await create(channel, spec=spec, project="mine", priority=5)
    assert (created.project, created.priority) == ("mine", 5)
    last = (await watched(channel, created.id))[-1].reproduction
    assert [arm.name for arm in last.verdict.arms] == ["as reported", "slower"]


HOSTILE = ReproductionSpec(description=described(1).description, steps=10)
HOSTILE.description.model.layers[0].kind = "Lambda"


@pytest.mark.parametrize(
    ("fields", "code", "told"),
    [
        ({"run": identity("none")}, "NOT_FOUND", "no run 'none'"),
        ({"run": identity("")}, "INVALID_ARGUMENT", "run.id"),
        ({"scenario": "none"}, "NOT_FOUND", "there is no scenario 'none'; there are"),
        ({}, "INVALID_ARGUMENT", "spec: nothing is named"),
        ({"spec": ReproductionSpec(workload="none")}, "INVALID_ARGUMENT", "workload: "),
        ({"spec": HOSTILE}, "INVALID_ARGUMENT", "description.model.layers[0].kind"),
        ({"scenario": "learning-rate-10", "priority": 101}, "INVALID_ARGUMENT", "priority: got 101"),
        ({"scenario": "learning-rate-10", "project": "x" * 200}, "INVALID_ARGUMENT", "request.project"),
        (
            {"scenario": "learning-rate-10", "spec": ReproductionSpec(steps=10**9)},
            "INVALID_ARGUMENT",
            "steps: ",
        ),
        ({"run": identity("healthy")}, "FAILED_PRECONDITION", "nothing is wrong with run 'healthy'"),
        ({"run": identity("run"), "incident": "too_deep"}, "NOT_FOUND", "has no incident 'too_deep'; it has"),
    ],
)
async def test_what_cannot_be_reproduced_is_refused_with_what_to_mend(channel, fields, code, told):
    healthy = Reporter(channel)
    await healthy.register("healthy")
    await healthy.send(described(1), batch(2, range(3), norms=[1.0, 1.0]))
    await healthy.until_acknowledged(2)
    await ruined(channel)
    if fields.get("run") == identity("healthy"):
        # Its learning rate alone is an incident; this one has none.
        fields = {"run": identity("calm")}
        calm = Reporter(channel)
        await calm.register("calm")
        await calm.send(tensors(1), batch(2, range(3), norms=[1.0, 1.0]))
        await calm.until_acknowledged(2)
        told = "nothing is wrong with run 'calm'"
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await create(channel, **fields)
    assert caught.value.code() is grpc.StatusCode[code]
    assert told in str(caught.value.details())
    assert not (await stub(channel).ListReproductions(ListReproductionsRequest())).reproductions


async def test_unknown_reproductions_are_not_found(channel):
    calls = (
        stub(channel).GetReproduction(GetReproductionRequest(id="none")),
        stub(channel).CancelReproduction(CancelReproductionRequest(id="none")),
        watched(channel, "none"),
    )
    for call in calls:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert "there is no reproduction 'none'" in str(caught.value.details())


async def test_without_the_token_nobody_reproduces(tmp_path):
    async with reproducing(settings_in(tmp_path, token="secret")) as server, channel_to(server.grpc_port) as channel:
        for call in (
            stub(channel).ListScenarios(ListScenariosRequest()),
            stub(channel).CreateReproduction(CreateReproductionRequest(scenario="learning-rate-10")),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_critical_incidents_are_reproduced_by_themselves_once(tmp_path):
    settings = settings_in(tmp_path, auto_reproduce="wanted, other")
    clock = Clock()
    async with reproducing(settings, clock=clock) as server, channel_to(server.grpc_port) as channel:
        reporter = await ruined(channel, "run", "wanted")
        await ruined(channel, "run", "unwanted")
        found = await listed_after(server, channel, clock)
        assert [(each.run.project, each.automatic, each.priority) for each in found] == [("wanted", True, -10)]
        await watched(channel, found[0].id)
        # More of the same fault is no new one.
        await reporter.send(batch(4, range(64, 70), loss=math.nan, norms=[math.nan] * 2))
        await reporter.until_acknowledged(4)
        assert len(await listed_after(server, channel, clock)) == 1
    async with reproducing(settings, clock=clock) as server, channel_to(server.grpc_port) as channel:
        assert len(await listed_after(server, channel, clock)) == 1


async def test_automatic_reproductions_are_limited_by_the_hour(tmp_path):
    settings = settings_in(tmp_path, auto_reproduce="*", auto_reproduce_rate=2)
    clock = Clock()
    async with reproducing(settings, clock=clock) as server, channel_to(server.grpc_port) as channel:
        for number in range(3):
            await ruined(channel, f"run-{number}")
        assert len(await listed_after(server, channel, clock)) == 2
        clock.now += 1800
        assert len(await listed_after(server, channel, clock)) == 2
        clock.now += 1801
        assert len(await listed_after(server, channel, clock)) == 3


class Clock:
    """The service's clock, which a test moves."""

    def __init__(self) -> None:
        self.now = 1.7e9

    def __call__(self) -> float:
        return self.now


async def listed_after(server: Server, channel: grpc.aio.Channel, clock: Clock) -> list[Reproduction]:
    """What there is once everything that is due by now was looked at."""
    clock.now += 10
    await server.reproductions.automatic.tick()
    return list((await stub(channel).ListReproductions(ListReproductionsRequest())).reproductions)

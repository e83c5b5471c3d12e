"""Incidents from a real service: on the wire, in the store, on the scrape, and to people."""

import json

import pytest

from paramedic.v1.diagnosis_pb2 import GetRunRequest, ListIncidentsRequest
from paramedic_service.incidents.patch import apply
from paramedic_service.ingest.description import read
from paramedic_service.web.app import build
from support.command import paramedic
from support.service import Reporter, batch, channel_to, diagnosis, finish, identity, serving, settings_in
from support.service import description as tensors

EXPLODING = [2.0**n for n in range(60)]


def described(sequence):
    """An optimizer with an absurd learning rate, and a tensor table."""
    request = tensors(sequence)
    request.description.optimizer.name = "adam"
    request.description.optimizer.learning_rate = 10.0
    request.description.model.layers.add(name="dense", kind="Dense", activation="relu", units=16)
    return request


async def ruin(reporter, run="run", project="project"):
    """A run whose loss diverges and ends as NaN."""
    await reporter.register(run, project)
    await reporter.send(described(1), batch(2, range(60), loss=EXPLODING, norms=[1.0, 1.0]))
    await reporter.send(batch(3, range(60, 64), loss=float("nan"), norms=[float("nan")] * 2))
    await reporter.until_acknowledged(3)


async def listed(channel, **filters):
    return list((await diagnosis(channel).ListIncidents(ListIncidentsRequest(**filters))).incidents)


@pytest.fixture
async def channel(tmp_path):
    async with serving(settings_in(tmp_path)) as server, channel_to(server.grpc_port) as channel:
        yield channel


async def test_a_fault_is_one_incident_with_causes_and_patches_that_fit_the_run(channel):
    await ruin(Reporter(channel))

    [incident] = await listed(channel)

    assert incident.run == identity("run")
    assert incident.open
    assert incident.causes[0].id == "learning_rate_too_high"
    assert incident.causes[0].score > 0.9
    assert any("10" in sentence for sentence in incident.causes[0].supporting)
    assert {"nonfinite_loss", "nonfinite_gradient"} <= set(incident.rules)
    assert incident.summary.startswith("Learning rate too high")
    known = read((await diagnosis(channel).GetRun(GetRunRequest(run=identity("run")))).description)
    remedy = incident.causes[0].remedies[0]
    patched = apply(known, {path: dict(operation) for path, operation in remedy.patch.items()})
    assert patched.optimizer.learning_rate == pytest.approx(1.0)


async def test_a_healthy_run_has_none(channel):
    reporter = Reporter(channel)
    await reporter.register()
    await reporter.send(tensors(1), batch(2, range(10), norms=[1.0, 1.0]))
    await reporter.until_acknowledged(2)
    assert await listed(channel) == []


async def test_incidents_are_filtered_and_paged_by_run(channel):
    for run, project in (("a", "one"), ("b", "one"), ("c", "two")):
        await ruin(Reporter(channel), run, project)

    assert {each.run.id for each in await listed(channel)} == {"a", "b", "c"}
    assert {each.run.id for each in await listed(channel, project="one")} == {"a", "b"}
    assert {each.run.id for each in await listed(channel, run_id="c", open_only=True)} == {"c"}

    seen, token = [], ""
    while True:
        page = await diagnosis(channel).ListIncidents(ListIncidentsRequest(page_size=1, page_token=token))
        seen += [each.run.id for each in page.incidents]
        token = page.next_page_token
        if not token:
            break
    assert sorted(seen) == ["a", "b", "c"]


async def test_incidents_are_the_same_after_a_restart_and_when_the_run_has_left_memory(tmp_path):
    settings = settings_in(tmp_path, metrics_linger=0.0)
    async with serving(settings) as server, channel_to(server.grpc_port) as channel:
        reporter = Reporter(channel)
        await ruin(reporter)
        before = await listed(channel)
        await reporter.send(finish(4))
        await reporter.until_acknowledged(4)
        await reporter.close()
        await server.ingest.tick()
        await server.ingest.tick()
        assert not server.ingest.runs
        assert await listed(channel) == before
    async with serving(settings) as server, channel_to(server.grpc_port) as channel:
        assert await listed(channel) == before


async def test_a_projects_parameters_decide_over_its_runs_alone(tmp_path):
    file = tmp_path / "rules.toml"
    file.write_text("[projects.patient.rules.nonfinite_gradient]\npatience = 1000\n")
    settings = settings_in(tmp_path, rules_file=file)
    for _ in range(2):  # the second time from what the first stored
        async with serving(settings) as server, channel_to(server.grpc_port) as channel:
            if not await listed(channel):
                for project in ("patient", "other"):
                    await ruin(Reporter(channel), project, project)
            rules = {each.run.project: set(each.rules) for each in await listed(channel)}
            assert "nonfinite_gradient" in rules["other"]
            assert "nonfinite_gradient" not in rules["patient"]


async def test_a_scrape_names_open_incidents_with_cause_and_remedy(tmp_path):
    import httpx

    async with serving(settings_in(tmp_path), web=build) as server, channel_to(server.grpc_port) as channel:
        await ruin(Reporter(channel))
        async with httpx.AsyncClient() as client:
            scrape = (await client.get(f"http://127.0.0.1:{server.http_port}/metrics")).text
    [line] = [line for line in scrape.splitlines() if line.startswith("paramedic_run_incident{")]
    assert 'severity="critical"' in line
    assert line.endswith(" 1")
    assert 'cause=""' not in line
    assert 'remedy=""' not in line


async def test_people_and_scripts_get_them_from_the_command_line(tmp_path):
    import asyncio

    async with serving(settings_in(tmp_path)) as server, channel_to(server.grpc_port) as channel:
        await ruin(Reporter(channel))
        address = f"127.0.0.1:{server.grpc_port}"

        async def ask(*arguments):
            return await asyncio.to_thread(paramedic, *arguments, PARAMEDIC_URL=address)

        [told] = json.loads((await ask("incidents", "--json")).stdout)["incidents"]
        assert told["causes"][0]["remedies"][0]["patch"] == {"optimizer.learning_rate": {"multiply": 0.1}}
        table = (await ask("incidents", "--open")).stdout
        assert "learning_rate_too_high" in table
        shown = (await ask("runs", "project/run")).stdout
        assert "Lower the learning rate by a factor of 10, from 10 to 1." in shown
        assert "could not be judged" in shown
        assert json.loads((await ask("runs", "project/run", "--json")).stdout)["incidents"] == [told]
        assert (await ask("incidents", "--run", "other")).stdout == "No incidents.\n"

"""A restarted service goes on as if nothing had been."""

import math
import random

import pytest

from paramedic.v1.diagnosis_pb2 import GetRunRequest, GetTelemetryRequest, ListFindingsRequest
from support.service import Reporter, batch, channel_to, description, diagnosis, finish, identity, serving, settings_in

STEPS = 240
CUTS = 40


def entries():
    """A run that explodes, recovers and ends."""
    generator = random.Random(7)
    yield description(1)
    for part in range(CUTS):
        steps = range(part * STEPS // CUTS, (part + 1) * STEPS // CUTS)
        exploding = 25 <= part < 28
        loss = [math.nan if exploding else math.exp(-step / 80) + generator.uniform(0, 0.05) for step in steps]
        norms = [1e6 if exploding else generator.uniform(0.8, 1.2), 1.0]
        yield batch(part + 2, steps, loss=loss, norms=norms)
    yield finish(CUTS + 2)


async def report(port, until):
    """Reports the run up to a sequence, from wherever the service says."""
    async with channel_to(port) as channel:
        reporter = Reporter(channel)
        resume = (await reporter.register()).last_durable_sequence
        await reporter.send(*(entry for entry in entries() if resume < entry.sequence <= until))
        await reporter.close()


async def conclusions(port):
    async with channel_to(port) as channel:
        api = diagnosis(channel)
        run = await api.GetRun(GetRunRequest(run=identity()))
        run.run.ClearField("created_at")
        findings = (await api.ListFindings(ListFindingsRequest())).findings
        telemetry = await api.GetTelemetry(GetTelemetryRequest(run=identity(), max_points=10_000))
        return run, sorted(findings, key=lambda finding: finding.rule), telemetry


@pytest.fixture
async def undisturbed(tmp_path):
    async with serving(settings_in(tmp_path / "undisturbed")) as service:
        await report(service.grpc_port, CUTS + 2)
        return await conclusions(service.grpc_port)


async def test_a_run_over_several_restarts_comes_to_the_conclusions_of_an_undisturbed_one(tmp_path, undisturbed):
    assert undisturbed[1], "the run is meant to be sick"
    settings = settings_in(tmp_path / "restarted")
    for until in (1, 10, 27, 28, CUTS + 2):
        async with serving(settings) as service:
            await report(service.grpc_port, until)
    async with serving(settings) as service:
        assert await conclusions(service.grpc_port) == undisturbed


async def test_without_its_snapshots_a_run_is_folded_from_its_log_alone(tmp_path, undisturbed, monkeypatch):
    settings = settings_in(tmp_path / "restarted")
    async with serving(settings) as service:
        await report(service.grpc_port, 30)
    monkeypatch.setattr("paramedic_service.ingest.snapshot.VERSION", -1)
    async with serving(settings) as service:
        await report(service.grpc_port, CUTS + 2)
        assert await conclusions(service.grpc_port) == undisturbed


async def test_a_run_that_ended_is_told_from_the_store(tmp_path, undisturbed):
    settings = settings_in(tmp_path / "restarted", metrics_linger=0)
    async with serving(settings) as service:
        await report(service.grpc_port, CUTS + 2)
        await service.ingest.tick()
        assert identity().id not in {key.id for key in service.ingest.runs}
        assert await conclusions(service.grpc_port) == undisturbed
    async with serving(settings) as service:
        assert not service.ingest.runs
        assert await conclusions(service.grpc_port) == undisturbed

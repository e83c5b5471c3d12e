"""A store that fails: nothing is acknowledged, nothing is lost, and everybody is told."""

import asyncio

import grpc
import pytest

from paramedic.v1.diagnosis_pb2 import GetTelemetryRequest, ListFindingsRequest
from paramedic_service.store.interface import StoreError
from paramedic_service.store.opening import open_store
from support.service import FragileStore, Reporter, batch, diagnosis, identity, serving, settings_in
from support.waiting import eventually


@pytest.fixture
def store(tmp_path):
    return FragileStore(open_store(settings_in(tmp_path).store_url))


@pytest.fixture
async def service(tmp_path, store):
    async with serving(settings_in(tmp_path, drain_grace=0.1), store=store) as server:
        yield server


async def stored_steps(channel):
    response = await diagnosis(channel).GetTelemetry(GetTelemetryRequest(run=identity()))
    return [step for series in response.series for step in series.steps]


async def test_while_the_disk_is_full_clients_are_held_back_and_afterwards_everything_is_stored(
    service, channel, store
):
    reporter = Reporter(channel)
    await reporter.register()
    await reporter.send(batch(1, [1]))
    await reporter.until_acknowledged(1)
    store.full = True
    await reporter.send(batch(2, [2], loss=float("nan")), batch(3, [3]))
    await reporter.until(lambda: reporter.throttles >= 2)
    assert reporter.acknowledged == 1
    assert "disk is full" in service.ingest.trouble
    store.full = False
    await reporter.until_acknowledged(3)
    assert service.ingest.trouble is None
    assert await stored_steps(channel) == [1, 2, 3]
    assert service.instruments.registry.get_sample_value("paramedic_commit_failures_total") >= 2


async def test_findings_that_could_not_be_saved_are_saved_later(service, channel, store):
    reporter = Reporter(channel)
    await reporter.register()
    await reporter.send(batch(1, [1]))
    await reporter.until_acknowledged(1)
    original, store.checkpoint = store.checkpoint, None  # only checkpoints fail
    await reporter.send(batch(2, [2], loss=float("nan")))
    await reporter.until_acknowledged(2)
    failures = "paramedic_checkpoint_failures_total"
    await eventually(lambda: service.instruments.registry.get_sample_value(failures) >= 1)
    store.checkpoint = original
    findings = (await diagnosis(channel).ListFindings(ListFindingsRequest())).findings
    assert [finding.rule for finding in findings] == ["nonfinite_loss"]


async def test_entries_that_were_stored_by_a_commit_that_seemed_to_fail_are_judged_once(service, channel, store):
    reporter = Reporter(channel)
    await reporter.register()
    for sequence in (1, 2):
        store.breaks_after_writing = True
        await reporter.send(batch(sequence, [sequence], loss=float("nan")))
        await reporter.until_acknowledged(sequence)
        [live] = service.ingest.runs.values()
        assert (live.rows, live.last_sequence) == (sequence, sequence)
        assert live.diagnosis.findings["nonfinite_loss"].violations == sequence
        assert live.position == [entry.position for entry in store.read_log(live.number)][-1]
    assert await stored_steps(channel) == [1, 2]


async def test_what_is_stored_meanwhile_is_not_judged_twice(service, channel, store, monkeypatch):
    """The answer to one group is lost, its log cannot be read at once, and more groups are stored before it can."""
    reporter = Reporter(channel)
    await reporter.register()
    unreadable = iter([True, True])

    def read_log(*arguments, **options):
        if next(unreadable, False):
            raise StoreError("the database is busy")
        return open_log(*arguments, **options)

    open_log = store._store.read_log
    monkeypatch.setattr(store, "read_log", read_log, raising=False)
    monkeypatch.setattr("paramedic_service.ingest.service.READ_BACK_SECONDS", 0.05)
    store.breaks_after_writing = True
    for sequence in range(1, 6):
        await reporter.send(batch(sequence, [sequence], loss=float("nan")))
        await asyncio.sleep(0)
    await reporter.until_acknowledged(5)
    [live] = service.ingest.runs.values()
    assert (live.rows, live.last_sequence) == (5, 5)


async def test_a_defect_that_stops_ingest_makes_the_service_unready(service, channel, monkeypatch):
    monkeypatch.setattr(service.ingest._judge, "judge", lambda *_: 1 / 0)
    reporter = Reporter(channel)
    await reporter.register()
    await reporter.send(batch(1, [1]))
    await eventually(lambda: service.ingest.trouble is not None)
    assert "restart" in service.ingest.trouble
    assert reporter.acknowledged == 0


async def test_a_registration_that_cannot_be_stored_is_answered_as_unavailable(service, channel, store):
    def fail(*_):
        raise StoreError("the disk is full")

    store.register = fail
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await Reporter(channel).register()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "disk is full" in caught.value.details()

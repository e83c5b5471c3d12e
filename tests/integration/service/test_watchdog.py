"""Silence: noticed by the service's clock, written into the log, judged like everything else."""

import pytest

from paramedic.v1.finding_pb2 import FINDING_CHANGE_RESOLVED
from paramedic_service.ingest.restore import restore
from support.service import Reporter, batch, channel_to, finish, serving, settings_in
from support.waiting import eventually

NOW = 1_700_000_000.0


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def service(tmp_path, clock):
    async with serving(settings_in(tmp_path), clock=clock) as server:
        yield server


@pytest.fixture
async def reporter(channel):
    reporter = Reporter(channel)
    await reporter.register()
    await reporter.send(batch(1, range(100)))
    await reporter.until_acknowledged(1)
    return reporter


def only_run(service):
    [live] = service.ingest.runs.values()
    return live


async def pass_time(service, clock, seconds):
    clock.now += seconds
    await service.ingest.tick()
    [run] = service.ingest._runs
    await run.quiet()


async def test_a_run_that_is_silent_for_longer_than_its_rhythm_explains_is_found_stalled(service, clock, reporter):
    limit = only_run(service).diagnosis.silence_limit
    await pass_time(service, clock, limit)
    assert not only_run(service).silent
    await pass_time(service, clock, 1.0)
    await reporter.until(lambda: len(reporter.findings) > 0)
    assert reporter.findings[0].rule == "stalled_run"


async def test_one_silence_is_noted_once(service, clock, reporter):
    for _ in range(5):
        await pass_time(service, clock, 3600)
    log = list(service._store.read_log(only_run(service).number))
    assert [entry.sequence for entry in log] == [1, None]


async def test_a_report_ends_the_silence_and_the_next_one_is_noted_again(service, clock, reporter):
    await pass_time(service, clock, 3600)
    await reporter.send(batch(2, [100]))
    await reporter.until_acknowledged(2)
    assert reporter.findings[-1].change == FINDING_CHANGE_RESOLVED
    await pass_time(service, clock, 3600)
    assert only_run(service).silent
    assert only_run(service).diagnosis.findings["stalled_run"].open


async def test_a_run_that_ended_may_be_silent(service, clock, reporter):
    await reporter.send(finish(2))
    await reporter.until_acknowledged(2)
    await pass_time(service, clock, 100)
    assert not only_run(service).silent


async def test_silence_stands_in_the_log_so_that_a_replay_without_a_clock_sees_it(service, clock, reporter):
    await pass_time(service, clock, 3600)
    live = only_run(service)
    record = service._store.get_run(live.key)
    await service.ingest.publish_to_store()
    replayed = restore(service._store, record)
    assert replayed.silent
    assert replayed.diagnosis.findings == live.diagnosis.findings


async def test_after_a_restart_silence_is_measured_from_the_start_of_the_service(tmp_path):
    clock, settings = Clock(), settings_in(tmp_path)
    async with serving(settings, clock=clock) as service, channel_to(service.grpc_port) as channel:
        reporter = Reporter(channel)
        await reporter.register()
        await reporter.send(batch(1, range(100)))
        await reporter.until_acknowledged(1)
    clock.now += 86_400  # the service was away, not the run
    async with serving(settings, clock=clock) as service:
        await pass_time(service, clock, 30)
        assert not only_run(service).silent
        await pass_time(service, clock, 3600)
        assert only_run(service).silent


async def test_a_quiet_run_leaves_memory_and_comes_back_where_it_was(tmp_path):
    clock, settings = Clock(), settings_in(tmp_path, run_expiry=7200)
    async with serving(settings, clock=clock) as service, channel_to(service.grpc_port) as channel:
        reporter = Reporter(channel)
        await reporter.register()
        await reporter.send(batch(1, range(100)))
        await reporter.close()
        [run] = service.ingest._runs
        await eventually(lambda: run.session is None)
        clock.now += 7300
        await service.ingest.tick()
        await run.quiet()
        await service.ingest.tick()
        assert not service.ingest.runs
        again = Reporter(channel)
        assert (await again.register()).last_durable_sequence == 1
        assert only_run(service).silent
        assert only_run(service).rows == 100

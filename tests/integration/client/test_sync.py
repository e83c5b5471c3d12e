"""Delivery of what runs left on disk."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import paramedic
from paramedic.sync import RunSync
from support.telemetry_service import TelemetryService
from support.waiting import wait_until

BeginRun = Callable[..., paramedic.Run]


def record_offline(spool_dir: Path, identity: str, steps: int) -> None:
    run = paramedic.init("project", id=identity, mode="offline", spool_dir=spool_dir)
    for step in range(steps):
        run.log(step, loss=1.0, gradient_norms=np.full(100, step, np.float32))
    run.finish()
    assert run.dropped == {}


def test_offline_runs_are_delivered_whole_and_removed(service: TelemetryService, spool_dir: Path) -> None:
    for identity in ("a", "b", "c"):
        record_offline(spool_dir, identity, 3000)
    assert service.streams == 0
    report = paramedic.sync(spool_dir, service.url)
    assert report.complete
    assert [run.run for run in report.runs] == ["project/a", "project/b", "project/c"]
    for run in report.runs:
        assert run.delivered == run.entries > 0
        assert run.already_stored == 0
        assert run.lost == ()
    for identity in ("a", "b", "c"):
        assert service.run(identity).steps == list(range(3000))
        assert service.run(identity).finished
    assert not list(spool_dir.rglob("*.spool"))


def test_an_offline_run_of_a_failed_process_can_go_on_offline(service: TelemetryService, spool_dir: Path) -> None:
    record_offline(spool_dir, "a", 10)
    run = paramedic.init("project", id="a", attempt=0, mode="offline", spool_dir=spool_dir)
    run.log(10, loss=1.0)
    run.finish()
    assert paramedic.sync(spool_dir, service.url).complete
    assert service.run("a").steps == list(range(11))


def test_an_interrupted_sync_is_completed_by_the_next(service: TelemetryService, spool_dir: Path) -> None:
    record_offline(spool_dir, "a", 20_000)

    def interrupt(progress: RunSync) -> None:
        if progress.delivered:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        paramedic.sync(spool_dir, service.url, on_progress=interrupt)
    assert list(spool_dir.rglob("*.spool"))
    report = paramedic.sync(spool_dir, service.url)
    assert report.complete
    assert report.runs[0].already_stored > 0
    assert service.run("a").steps == list(range(20_000))


@pytest.mark.parametrize("seed", range(3))
def test_sync_delivers_exactly_once_over_a_bad_connection(seed: int, spool_dir: Path) -> None:
    record_offline(spool_dir, "a", 20_000)
    with TelemetryService(seed) as service:
        service.faults.cut = 0.05
        wait_until(lambda: paramedic.sync(spool_dir, service.url).complete)
        assert service.run("a").steps == list(range(20_000))


def test_what_fails_is_named_with_its_reason(service: TelemetryService, spool_dir: Path) -> None:
    record_offline(spool_dir, "a", 10)
    (spool_dir / "project" / "stray").mkdir()
    (spool_dir / "project" / "stray" / "00000001.spool").write_bytes(b"something else")
    service.stop()
    report = paramedic.sync(spool_dir, service.url)
    assert not report.complete
    assert "UNAVAILABLE" in str(report.runs[0].error)
    assert "no readable registration" in str(report.runs[1].error)
    service.start()
    assert paramedic.sync(spool_dir / "project" / "a-0-0", service.url).complete
    assert service.run("a").steps == list(range(10))


def test_a_damaged_spool_delivers_all_but_the_damage(service: TelemetryService, spool_dir: Path) -> None:
    record_offline(spool_dir, "a", 20_000)
    segment = sorted(spool_dir.rglob("*.spool"))[0]
    damaged = bytearray(segment.read_bytes())
    damaged[len(damaged) // 2] ^= 0x01
    segment.write_bytes(damaged)
    [run] = paramedic.sync(spool_dir, service.url).runs
    assert run.error is None
    assert dict(run.lost) == {"corrupt_spool": 1}
    assert run.delivered == run.entries - 1
    steps = service.run("a").steps
    assert steps == sorted(steps)
    assert 19_000 < len(steps) < 20_000


def test_refused_entries_are_counted_and_not_kept(service: TelemetryService, spool_dir: Path) -> None:
    record_offline(spool_dir, "a", 3000)
    service.faults.reject = lambda entry: "no" if 0 in entry.batch.steps else None
    [run] = paramedic.sync(spool_dir, service.url).runs
    assert run.error is None
    assert dict(run.lost)["rejected"] > 0
    assert len(service.run("a").steps) + dict(run.lost)["rejected"] == 3000


def test_a_directory_that_is_none_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="name a spool directory"):
        paramedic.sync(tmp_path / "nothing")


def test_a_directory_without_spools_has_nothing_to_deliver(tmp_path: Path) -> None:
    report = paramedic.sync(tmp_path)
    assert report.runs == ()
    assert report.complete

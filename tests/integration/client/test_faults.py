"""A run and a service that goes away, hangs, or lies."""

import itertools
import logging
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import grpc
import numpy as np
import pytest

import paramedic
from paramedic.v1.telemetry_pb2 import StreamTelemetryRequest
from support.telemetry_service import Faults, TelemetryService
from support.waiting import DEADLINE, wait_until

BeginRun = Callable[..., paramedic.Run]


def finishes(run: paramedic.Run, timeout: float = 1.0) -> bool:
    """Whether finish comes back; the generous deadline is the test's, the bound is the run's."""
    done = Event()
    Thread(target=lambda: (run.finish(timeout=timeout), done.set()), daemon=True).start()
    return done.wait(DEADLINE)


@pytest.mark.parametrize("seed", range(5))
def test_every_row_is_stored_exactly_once_however_often_the_connection_is_cut(seed: int, spool_dir: Path) -> None:
    with TelemetryService(seed) as service:
        service.faults.cut = 0.05
        run = paramedic.init("project", id="test", url=service.url, spool_dir=spool_dir)
        for step in range(0, 200, 2):
            run.log_rows([step], [0.0], {"loss": ([1.0], None)})  # goes out at once, and takes what was logged with it
            run.log(step + 1, loss=1.0, gradient_norms=np.full(50, step, np.float32))
            service.wait_for_steps(step - 20)
        service.wait_for_steps(200)
        service.faults.cut = 0.0
        run.finish()
        assert service.streams > 5
        assert service.run().steps == list(range(200))
        assert service.run().finished
        assert run.dropped == {}


def test_what_was_logged_while_the_service_was_down_arrives_when_it_is_up(
    service: TelemetryService, begin: BeginRun, spool_dir: Path
) -> None:
    run = begin()
    run.log(0, loss=1.0)
    service.wait_for_steps(1)
    service.stop()
    for step in range(1, 5000):
        run.log(step, loss=1.0, gradient_norms=np.ones(100, np.float32))
    wait_until(lambda: list(spool_dir.rglob("*.spool")))
    service.start()
    run.log(5000, loss=1.0)
    service.wait_for_steps(5001)
    run.finish()
    assert service.run().steps == list(range(5001))
    assert run.dropped == {}
    assert not list(spool_dir.rglob("*.spool"))


def test_the_service_may_restart_many_times(service: TelemetryService, begin: BeginRun) -> None:
    run = begin()
    step = 0
    for _ in range(10):
        for _ in range(200):
            run.log(step, loss=1.0, gradient_norms=np.ones(100, np.float32))
            step += 1
        service.wait_for_steps(step - 100)
        service.stop()
        service.start()
    service.wait_for_steps(step)
    run.finish()
    assert service.run().steps == list(range(step))


def test_init_and_log_do_not_need_a_service(begin: BeginRun, caplog: pytest.LogCaptureFixture) -> None:
    run = begin(url="127.0.0.1:9")
    for step in range(100):
        run.log(step, loss=1.0)
    assert finishes(run)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 2
    assert "no connection to the service at 127.0.0.1:9" in warnings[0]
    assert "paramedic sync" in warnings[1]


HANGING = [
    Faults(mute=True),
    Faults(close_at_once=True),
    Faults(close_after_registration=True),
    Faults(never_acknowledge=True),
    Faults(garbage=b"\xff\xff\xff"),
    Faults(garbage=b""),
    Faults(claimed_sequence=2**64 - 1),
    Faults(acknowledge_ahead=10**9),
    Faults(pause=1e9),
    Faults(status=grpc.StatusCode.UNAUTHENTICATED),
]


@pytest.mark.parametrize("faults", HANGING)
def test_a_service_that_does_not_do_its_part_costs_neither_the_rows_nor_the_time(
    faults: Faults, service: TelemetryService, begin: BeginRun
) -> None:
    service.faults = faults
    run = begin()
    for step in range(2000):
        run.log(step, loss=1.0, gradient_norms=np.ones(100, np.float32))
    wait_until(lambda: service.streams > 0)
    assert finishes(run)
    service.faults = Faults()
    again = begin()  # goes on where the spool ends
    service.wait_for_steps(2000)
    again.finish()
    assert service.run().steps == list(range(2000))


def test_an_acknowledgement_of_what_was_never_sent_settles_nothing(service: TelemetryService, begin: BeginRun) -> None:
    service.faults.acknowledge_ahead = 10**9
    run = begin()
    for step in range(500):  # entries of their own, more than are ever in flight
        run.log_rows([step], [0.0], {"loss": ([1.0], None)})
    wait_until(lambda: service.streams > 1)
    service.faults.acknowledge_ahead = 0
    service.wait_for_steps(500)
    run.finish()
    assert service.run().steps == list(range(500))


def test_a_service_that_never_answers_leaves_memory_bounded(
    service: TelemetryService, begin: BeginRun, spool_dir: Path
) -> None:
    service.faults.mute = True
    run = begin()
    norms = np.ones(10_000, np.float32)
    steps = itertools.count()

    def more_than_memory_keeps() -> bool:
        for step in itertools.islice(steps, 50):  # 2 MB
            run.log(step, gradient_norms=norms)
        return sum(path.stat().st_size for path in spool_dir.rglob("*.spool")) > 20_000_000

    wait_until(more_than_memory_keeps)


def test_a_refused_entry_is_counted_said_once_and_not_sent_again(
    service: TelemetryService, begin: BeginRun, caplog: pytest.LogCaptureFixture
) -> None:
    service.faults.reject = lambda entry: "odd step" if entry.batch.steps and entry.batch.steps[0] % 2 else None
    run = begin()
    for step in range(6):
        run.log_rows([step], [0.0], {"loss": ([1.0], None)})
    run.finish()
    assert service.run().steps == [0, 2, 4]
    assert run.dropped == {"rejected": 3}
    assert service.run().drops == {"rejected": 3}
    assert len([record for record in caplog.records if "odd step" in record.getMessage()]) == 1


def test_a_service_that_asks_to_hold_back_is_obeyed(service: TelemetryService, begin: BeginRun) -> None:
    service.faults.pause = 1e9
    run = begin()
    wait_until(lambda: service.registered)
    run.log(0, loss=1.0)
    finishes(run)
    assert service.requests == 0


def test_what_was_lost_is_reported_when_the_service_is_back(service: TelemetryService, begin: BeginRun) -> None:
    run = begin()
    run.log(0, loss="not a number")
    run.log(1, loss=1.0, gradient_norms=[1.0, 2.0])
    run.log(2, loss=1.0, gradient_norms=[1.0])
    run.log(1, loss=1.0)
    run.finish()
    assert run.dropped == {"invalid_value": 1, "wrong_length": 1, "step_backwards": 1}
    assert service.run().drops == run.dropped


def test_a_row_too_large_for_any_request_is_counted(service: TelemetryService, begin: BeginRun) -> None:
    run = begin()
    run.log(0, loss=1.0)
    run.log(1, loss=1.0, gradient_norms=np.ones(500_000, np.float32))
    run.finish()
    assert service.run().steps == [0, 1]
    assert run.dropped == {"oversized": 1}


def test_one_request_never_exceeds_its_limit(service: TelemetryService, begin: BeginRun) -> None:
    norms = np.ones(50_000, np.float32)  # the service asserts the limit
    run = begin()
    for step in range(20):
        service.wait_for_steps(step - 10)
        run.log(step, loss=1.0, gradient_norms=norms, weight_norms=norms, update_norms=norms)
    run.finish()
    assert sorted(set(service.run().steps)) == list(range(20))
    assert run.dropped == {}


@pytest.mark.parametrize("limit", [100_000, 10])
def test_without_a_tensor_table_the_rest_of_a_row_still_arrives(
    limit: int, service: TelemetryService, begin: BeginRun
) -> None:
    """The table is too large for a request, or for the service's taste."""
    service.faults.reject = lambda entry: "too many" if len(entry.description.tensors) > limit else None
    run = begin()
    run.log(0, loss=1.0, gradient_norms=np.ones(120_000, np.float32))
    wait_until(lambda: run.dropped)
    run.log(1, loss=2.0, gradient_norms=np.ones(120_000, np.float32))
    run.finish()
    assert service.run().steps[-1] == 1
    assert not service.run().entries[-2].batch.tensors
    assert run.dropped["wrong_length"] == 1


def test_a_run_whose_spool_cannot_be_had_keeps_rows_in_memory(
    service: TelemetryService, begin: BeginRun, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a directory")
    service.stop()
    run = begin(spool_dir=tmp_path / "file")
    for step in range(100):
        run.log(step, loss=1.0)
    service.start()
    service.wait_for_steps(100)
    run.finish()
    assert service.run().steps == list(range(100))
    assert run.dropped == {}


def test_garbage_left_in_the_spool_costs_only_itself(
    service: TelemetryService, begin: BeginRun, spool_dir: Path
) -> None:
    service.stop()
    run = begin()
    for step in range(3):
        run.log(step, loss=1.0)
    run.finish()
    [segment] = spool_dir.rglob("*.spool")
    damaged = bytearray(segment.read_bytes())
    damaged[-30] ^= 0xFF
    segment.write_bytes(damaged + b"\x00torn")
    service.start()
    again = begin()
    again.log(3, loss=1.0)
    again.finish()
    assert 3 in service.run().steps
    assert again.dropped["corrupt_spool"] >= 1


def test_a_log_handler_that_raises_does_not_stop_the_delivery(
    service: TelemetryService, begin: BeginRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: logging.LogRecord) -> None:
        raise OSError("the terminal is gone")

    monkeypatch.setattr(logging.getLogger("paramedic"), "handle", fail)
    service.stop()
    run = begin()
    run.log(0, loss="not a number")
    service.start()
    service.wait_for_steps(1)
    run.finish()
    assert service.run().finished


def test_requests_are_what_the_contract_says(service: TelemetryService, begin: BeginRun, spool_dir: Path) -> None:
    """The spool holds the very requests of the stream, the registration first."""
    service.stop()
    run = begin()
    run.log(0, loss=1.0)
    run.finish()
    [segment] = spool_dir.rglob("*.spool")
    assert segment.parent == spool_dir / "project" / "test-0-0"
    data = segment.read_bytes()
    length = int.from_bytes(data[8:12], "little")
    first = StreamTelemetryRequest.FromString(data[16 : 16 + length])
    assert first.register.run.id == "test"


def test_a_run_that_ends_while_the_service_restarts_waits_for_it(service: TelemetryService, begin: BeginRun) -> None:
    run = begin()
    run.log(0, loss=1.0)
    service.wait_for_steps(1)
    service.stop()
    run.log(1, loss=1.0)
    finishing = Thread(target=run.finish, kwargs={"timeout": DEADLINE})
    finishing.start()
    service.start()
    finishing.join()
    assert service.run().steps == [0, 1]
    assert service.run().finished

"""The client's end of the exactly-once stream."""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramedic.drops import Drops
from paramedic.encoding import encode_registration, split_sequence
from paramedic.outbox import Outbox
from paramedic.segment import SegmentWriter
from paramedic.v1.run_pb2 import RunIdentity
from paramedic.v1.telemetry_pb2 import RegisterRun, StepBatch, StreamTelemetryRequest

REGISTRATION = encode_registration(RegisterRun(run=RunIdentity(project="p", id="r")))


def body(step: int, padding: int = 0) -> bytes:
    return StreamTelemetryRequest(batch=StepBatch(steps=[step], times=[0.0] * padding)).SerializeToString()


def step_of(request: bytes) -> int:
    return StreamTelemetryRequest.FromString(request).batch.steps[0]


def take_all(outbox: Outbox) -> list[int]:
    return [split_sequence(request)[0] for request in iter(outbox.take, None)]


@pytest.fixture
def drops() -> Drops:
    return Drops("p/r")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "p" / "r"


@pytest.fixture
def outbox(drops: Drops, directory: Path) -> Iterator[Outbox]:
    outbox = Outbox(drops, directory, REGISTRATION, memory_limit=1000)
    yield outbox
    outbox.close()


def fill(outbox: Outbox, first: int, last: int) -> None:
    for step in range(first, last + 1):
        outbox.append(body(step), 1)


def test_entries_are_numbered_from_one(outbox: Outbox) -> None:
    fill(outbox, 1, 3)
    assert take_all(outbox) == [1, 2, 3]


def test_a_healthy_stream_never_touches_the_disk(outbox: Outbox, directory: Path) -> None:
    for step in range(1, 100):
        outbox.append(body(step), 1)
        outbox.take()
        outbox.settle(step)
    assert outbox.empty
    assert not directory.exists()


def test_what_was_lost_with_a_connection_is_sent_again(outbox: Outbox) -> None:
    fill(outbox, 1, 5)
    take_all(outbox)
    outbox.settle(2)
    outbox.rewind()
    assert take_all(outbox) == [3, 4, 5]


def test_memory_overflows_to_disk_in_order(outbox: Outbox) -> None:
    fill(outbox, 1, 3)
    take_all(outbox)
    fill(outbox, 4, 200)
    assert outbox.spooling
    assert take_all(outbox) == list(range(4, 201))
    outbox.settle(3)
    outbox.rewind()
    assert take_all(outbox) == list(range(4, 201))


def test_a_drained_spool_gives_way_to_memory(outbox: Outbox, directory: Path) -> None:
    fill(outbox, 1, 200)
    take_all(outbox)
    outbox.settle(200)
    assert not outbox.spooling
    assert not list(directory.glob("*.spool"))
    fill(outbox, 201, 203)
    assert take_all(outbox) == [201, 202, 203]


def test_a_refused_entry_is_settled(outbox: Outbox) -> None:
    fill(outbox, 1, 3)
    take_all(outbox)
    refused = outbox.reject(2)
    assert refused is not None
    assert step_of(refused) == 2
    outbox.rewind()
    assert take_all(outbox) == [3]


def test_a_refusal_of_what_was_never_sent_changes_nothing(outbox: Outbox) -> None:
    fill(outbox, 1, 3)
    outbox.take()
    assert outbox.reject(2) is None
    assert take_all(outbox) == [2, 3]


@pytest.mark.parametrize("persisted", [False, True])
def test_sequences_that_another_process_used_are_not_used_again(outbox: Outbox, persisted: bool) -> None:
    fill(outbox, 1, 3)
    if persisted:
        outbox.persist()
    outbox.resume(10)
    fill(outbox, 4, 4)
    requests = list(iter(outbox.take, None))
    assert [split_sequence(request)[0] for request in requests] == [11, 12, 13, 14]
    assert [step_of(request) for request in requests] == [1, 2, 3, 4]


def test_a_sequence_without_room_behind_it_is_an_error(outbox: Outbox) -> None:
    with pytest.raises(ValueError, match="no room"):
        outbox.resume(2**63)


def test_an_heir_sends_only_what_the_service_does_not_have(outbox: Outbox, drops: Drops, directory: Path) -> None:
    fill(outbox, 1, 20)
    assert outbox.close()
    heir = Outbox(drops, directory, REGISTRATION)
    heir.inherit()
    heir.append(body(21), 1)
    heir.resume(15)
    assert take_all(heir) == [16, 17, 18, 19, 20, 21]
    heir.settle(21)
    assert not heir.close()


def test_without_a_disk_memory_gives_up_the_oldest_rows_and_counts_them(drops: Drops, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    outbox = Outbox(drops, tmp_path / "file" / "r", REGISTRATION, memory_limit=1000)
    outbox.append(b"\x1a\x00", 0)  # a description
    fill(outbox, 2, 500)
    sequences = take_all(outbox)
    assert sequences[0] == 1
    assert sequences[1:] == list(range(sequences[1], 501))
    assert drops.totals() == {"buffer_full": sequences[1] - 2}


def test_a_disk_that_fills_up_costs_what_did_not_fit(
    outbox: Outbox, drops: Drops, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(outbox, 1, 200)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(SegmentWriter, "append", fail)
        fill(outbox, 201, 203)
    fill(outbox, 204, 205)
    assert take_all(outbox) == [*range(1, 201), 204, 205]
    assert drops.totals() == {"disk_error": 3}


def test_a_disk_that_is_full_from_the_start_is_replaced_by_memory(
    outbox: Outbox, drops: Drops, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    fill(outbox, 1, 5)
    monkeypatch.setattr(SegmentWriter, "append", fail)
    assert not outbox.persist()
    assert take_all(outbox) == [1, 2, 3, 4, 5]
    assert drops.totals() == {}


class Service:
    """Stores what comes, once, and may not get around to answering."""

    def __init__(self) -> None:
        self.last = 0
        self.stored: list[int] = []

    def receive(self, request: bytes) -> int:
        sequence, _ = split_sequence(request)
        if sequence > self.last:
            self.last = sequence
            self.stored.append(step_of(request))
        return sequence


ACTIONS = st.one_of(
    st.tuples(st.just("append"), st.integers(1, 30)),
    st.tuples(st.just("send"), st.integers(1, 30)),
    st.tuples(st.just("acknowledge"), st.integers(0, 10)),
    st.tuples(st.just("cut"), st.just(0)),
    st.tuples(st.just("persist"), st.just(0)),
    st.tuples(st.just("restart"), st.just(0)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(ACTIONS, max_size=30), st.integers(0, 5))
def test_every_entry_is_stored_exactly_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, int]], used: int
) -> None:
    """Sending, acknowledging, losing the connection and the process, in any order; every process begins by resuming."""
    directory = tmp_path_factory.mktemp("spool") / "r"
    drops = Drops("p/r")
    service = Service()
    service.last = used
    outbox = Outbox(drops, directory, REGISTRATION, memory_limit=500)
    outbox.resume(service.last)
    step = 0
    flying: list[int] = []
    for action, count in actions:
        if action == "append":
            for _ in range(count):
                outbox.append(body(step), 1)
                step += 1
        elif action == "send":
            for _ in range(count):
                request = outbox.take()
                if request is not None:
                    flying.append(service.receive(request))
        elif action == "acknowledge" and flying:
            outbox.settle(flying[max(0, len(flying) - 1 - count)])
        elif action == "cut":
            outbox.rewind()
            flying.clear()
            outbox.resume(service.last)
        elif action == "persist":
            outbox.persist()
        elif action == "restart":
            outbox.close()
            flying.clear()
            outbox = Outbox(drops, directory, REGISTRATION, memory_limit=500)
            outbox.inherit()
            outbox.resume(service.last)
    outbox.rewind()
    outbox.resume(service.last)
    for request in iter(outbox.take, None):
        outbox.settle(service.receive(request))
    assert service.stored == list(range(step))
    assert outbox.empty
    assert not outbox.close()
    assert drops.totals() == {}


def test_what_another_process_left_is_not_mixed_with_what_is_new(outbox: Outbox, drops: Drops, directory: Path) -> None:
    """The directory was in use when the run began, and is free when it is needed."""
    fill(outbox, 1, 5)
    outbox.close()
    late = Outbox(drops, directory, REGISTRATION)
    late.append(body(1), 1)
    assert not late.persist()
    assert take_all(late) == [1]
    heir = Outbox(drops, directory, REGISTRATION)
    heir.inherit()
    assert take_all(heir) == [1, 2, 3, 4, 5]
    heir.settle(5)
    heir.close()

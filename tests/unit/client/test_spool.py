"""A queue on disk that survives processes, damage and full disks."""

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from paramedic.directory_lock import DirectoryInUseError
from paramedic.drops import Drops
from paramedic.encoding import encode_message, encode_registration, split_sequence, with_sequence
from paramedic.segment import read_segment
from paramedic.spool import Spool, has_spool, spool_directories
from paramedic.v1.description_pb2 import RunDescription, Tensor
from paramedic.v1.run_pb2 import RunIdentity
from paramedic.v1.telemetry_pb2 import RegisterRun, StepBatch, StreamTelemetryRequest

REGISTRATION = encode_registration(RegisterRun(run=RunIdentity(project="p", id="r")))


def rows(sequence: int, count: int = 1, padding: int = 0) -> bytes:
    batch = StepBatch(steps=[sequence] * count, times=[0.0] * (count + padding))
    return with_sequence(StreamTelemetryRequest(batch=batch).SerializeToString(), sequence)


def table(sequence: int, *names: str) -> bytes:
    description = RunDescription(tensors=[Tensor(name=name) for name in names])
    return with_sequence(encode_message(description), sequence)


def read_all(spool: Spool) -> list[int]:
    return [split_sequence(payload)[0] for payload in iter(spool.read, None)]


@pytest.fixture
def drops() -> Drops:
    return Drops("p/r")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "p" / "r-0-0"


@pytest.fixture
def spool(directory: Path, drops: Drops) -> Iterator[Spool]:
    spool = Spool(directory, drops, REGISTRATION, segment_bytes=200)
    yield spool
    spool.close()


def test_requests_come_out_as_they_went_in(spool: Spool) -> None:
    written = [rows(sequence) for sequence in range(1, 50)]
    for payload in written:
        spool.append(payload)
    assert list(iter(spool.read, None)) == written


def test_reading_goes_on_when_more_is_written(spool: Spool) -> None:
    for sequence in range(1, 20):
        spool.append(rows(sequence))
        assert read_all(spool) == [sequence]


def test_what_was_not_settled_is_read_again_after_rewinding(spool: Spool) -> None:
    for sequence in range(1, 20):
        spool.append(rows(sequence))
    read_all(spool)
    spool.settle(7)
    spool.rewind()
    assert read_all(spool) == list(range(8, 20))


def test_settled_files_are_deleted_and_in_the_end_the_directory(spool: Spool, directory: Path) -> None:
    for sequence in range(1, 50):
        spool.append(rows(sequence))
    files = len(list(directory.glob("*.spool")))
    spool.settle(30)
    assert 0 < len(list(directory.glob("*.spool"))) < files
    spool.settle(49)
    assert spool.empty
    assert not list(directory.glob("*.spool"))
    spool.close()
    assert not directory.exists()


def test_a_drained_spool_can_be_filled_again(spool: Spool) -> None:
    spool.append(rows(1))
    assert read_all(spool) == [1]
    spool.settle(1)
    spool.append(rows(2))
    assert read_all(spool) == [2]


def test_another_process_takes_over_what_is_left(spool: Spool, directory: Path, drops: Drops) -> None:
    for sequence in range(1, 30):
        spool.append(rows(sequence))
    spool.close()
    heir = Spool(directory, drops)
    assert heir.registration == REGISTRATION
    assert heir.last == 29
    assert heir.entries == 29
    heir.append(rows(30))
    assert read_all(heir) == list(range(1, 31))
    heir.settle(30)
    heir.close()


def test_a_file_begins_with_the_registration_however_many_came_before(spool: Spool, directory: Path) -> None:
    for sequence in range(1, 50):
        spool.append(rows(sequence))
    spool.settle(40)
    first = min(directory.glob("*.spool")).read_bytes()
    length = int.from_bytes(first[8:12], "little")
    assert first[16 : 16 + length] == REGISTRATION


def test_a_directory_is_not_shared_within_a_process(spool: Spool, directory: Path, drops: Drops) -> None:
    with pytest.raises(DirectoryInUseError):
        Spool(directory, drops, REGISTRATION)


def test_a_directory_is_not_shared_between_processes(spool: Spool, directory: Path) -> None:
    script = f"""
from pathlib import Path
from paramedic.directory_lock import DirectoryInUseError
from paramedic.drops import Drops
from paramedic.segment import read_segment
from paramedic.spool import Spool
try:
    Spool(Path({str(directory)!r}), Drops("p/r"), b"x")
except DirectoryInUseError:
    print("in use")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "in use\n"


def test_a_lock_is_free_after_its_holder_is_closed(spool: Spool, directory: Path, drops: Drops) -> None:
    spool.append(rows(1))
    spool.close()
    second = Spool(directory, drops, REGISTRATION)
    second.settle(1)
    second.close()


def test_beyond_its_bound_the_oldest_rows_are_given_up_and_counted(directory: Path, drops: Drops) -> None:
    spool = Spool(directory, drops, REGISTRATION, limit=2000, segment_bytes=200)
    for sequence in range(1, 200):
        spool.append(rows(sequence, count=3))
        assert spool.size <= 2000 + 200
    left = read_all(spool)
    assert left == list(range(left[0], 200))
    assert drops.totals() == {"spool_full": 3 * (left[0] - 1)}
    spool.settle(200)
    spool.close()


def test_a_tensor_table_outlives_the_rows_around_it(directory: Path, drops: Drops) -> None:
    spool = Spool(directory, drops, REGISTRATION, limit=2000, segment_bytes=200)
    spool.append(table(1, "old"))
    spool.append(table(2, "a", "b"))
    for sequence in range(3, 200):
        spool.append(rows(sequence))
    payloads = list(iter(spool.read, None))
    first = StreamTelemetryRequest.FromString(payloads[0])
    assert [tensor.name for tensor in first.description.tensors] == ["a", "b"]
    sequences = [split_sequence(payload)[0] for payload in payloads]
    assert sequences == list(range(sequences[0], 200))  # it took the place of the last row that was given up
    assert drops.totals() == {"spool_full": sequences[0] - 2}
    spool.settle(200)
    spool.close()


def test_the_bound_may_be_reached_while_reading(directory: Path, drops: Drops) -> None:
    spool = Spool(directory, drops, REGISTRATION, limit=2000, segment_bytes=200)
    spool.append(table(1, "a"))
    seen = []
    for sequence in range(2, 300):
        spool.append(rows(sequence))
        if sequence % 3 == 0:
            payload = spool.read()
            assert payload is not None
            seen.append(split_sequence(payload)[0])
    seen += read_all(spool)
    assert seen == sorted(seen)
    assert seen[-1] == 299
    spool.settle(300)
    spool.close()


def test_a_full_disk_loses_only_what_does_not_fit(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk takes half a record, then is full, then has room again."""
    spool.append(rows(1))
    write = os.write
    room = [5]

    def fill(descriptor: int, data: bytes) -> int:
        if not room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[: room.pop()])

    monkeypatch.setattr(os, "write", fill)
    with pytest.raises(OSError, match="No space"):
        spool.append(rows(2))
    monkeypatch.setattr(os, "write", write)
    spool.append(rows(3))
    assert read_all(spool) == [1, 3]


def test_requests_can_be_renumbered(spool: Spool) -> None:
    for sequence in range(1, 30):
        spool.append(rows(sequence))
    spool.settle(4)
    spool.rewrite(lambda payload: with_sequence(split_sequence(payload)[1], split_sequence(payload)[0] + 100))
    assert read_all(spool) == list(range(105, 130))


def test_spools_are_found_below_a_directory(spool: Spool, directory: Path, tmp_path: Path) -> None:
    assert spool_directories(tmp_path) == []
    assert not has_spool(directory)
    spool.append(rows(1))
    assert spool_directories(tmp_path) == [directory]
    assert has_spool(directory)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_damage_costs_what_it_hit_and_never_invents(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("spool")
    spool = Spool(directory, Drops("p/r"), REGISTRATION, segment_bytes=150)
    written = {sequence: rows(sequence) for sequence in range(1, 16)}
    for payload in written.values():
        spool.append(payload)
    spool.close()
    victim = data.draw(st.sampled_from(sorted(directory.glob("*.spool"))))
    endangered = {split_sequence(payload)[0] for _, payload in read_segment(victim) if isinstance(payload, bytes)}
    content = bytearray(victim.read_bytes())
    damage = data.draw(st.sampled_from(["flip", "cut", "append"]))
    if damage == "flip":
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    elif damage == "cut":
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        content += data.draw(st.binary(min_size=1, max_size=40))
    victim.write_bytes(content)

    drops = Drops("p/r")
    heir = Spool(directory, drops, REGISTRATION)
    read = list(iter(heir.read, None))
    sequences = [split_sequence(payload)[0] for payload in read]
    assert sequences == sorted(sequences)
    assert all(written[sequence] == payload for sequence, payload in zip(sequences, read, strict=True))
    missing = written.keys() - set(sequences)
    assert missing <= endangered
    assert damage != "append" or not missing
    if damage == "flip" or (damage == "append" and len(content)):
        assert drops.totals()["corrupt_spool"] >= 1  # a damaged length leads astray until the file ends
    heir.settle(15)
    heir.close()


class SpoolMachine(RuleBasedStateMachine):
    """A spool does what a list would do, whatever the order of calls, restarts included."""

    def __init__(self) -> None:
        super().__init__()
        self.root = tempfile.TemporaryDirectory()
        self.directory = Path(self.root.name) / "p" / "r"
        self.drops = Drops("p/r")
        self.spool = Spool(self.directory, self.drops, REGISTRATION, segment_bytes=120)
        self.model: list[int] = []
        self.cursor = 0
        self.next = 1

    @rule(count=st.integers(1, 6))
    def append(self, count: int) -> None:
        for _ in range(count):
            self.spool.append(rows(self.next))
            self.model.append(self.next)
            self.next += 1

    @rule()
    def read(self) -> None:
        payload = self.spool.read()
        if self.cursor < len(self.model):
            assert payload is not None
            assert split_sequence(payload)[0] == self.model[self.cursor]
            self.cursor += 1
        else:
            assert payload is None

    @precondition(lambda self: self.cursor > 0)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(1, self.cursor))
        self.spool.settle(self.model[count - 1])
        del self.model[:count]
        self.cursor -= count
        assert self.spool.empty == (not self.model)

    @rule()
    def rewind(self) -> None:
        self.spool.rewind()
        self.cursor = 0

    @rule()
    def restart(self) -> None:
        settled = self.spool.settled
        self.spool.close()
        self.spool = Spool(self.directory, self.drops, REGISTRATION, segment_bytes=120)
        self.spool.settle(settled)
        self.cursor = 0

    def teardown(self) -> None:
        assert self.drops.totals() == {}
        self.spool.close()
        self.root.cleanup()


TestSpoolMachine = SpoolMachine.TestCase
TestSpoolMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from paramedic_service.store.interface import Store, StoreError
from paramedic_service.store.log import PAGE_RECORDS
from paramedic_service.store.opening import open_store
from paramedic_service.store.records import Checkpoint, LogRecord, RunKey, RunState
from support.store_records import entry

KEY = RunKey("project", "run")


def run_of(store: Store, key: RunKey = KEY) -> int:
    return store.register(key, "name", 1.0).number


def sequences(store: Store, run: int) -> list[int | None]:
    return [record.sequence for record in store.read_log(run)]


def test_what_was_appended_is_read_back_in_order_with_growing_positions(store: Store) -> None:
    run = run_of(store)
    records = [LogRecord(run, n, 3, n * 10, n * 10 + 2, bytes([n]) * n) for n in range(1, 10)]

    positions = store.append(records[:4]) + store.append(records[4:])

    assert positions == sorted(set(positions))
    assert positions[0] > 0
    read = list(store.read_log(run))
    assert [record.position for record in read] == positions
    assert [(r.run, r.sequence, r.rows, r.first_step, r.last_step, r.body) for r in read] == [
        (r.run, r.sequence, r.rows, r.first_step, r.last_step, r.body) for r in records
    ]


def test_a_group_spans_runs_and_each_run_reads_only_its_own(store: Store) -> None:
    first, second = run_of(store), run_of(store, RunKey("project", "run", rank=1))

    store.append([entry(first, 1), entry(second, 1), entry(first, 2), entry(second, 5)])

    assert sequences(store, first) == [1, 2]
    assert sequences(store, second) == [1, 5]


def test_a_group_may_have_any_size(store: Store) -> None:
    run = run_of(store)
    last = 0
    for size in (1, 2, 3, 200, 255, 257, 20_000):
        positions = store.append([entry(run, n) for n in range(last + 1, last + size + 1)])
        last += size
        assert len(set(positions)) == size

    assert sequences(store, run) == list(range(1, last + 1))


def test_an_empty_group_is_nothing(store: Store) -> None:
    assert store.append([]) == []


def test_repeated_sequences_are_left_out_and_give_position_0(store: Store) -> None:
    run = run_of(store)
    store.append([entry(run, 1, body=b"first"), entry(run, 2)])

    positions = store.append([entry(run, 1, body=b"again"), entry(run, 2), entry(run, 3), entry(run, 3)])

    assert [position > 0 for position in positions] == [False, False, True, False]
    assert sequences(store, run) == [1, 2, 3]
    assert next(iter(store.read_log(run))).body == b"first"


def test_repetitions_count_neither_as_rows_nor_as_steps(store: Store) -> None:
    run = run_of(store)
    store.append([entry(run, 1, step=5, rows=4)])

    store.append([entry(run, 1, step=900, rows=4)])

    record = store.get_run(KEY)
    assert record is not None
    assert (record.rows, record.last_step, record.last_sequence) == (4, 5, 1)


def test_gaps_in_the_sequences_are_kept_and_never_filled_later(store: Store) -> None:
    run = run_of(store)
    store.append([entry(run, 3), entry(run, 7)])

    assert store.append([entry(run, 5)]) == [0]
    assert sequences(store, run) == [3, 7]


def test_the_services_own_entries_need_no_sequence_and_never_repeat(store: Store) -> None:
    run = run_of(store)

    positions = store.append([entry(run, 1), entry(run, None), entry(run, None), entry(run, 2)])

    assert 0 not in positions
    assert sequences(store, run) == [1, None, None, 2]


def test_appending_keeps_the_runs_rows_last_step_and_last_sequence(store: Store) -> None:
    run = run_of(store)

    store.append([entry(run, 1, step=10, rows=2), entry(run, 4, step=20, rows=3), entry(run, 5), entry(run, None)])

    record = store.get_run(KEY)
    assert record is not None
    assert (record.rows, record.last_step, record.last_sequence) == (7, 20, 5)


def test_a_group_with_an_unknown_run_is_refused_whole(store: Store) -> None:
    run = run_of(store)

    with pytest.raises(LookupError, match="no run has number"):
        store.append([entry(run, 1), entry(run + 1, 1)])

    assert sequences(store, run) == []
    assert store.append([entry(run, 1)]) != [0]


def test_a_group_that_the_database_refuses_leaves_nothing_behind_and_can_be_repeated(store: Store) -> None:
    run = run_of(store)
    other = run_of(store, RunKey("project", "other"))
    good = [entry(run, n, step=n) for n in range(1, 260)]

    with pytest.raises((StoreError, OverflowError)):  # beyond 64 bits, in the second statement of the transaction
        store.append([*good, entry(other, 1, step=2**70)])

    record = store.get_run(KEY)
    assert record is not None
    assert (record.rows, record.last_sequence) == (0, 0)
    assert sequences(store, run) == []
    assert 0 not in store.append(good)


def test_reading_starts_behind_a_position(store: Store) -> None:
    run = run_of(store)
    positions = store.append([entry(run, n) for n in range(1, 6)])

    assert [record.sequence for record in store.read_log(run, after=positions[2])] == [4, 5]
    assert list(store.read_log(run, after=positions[-1])) == []


def test_reading_an_unknown_run_gives_nothing(store: Store) -> None:
    assert list(store.read_log(12345)) == []


def test_reading_a_range_of_steps_gives_the_entries_that_overlap_it_and_those_without_steps(store: Store) -> None:
    run = run_of(store)
    store.append([entry(run, 1)])
    store.append([LogRecord(run, 1 + n, 10, n * 10, n * 10 + 9, b"") for n in range(1, 9)])
    store.append([entry(run, None)])

    def steps(first: int | None, last: int | None) -> list[int | None]:
        return [record.first_step for record in store.read_log(run, first_step=first, last_step=last)]

    assert steps(35, 51) == [None, 30, 40, 50, None]
    assert steps(39, 40) == [None, 30, 40, None]
    assert steps(70, None) == [None, 70, 80, None]
    assert steps(None, 19) == [None, 10, None]
    assert steps(500, 600) == [None, None]


def test_reading_pages_through_a_log_of_any_length(store: Store) -> None:
    run, other = run_of(store), run_of(store, RunKey("project", "other"))
    count = 3 * PAGE_RECORDS
    store.append([entry(each, n) for n in range(1, count + 1) for each in (run, other)])

    assert sequences(store, run) == list(range(1, count + 1))


def test_reading_sees_what_is_appended_while_it_goes_on(store: Store) -> None:
    run = run_of(store)
    store.append([entry(run, n) for n in range(1, PAGE_RECORDS + 1)])
    reading = store.read_log(run)
    next(reading)

    store.append([entry(run, PAGE_RECORDS + 1)])

    assert [record.sequence for record in reading][-1] == PAGE_RECORDS + 1


def test_huge_bodies_come_back_as_they_were(store: Store) -> None:
    run = run_of(store)
    bodies = [bytes(range(256)) * (n * 2**20 // 256) for n in (8, 1, 4)]

    store.append([entry(run, n, body=body) for n, body in enumerate(bodies, 1)])

    assert [record.body for record in store.read_log(run)] == bodies


def test_the_log_goes_on_where_it_was_after_a_restart(url: str) -> None:
    before = open_store(url)
    run = run_of(before)
    last = before.append([entry(run, 1, step=3, rows=2), entry(run, 2, step=4, rows=2)])[-1]
    before.close()

    after = open_store(url)
    positions = after.append([entry(run, 2), entry(run, 3, step=9, rows=1)])

    assert positions[0] == 0
    assert positions[1] > last
    assert sequences(after, run) == [1, 2, 3]
    record = after.get_run(KEY)
    assert record is not None
    assert (record.rows, record.last_step, record.last_sequence) == (5, 9, 3)
    after.close()


def test_threads_write_and_read_at_once_and_nothing_is_lost(store: Store) -> None:
    threads, groups, size = 6, 15, 5
    runs = [run_of(store, RunKey("project", str(n))) for n in range(threads)]
    start = threading.Barrier(threads + 2)
    done = threading.Event()

    def write(run: int) -> list[int]:
        start.wait()
        positions: list[int] = []
        for first in range(1, groups * size, size):
            positions += store.append([entry(run, n, body=b"x" * 3000) for n in range(first, first + size)])
            store.register(RunKey("registered by all", str(first)), "name", 1.0)
            store.checkpoint([Checkpoint(run, positions[-1], RunState.RUNNING, None)], 1.0)
        return positions

    def read() -> bool:
        start.wait()
        ordered = True
        while not done.is_set():
            for run in runs:
                found = sequences(store, run)
                ordered &= found == list(range(1, len(found) + 1)) and len(found) % size == 0
        return ordered

    with ThreadPoolExecutor(threads + 2) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            writers = [pool.submit(write, run) for run in runs]
            positions = [writer.result() for writer in writers]
        finally:
            done.set()
        assert all(reader.result() for reader in readers)

    everything = [position for of_run in positions for position in of_run]
    assert sorted(everything) == list(range(1, threads * groups * size + 1))
    for run, of_run in zip(runs, positions, strict=True):
        assert [record.position for record in store.read_log(run)] == of_run
    folded = {record.number: record.folded_position for record in store.list_runs(project="project").items}
    assert folded == {run: of_run[-1] for run, of_run in zip(runs, positions, strict=True)}
    assert len(store.list_runs(project="registered by all").items) == groups

import math

import pytest

from paramedic_service.store.interface import Store
from paramedic_service.store.opening import open_store
from paramedic_service.store.records import Checkpoint, RunKey, RunRecord, RunState
from support.store_records import entry, finding

KEY = RunKey("project", "run")

STRANGE_NAMES = [
    "",
    "ünïcødé",
    "训练-损失",
    "🚑 paramedic 🚑",
    "e\u0301 and \u00e9",
    "nul\0inside\0\0",
    "back\\slash \\0 \\\\ \\",
    "\\\0\\\\0",
    "'; DROP TABLE runs; --",
    "line\nbreak\ttab\r",
    "%s ? :name {0}",
    "\u202eright to left",
    "x" * 5000,
]


def found(store: Store, key: RunKey = KEY) -> RunRecord:
    record = store.get_run(key)
    assert record is not None
    return record


def everything(store: Store, limit: int, **filters: object) -> list[list[RunRecord]]:
    """All pages of a listing."""
    pages = [store.list_runs(limit=limit, **filters)]  # type: ignore[arg-type]
    while pages[-1].next_token is not None:
        pages.append(store.list_runs(limit=limit, token=pages[-1].next_token, **filters))  # type: ignore[arg-type]
    return [list(page.items) for page in pages]


def test_a_new_run_is_running_and_has_nothing_yet(store: Store) -> None:
    created = store.register(KEY, "a name", 123.5)

    assert created == RunRecord(
        number=created.number,
        key=KEY,
        name="a name",
        state=RunState.RUNNING,
        created_at=123.5,
        last_report_at=None,
        last_step=None,
        rows=0,
        last_sequence=0,
        open_findings=0,
        folded_position=0,
        updated_at=123.5,
    )
    assert found(store) == created


def test_registering_again_gives_the_run_as_it_stands(store: Store) -> None:
    run = store.register(KEY, "first", 1.0).number
    store.append([entry(run, 4, step=7)])

    again = store.register(KEY, "second", 2.0)

    assert again == found(store)
    assert (again.number, again.name, again.created_at, again.last_sequence) == (run, "first", 1.0, 4)


def test_runs_differ_by_every_part_of_their_key(store: Store) -> None:
    keys = [KEY, RunKey("other", "run"), RunKey("project", "other"), RunKey("project", "run", 1)]
    keys += [RunKey("project", "run", 0, 1), RunKey("project", "run", 2**32 - 1, 2**32 - 1)]

    numbers = [store.register(key, "name", 1.0).number for key in keys]

    assert numbers == sorted(set(numbers))
    assert [found(store, key).number for key in keys] == numbers


def test_a_run_that_was_never_registered_is_not_found(store: Store) -> None:
    assert store.get_run(KEY) is None


def test_names_may_be_any_unicode(store: Store) -> None:
    keys = [RunKey(name[:128], name[:128]) for name in STRANGE_NAMES]
    runs = [store.register(key, name, 1.0) for key, name in zip(keys, STRANGE_NAMES, strict=True)]
    for run in runs:
        found_here = [finding(run.key, run.key.id, 1.0)]
        store.checkpoint([Checkpoint(run.number, 0, RunState.RUNNING, None, found_here)], 1.0)

    for key, name, run in zip(keys, STRANGE_NAMES, runs, strict=True):
        record = found(store, key)
        assert (record.key, record.name, record.number) == (key, name, run.number)
        assert [each.number for each in store.list_runs(project=key.project).items] == [run.number]
        (kept,) = store.list_findings(project=key.project, run_id=key.id, rule=key.id).items
        assert (kept.run, kept.rule) == (key, key.id)


def test_a_checkpoint_is_kept_across_a_restart(url: str) -> None:
    before = open_store(url)
    run = before.register(KEY, "name", 1.0).number
    position = before.append([entry(run, 1)])[-1]
    before.checkpoint(
        [Checkpoint(run, position, RunState.FAILED, 55.5, [finding(KEY, "rule", 9.0, body=b"\0\xff")], b"state")], 77.0
    )
    before.close()

    after = open_store(url)
    record = found(after)
    assert (record.state, record.last_report_at, record.folded_position) == (RunState.FAILED, 55.5, position)
    assert (record.open_findings, record.updated_at, record.created_at) == (1, 77.0, 1.0)
    assert after.snapshot(run) == (position, b"state")
    assert after.list_findings().items == [finding(KEY, "rule", 9.0, body=b"\0\xff")]
    after.close()


def test_checkpoints_of_many_runs_go_together(store: Store) -> None:
    runs = [store.register(RunKey("project", str(n)), "name", 1.0) for n in range(300)]

    store.checkpoint(
        [Checkpoint(run.number, n, RunState.RUNNING, float(n), snapshot=b"%d" % n) for n, run in enumerate(runs)], 2.0
    )

    for n, run in enumerate(runs):
        record = found(store, run.key)
        assert (record.folded_position, record.last_report_at) == (n, float(n))
        assert store.snapshot(run.number) == (n, b"%d" % n)


def test_an_empty_checkpoint_is_nothing(store: Store) -> None:
    store.checkpoint([], 1.0)


def test_a_snapshot_replaces_the_older_one_and_stays_when_a_checkpoint_brings_none(store: Store) -> None:
    run = store.register(KEY, "name", 1.0).number
    assert store.snapshot(run) is None

    store.checkpoint([Checkpoint(run, 1, RunState.RUNNING, None, snapshot=b"one")], 1.0)
    store.checkpoint([Checkpoint(run, 2, RunState.RUNNING, None, snapshot=b"two" * 1_000_000)], 1.0)
    store.checkpoint([Checkpoint(run, 3, RunState.RUNNING, None)], 1.0)

    assert store.snapshot(run) == (2, b"two" * 1_000_000)
    assert found(store).folded_position == 3


@pytest.mark.parametrize("clock", [math.nan, math.inf, -math.inf])
def test_a_client_clock_that_tells_no_time_is_stored_as_unknown(store: Store, clock: float) -> None:
    run = store.register(KEY, "name", 1.0).number

    store.checkpoint([Checkpoint(run, 1, RunState.RUNNING, clock)], 1.0)

    assert found(store).last_report_at is None


@pytest.mark.parametrize("clock", [math.nan, math.inf])
def test_a_service_clock_that_tells_no_time_is_refused_and_changes_nothing(store: Store, clock: float) -> None:
    run = store.register(KEY, "name", 1.0).number

    with pytest.raises(ValueError, match="now"):
        store.checkpoint([Checkpoint(run, 5, RunState.RUNNING, 1.0)], clock)
    with pytest.raises(ValueError, match="changed_at"):
        store.checkpoint([Checkpoint(run, 5, RunState.RUNNING, 1.0, [finding(KEY, "rule", clock)], b"state")], 1.0)
    with pytest.raises(ValueError, match="now"):
        store.register(RunKey("project", "other"), "name", clock)

    assert found(store).folded_position == 0
    assert store.snapshot(run) is None
    assert store.list_findings().items == []


def test_a_checkpoint_of_an_unknown_run_is_refused_with_all_that_go_with_it(store: Store) -> None:
    run = store.register(KEY, "name", 1.0).number
    known = Checkpoint(run, 5, RunState.RUNNING, 1.0, [finding(KEY, "rule", 1.0)], b"state")

    with pytest.raises(LookupError):
        store.checkpoint([known, Checkpoint(run + 1, 5, RunState.RUNNING, 1.0)], 1.0)

    assert found(store).folded_position == 0
    assert store.snapshot(run) is None
    assert store.list_findings().items == []


def test_a_run_goes_on_after_its_end_was_recorded(store: Store) -> None:
    run = store.register(KEY, "name", 1.0).number
    store.append([entry(run, 1, step=1)])
    store.checkpoint([Checkpoint(run, 1, RunState.FINISHED, 1.0)], 1.0)

    positions = store.append([entry(run, 1), entry(run, 2, step=2)])

    assert [position > 0 for position in positions] == [False, True]
    assert (found(store).rows, found(store).last_step) == (2, 2)


def test_runs_to_take_up_are_those_running_or_with_a_log_beyond_the_fold(store: Store) -> None:
    keys = [RunKey("project", name) for name in ("running", "finished", "finished, not folded", "failed", "silent")]
    running, finished, behind, failed, silent = (store.register(key, "name", 1.0).number for key in keys)
    ends = store.append([entry(run, 1) for run in (running, finished, behind, failed)])
    store.checkpoint(
        [
            Checkpoint(running, ends[0], RunState.RUNNING, None),
            Checkpoint(finished, ends[1], RunState.FINISHED, None),
            Checkpoint(behind, ends[2] - 1, RunState.FINISHED, None),
            Checkpoint(failed, ends[3], RunState.FAILED, None),
        ],
        1.0,
    )

    assert [record.number for record in store.unfolded()] == [running, behind, silent]


def test_runs_are_listed_newest_first_a_page_at_a_time(store: Store) -> None:
    numbers = [store.register(RunKey("project", str(n)), "name", float(-n)).number for n in range(7)]

    pages = everything(store, 3)

    assert [len(page) for page in pages] == [3, 3, 1]
    assert [record.number for page in pages for record in page] == numbers[::-1]


def test_a_page_that_ends_the_listing_exactly_has_no_token(store: Store) -> None:
    for n in range(4):
        store.register(RunKey("project", str(n)), "name", 1.0)

    assert [len(page) for page in everything(store, 2)] == [2, 2]


def test_runs_that_come_in_between_pages_shift_nothing(store: Store) -> None:
    numbers = [store.register(RunKey("project", str(n)), "name", 1.0).number for n in range(4)]
    first = store.list_runs(limit=2)

    store.register(RunKey("project", "late"), "name", 1.0)

    second = store.list_runs(limit=2, token=first.next_token)
    assert [record.number for record in [*first.items, *second.items]] == numbers[::-1]


def test_runs_are_filtered_by_project_and_state(store: Store) -> None:
    states = [RunState.RUNNING, RunState.FINISHED, RunState.FAILED]
    runs = {
        (project, state): store.register(RunKey(project, state.name), "name", 1.0).number
        for project in ("one", "two")
        for state in states
    }
    store.checkpoint([Checkpoint(run, 0, state, None) for (_, state), run in runs.items()], 1.0)

    def listed(**filters: object) -> set[int]:
        return {record.number for page in everything(store, 2, **filters) for record in page}

    assert listed() == set(runs.values())
    assert listed(project="one") == {run for (project, _), run in runs.items() if project == "one"}
    assert listed(state=RunState.FAILED) == {run for (_, state), run in runs.items() if state is RunState.FAILED}
    assert listed(project="two", state=RunState.FINISHED) == {runs["two", RunState.FINISHED]}
    assert listed(project="three") == set()


def test_the_attempts_and_ranks_of_a_run_are_listed_together(store: Store) -> None:
    keys = [RunKey("project", name, attempt, rank) for name in ("a", "b") for attempt in (0, 1) for rank in (0, 1)]
    for key in [*keys, RunKey("other", "a")]:
        store.register(key, "name", 1.0)

    pages = everything(store, 3, project="project", run_id="a")

    assert [record.key for page in pages for record in page] == keys[:4][::-1]


def test_a_token_of_nothing_is_refused(store: Store) -> None:
    for token in ("", "x", "-1", "1.5", "0x1p+0:3", "9" * 30, "\N{ARABIC-INDIC DIGIT THREE}"):
        with pytest.raises(ValueError, match="not a page token"):
            store.list_runs(token=token)

import math

import pytest

from paramedic_service.store.interface import Store
from paramedic_service.store.records import Checkpoint, IncidentsRecord, RunKey, RunState

KEY = RunKey("project", "run")


def record(key: RunKey, changed_at: float, *, is_open: bool = True, body: bytes = b"incidents") -> IncidentsRecord:
    return IncidentsRecord(key, is_open, changed_at, body)


def save(store: Store, *records: IncidentsRecord) -> None:
    for each in records:
        run = store.register(each.run, "name", 1.0).number
        store.checkpoint([Checkpoint(run, 0, RunState.RUNNING, None, incidents=each)], 1.0)


def everything(store: Store, limit: int = 100, **filters: object) -> list[IncidentsRecord]:
    """All pages of a listing, joined."""
    page = store.list_incidents(limit=limit, **filters)  # type: ignore[arg-type]
    records = list(page.items)
    while page.next_token is not None:
        assert len(page.items) == limit
        page = store.list_incidents(limit=limit, token=page.next_token, **filters)  # type: ignore[arg-type]
        records += page.items
    return records


def test_the_incidents_of_runs_are_listed_the_latest_change_first_whatever_the_page(store: Store) -> None:
    records = [record(RunKey("project", str(n)), time) for n, time in enumerate([3.0, 1.0, 1e9 + 0.1, 5.0, 5.0])]
    save(store, *records)

    for limit in (1, 2, 3, 100):
        found = everything(store, limit)
        assert [each.changed_at for each in found] == [1e9 + 0.1, 5.0, 5.0, 3.0, 1.0]
        assert {each.run for each in found} == {each.run for each in records}


def test_newer_incidents_replace_all_older_ones_of_the_run(store: Store) -> None:
    other = RunKey("project", "other")
    save(store, record(KEY, 1.0), record(other, 2.0))

    save(store, record(KEY, 3.0, is_open=False, body=b"over"))

    assert everything(store) == [record(KEY, 3.0, is_open=False, body=b"over"), record(other, 2.0)]


def test_a_checkpoint_without_incidents_keeps_the_older_ones(store: Store) -> None:
    save(store, record(KEY, 1.0))
    run = store.register(KEY, "name", 1.0).number

    store.checkpoint([Checkpoint(run, 0, RunState.FINISHED, None)], 2.0)

    assert everything(store) == [record(KEY, 1.0)]


def test_incidents_are_filtered_by_project_run_and_standing(store: Store) -> None:
    records = [
        record(RunKey(project, run, attempt), float(n), is_open=attempt == 0)
        for n, (project, run, attempt) in enumerate((p, r, a) for p in ("p", "q") for r in ("r", "s") for a in (0, 1))
    ]
    save(store, *records)
    records.reverse()

    assert everything(store, 3, project="p") == [each for each in records if each.run.project == "p"]
    assert everything(store, 1, run_id="s") == [each for each in records if each.run.id == "s"]
    assert everything(store, 3, open_only=True) == [each for each in records if each.open]
    assert everything(store, project="q", run_id="r", open_only=True) == [record(RunKey("q", "r", 0), 4.0)]


def test_a_time_that_is_none_stores_nothing(store: Store) -> None:
    with pytest.raises(ValueError, match="changed_at of incidents"):
        save(store, record(KEY, math.nan))
    assert everything(store) == []


def test_a_token_of_nothing_is_refused(store: Store) -> None:
    for token in ("", "7", "x:1", "nan:1", "1:2:3"):
        with pytest.raises(ValueError, match="not a page token"):
            store.list_incidents(token=token)

import math
from dataclasses import replace

import pytest

from paramedic_service.store.interface import Store
from paramedic_service.store.opening import open_store
from paramedic_service.store.records import (
    ReproductionRecord,
    ReproductionResult,
    ReproductionState,
    RunKey,
    VerdictRecord,
)

QUEUED, RUNNING, FINISHED = ReproductionState.QUEUED, ReproductionState.RUNNING, ReproductionState.FINISHED
RESULT = ReproductionResult(b"with curves" * 100_000, "<html>\0 ünïcødé \\0</html>")


def record(name: str = "id", **changes: object) -> ReproductionRecord:
    new = ReproductionRecord(
        id=name,
        project="project",
        run=None,
        incident="",
        scenario="",
        state=QUEUED,
        priority=0,
        created_at=1.5,
        started_at=None,
        ended_at=None,
        attempts=0,
        losses=0,
        settled=False,
        body=b"\0body\xff",
    )
    return replace(new, **changes)  # type: ignore[arg-type]


def everything(store: Store, limit: int = 100, **filters: object) -> list[ReproductionRecord]:
    """All pages of a listing, joined."""
    page = store.list_reproductions(limit=limit, **filters)  # type: ignore[arg-type]
    records = list(page.items)
    while page.next_token is not None:
        assert len(page.items) == limit
        page = store.list_reproductions(limit=limit, token=page.next_token, **filters)  # type: ignore[arg-type]
        records += page.items
    return records


def test_a_reproduction_is_found_as_it_was_created(store: Store) -> None:
    of_a_run = record("a", run=RunKey("other", "run", 2, 3), incident="cause", priority=-100)
    of_a_scenario = record("b", scenario="exploding \0 \\0")

    for new in (of_a_run, of_a_scenario):
        created = store.create_reproduction(new)
        assert created == replace(new, number=created.number)
        assert store.get_reproduction(new.id) == created
        assert store.reproduction_result(created.number) is None


def test_what_was_never_created_is_not_found(store: Store) -> None:
    assert store.get_reproduction("id") is None
    assert store.reproduction_result(7) is None
    with pytest.raises(LookupError, match="no reproduction has number 7"):
        store.update_reproduction(record(number=7), QUEUED)


def test_a_second_reproduction_of_one_id_is_refused(store: Store) -> None:
    created = store.create_reproduction(record())

    with pytest.raises(ValueError, match="another id"):
        store.create_reproduction(record(priority=5))

    assert everything(store) == [created]


def test_a_change_is_kept_across_a_restart(url: str) -> None:
    before = open_store(url)
    created = before.create_reproduction(record(run=RunKey("project", "run")))
    started = replace(created, state=RUNNING, started_at=2.25, attempts=1, body=b"started")
    assert before.update_reproduction(started, was=QUEUED)
    before.close()

    after = open_store(url)
    assert after.get_reproduction("id") == started
    ended = replace(started, state=FINISHED, ended_at=3.0, losses=1, settled=True, priority=2, body=b"ended")
    assert after.update_reproduction(ended, RUNNING, RESULT)
    after.close()

    last = open_store(url)
    assert last.get_reproduction("id") == ended
    assert last.reproduction_result(created.number) == RESULT
    last.close()


def test_an_end_is_recorded_once(store: Store) -> None:
    created = store.create_reproduction(record())
    ended = replace(created, state=FINISHED, ended_at=3.0)
    store.update_reproduction(ended, QUEUED, RESULT)

    for state in (FINISHED, ReproductionState.CANCELLED):
        assert not store.update_reproduction(replace(created, state=state), RUNNING, ReproductionResult(b"", ""))

    assert store.get_reproduction("id") == ended
    assert store.reproduction_result(created.number) == RESULT


def test_a_change_without_a_result_keeps_the_result(store: Store) -> None:
    created = store.create_reproduction(record())
    ended = replace(created, state=FINISHED)
    store.update_reproduction(ended, QUEUED, RESULT)

    store.update_reproduction(replace(ended, settled=True), FINISHED)

    assert store.reproduction_result(created.number) == RESULT


@pytest.mark.parametrize("clock", [math.nan, math.inf])
def test_a_clock_that_tells_no_time_is_refused_and_changes_nothing(store: Store, clock: float) -> None:
    created = store.create_reproduction(record())

    with pytest.raises(ValueError, match="created_at"):
        store.create_reproduction(record("other", created_at=clock))
    for name in ("started_at", "ended_at"):
        with pytest.raises(ValueError, match=name):
            store.update_reproduction(replace(created, state=RUNNING, **{name: clock}), QUEUED, RESULT)

    assert everything(store) == [created]
    assert store.reproduction_result(created.number) is None


def test_reproductions_to_take_up_are_those_that_are_not_settled_the_oldest_first(store: Store) -> None:
    made = {
        (state, settled): store.create_reproduction(record(f"{state}{settled}", state=state, settled=settled))
        for settled in (True, False)
        for state in ReproductionState
    }

    assert store.unsettled_reproductions() == [made[state, False] for state in ReproductionState]


def test_reproductions_are_listed_newest_first_whatever_the_page(store: Store) -> None:
    created = [store.create_reproduction(record(str(n), created_at=float(-n))) for n in range(7)]

    for limit in (1, 2, 3, 7, 100):
        assert everything(store, limit) == created[::-1]


def test_reproductions_that_come_in_between_pages_shift_nothing(store: Store) -> None:
    created = [store.create_reproduction(record(str(n))) for n in range(4)]
    first = store.list_reproductions(limit=2)

    store.create_reproduction(record("late"))

    second = store.list_reproductions(limit=2, token=first.next_token)
    assert [*first.items, *second.items] == created[::-1]


def test_reproductions_are_filtered_by_project_run_and_state(store: Store) -> None:
    records = [
        store.create_reproduction(
            record(f"{project}{run}{state}", project=project, run=run and RunKey("any", run, 4), state=state)
        )
        for project in ("p", "q")
        for run in (None, "r", "s")
        for state in ReproductionState
    ]
    records.reverse()

    def kept(condition: object) -> list[ReproductionRecord]:
        return [each for each in records if condition(each)]  # type: ignore[operator]

    assert everything(store, 7, project="p") == kept(lambda each: each.project == "p")
    assert everything(store, 3, run_id="s") == kept(lambda each: each.run is not None and each.run.id == "s")
    assert everything(store, 2, state=RUNNING) == kept(lambda each: each.state is RUNNING)
    assert everything(store, 1, project="q", run_id="r", state=QUEUED) == kept(
        lambda each: each.project == "q" and each.run is not None and each.run.id == "r" and each.state is QUEUED
    )
    assert everything(store, project="r") == []


def test_a_token_of_nothing_is_refused(store: Store) -> None:
    for token in ("", "x", "-1", "1.5", "9" * 30):
        with pytest.raises(ValueError, match="not a page token"):
            store.list_reproductions(token=token)


def test_verdicts_are_told_by_run_newest_first(store: Store) -> None:
    one, other, third = RunKey("project", "run", 0, 0), RunKey("project", "run", 1, 0), RunKey("project", "third")
    for name, run in (("a", one), ("b", other), ("c", one), ("d", third), ("e", one), ("f", None)):
        created = store.create_reproduction(record(name, run=run, incident=f"of {name}"))
        if name != "e":
            store.update_reproduction(replace(created, state=FINISHED, verdict=name.encode()), QUEUED)

    assert store.verdicts([one, other]) == [
        VerdictRecord(one, "of c", "c", b"c"),
        VerdictRecord(other, "of b", "b", b"b"),
        VerdictRecord(one, "of a", "a", b"a"),
    ]
    assert store.verdicts([]) == []
    assert store.verdicts([RunKey("project", "never")]) == []

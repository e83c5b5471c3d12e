import pytest

from paramedic_service.store.interface import Store
from paramedic_service.store.records import Checkpoint, FindingRecord, RunKey, RunState
from support.store_records import finding

KEY = RunKey("project", "run")


def save(store: Store, *records: FindingRecord) -> None:
    for record in records:
        run = store.register(record.run, "name", 1.0).number
        store.checkpoint([Checkpoint(run, 0, RunState.RUNNING, None, [record])], 1.0)


def everything(store: Store, limit: int = 100, **filters: object) -> list[FindingRecord]:
    """All pages of a listing, joined."""
    page = store.list_findings(limit=limit, **filters)  # type: ignore[arg-type]
    records = list(page.items)
    while page.next_token is not None:
        assert len(page.items) == limit
        page = store.list_findings(limit=limit, token=page.next_token, **filters)  # type: ignore[arg-type]
        records += page.items
    return records


def test_findings_are_listed_the_latest_change_first_whatever_the_page(store: Store) -> None:
    times = [3.0, 1.0, 1e9 + 0.1, 2.0, 1e9 + 0.1000001, 0.1, 0.1 + 0.2]
    records = [finding(KEY, str(n), time) for n, time in enumerate(times)]
    save(store, *records)

    expected = sorted(records, key=lambda record: record.changed_at, reverse=True)
    for limit in (1, 2, 3, 7, 100):
        assert everything(store, limit) == expected


def test_findings_that_changed_at_the_same_time_are_each_listed_once(store: Store) -> None:
    save(store, *(finding(KEY, str(n), 5.0) for n in range(7)))

    assert sorted(record.rule for record in everything(store, 2)) == [str(n) for n in range(7)]


def test_a_newer_version_replaces_the_finding_of_its_run_and_rule(store: Store) -> None:
    other = RunKey("project", "other")
    save(store, finding(KEY, "rule", 1.0), finding(other, "rule", 2.0), finding(KEY, "rule 2", 3.0))

    save(store, finding(KEY, "rule", 4.0, severity=3, is_open=False, body=b"resolved"))

    assert everything(store) == [
        finding(KEY, "rule", 4.0, severity=3, is_open=False, body=b"resolved"),
        finding(KEY, "rule 2", 3.0),
        finding(other, "rule", 2.0),
    ]


def test_a_run_counts_its_open_findings(store: Store) -> None:
    other = RunKey("project", "other")

    def counts() -> list[int]:
        records = [store.get_run(key) for key in (KEY, other)]
        return [record.open_findings for record in records if record is not None]

    save(store, finding(KEY, "a", 1.0), finding(KEY, "b", 1.0), finding(other, "a", 1.0))
    assert counts() == [2, 1]
    save(store, finding(KEY, "a", 2.0, is_open=False))
    assert counts() == [1, 1]
    save(store, finding(KEY, "a", 3.0))
    assert counts() == [2, 1]


def test_a_finding_that_changes_between_pages_is_not_listed_twice(store: Store) -> None:
    save(store, *(finding(KEY, str(n), float(n)) for n in range(4)))
    first = store.list_findings(limit=2)

    save(store, finding(KEY, "3", 10.0), finding(KEY, "1", 11.0))

    second = store.list_findings(limit=2, token=first.next_token)
    assert [record.rule for record in [*first.items, *second.items]] == ["3", "2", "0"]


def test_findings_are_filtered_by_project_run_rule_severity_and_standing(store: Store) -> None:
    records = [
        finding(RunKey(project, run, attempt), rule, float(n), severity=severity, is_open=is_open)
        for n, (project, run, attempt, rule, severity, is_open) in enumerate(
            (project, run, attempt, rule, severity, is_open)
            for project in ("p", "q")
            for run in ("r", "s")
            for attempt in (0, 1)
            for rule, severity, is_open in (("info", 1, True), ("warning", 2, False), ("critical", 3, True))
        )
    ]
    save(store, *records)
    records.reverse()

    def kept(condition: object) -> list[FindingRecord]:
        return [record for record in records if condition(record)]  # type: ignore[operator]

    assert everything(store, 5) == records
    assert everything(store, 5, project="p") == kept(lambda record: record.run.project == "p")
    assert everything(store, 5, run_id="s") == kept(lambda record: record.run.id == "s")
    assert everything(store, 5, rule="warning") == kept(lambda record: record.rule == "warning")
    assert everything(store, 5, min_severity=2) == kept(lambda record: record.severity >= 2)
    assert everything(store, 5, open_only=True) == kept(lambda record: record.open)
    assert everything(store, 1, project="q", run_id="r", rule="critical", min_severity=3, open_only=True) == kept(
        lambda record: record.run.project == "q" and record.run.id == "r" and record.rule == "critical"
    )
    assert everything(store, rule="warning", open_only=True) == []


def test_a_token_of_nothing_is_refused(store: Store) -> None:
    for token in ("", "7", "x:1", "0x1p+0:y", "nan:1", "inf:1", "1:2:3", "0x1p+5000:1", "1:" + "9" * 30):
        with pytest.raises(ValueError, match="not a page token"):
            store.list_findings(token=token)

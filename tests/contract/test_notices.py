import math

import pytest

from paramedic_service.store.interface import Store
from paramedic_service.store.records import NoticeRecord, RunKey


@pytest.fixture
def run(store: Store) -> RunKey:
    return store.register(RunKey("project", "run", 1, 2), "name", 1.0).key


def test_what_was_told_stands_until_its_end_is_told(store: Store, run: RunKey) -> None:
    told = [NoticeRecord(run, "a\0é", 2, 5.5), NoticeRecord(run, "b", 3, 6.0)]
    for notice in told:
        store.keep_notice(notice)
    assert store.standing_notices() == told

    store.drop_notice(run, "b")
    store.drop_notice(run, "never told")
    store.drop_notice(RunKey("project", "unknown"), "a")

    assert store.standing_notices() == told[:1]


def test_a_newer_notice_of_an_incident_replaces_the_older(store: Store, run: RunKey) -> None:
    store.keep_notice(NoticeRecord(run, "a", 2, 5.0))
    store.keep_notice(NoticeRecord(run, "a", 3, 7.0))
    assert store.standing_notices() == [NoticeRecord(run, "a", 3, 7.0)]


def test_a_notice_of_an_unknown_run_or_time_is_refused(store: Store, run: RunKey) -> None:
    with pytest.raises(LookupError, match="never registered"):
        store.keep_notice(NoticeRecord(RunKey("project", "other"), "a", 2, 5.0))
    with pytest.raises(ValueError, match="told_at"):
        store.keep_notice(NoticeRecord(run, "a", 2, math.nan))
    assert store.standing_notices() == []

import math
import os

import pytest

from paramedic_service.store.interface import Store
from paramedic_service.store.opening import open_store
from paramedic_service.store.records import RunKey, SampleRecord

KEY = RunKey("project", "run")


def sample(key: RunKey = KEY, shared_at: float = 5.5, contents: bytes = b"contents") -> SampleRecord:
    return SampleRecord(key, shared_at, b"header", contents)


def test_the_newest_sample_of_a_run_is_kept(store: Store) -> None:
    other = RunKey("project", "run", 1)
    for key in (KEY, other):
        store.register(key, "name", 1.0)
        store.keep_sample(sample(key, 2.0, b"older"))

    store.keep_sample(sample(shared_at=3.25, contents=b"newer"))

    assert store.sample(KEY) == sample(shared_at=3.25, contents=b"newer")
    assert store.sample_shared_at(KEY) == 3.25
    assert store.sample(other) == sample(other, 2.0, b"older")


def test_a_run_without_a_sample_has_none(store: Store) -> None:
    store.register(KEY, "name", 1.0)

    for key in (KEY, RunKey("project", "unknown")):
        assert store.sample(key) is None
        assert store.sample_shared_at(key) is None


def test_the_sample_of_a_run_that_was_never_registered_is_refused(store: Store) -> None:
    with pytest.raises(LookupError, match="never registered"):
        store.keep_sample(sample())


def test_a_time_that_is_none_stores_nothing(store: Store) -> None:
    store.register(KEY, "name", 1.0)

    with pytest.raises(ValueError, match="shared_at of a sample"):
        store.keep_sample(sample(shared_at=math.nan))

    assert store.sample(KEY) is None


def test_megabytes_of_any_bytes_outlive_the_store(url: str) -> None:
    contents = os.urandom(5 << 20)
    store = open_store(url)
    store.register(KEY, "name", 1.0)
    store.keep_sample(sample(contents=contents))
    store.close()

    store = open_store(url)

    assert store.sample(KEY) == sample(contents=contents)
    store.close()

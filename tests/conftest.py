"""What all tests have in common."""

import gc

import pytest


@pytest.fixture(scope="module", autouse=True)
def _what_is_there_is_not_looked_through_again() -> None:
    """Keeps collections short: a process that has several frameworks loaded would spend a second on each."""
    gc.collect()
    gc.freeze()

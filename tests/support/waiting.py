"""Waiting for a condition instead of for time."""

import time
from collections.abc import Callable

DEADLINE = 30.0


def wait_until(condition: Callable[[], object], deadline: float = DEADLINE) -> None:
    """Returns as soon as the condition holds; fails when it does not within the deadline, seconds."""
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.005)

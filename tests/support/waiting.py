"""Waiting for a condition instead of for time."""

import asyncio
import time
from collections.abc import Callable

DEADLINE = 30.0


def wait_until(condition: Callable[[], object], deadline: float = DEADLINE) -> None:
    """Returns as soon as the condition holds; fails when it does not within the deadline, seconds."""
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.005)


async def eventually(satisfied: Callable[[], object]) -> None:
    """Waits for something that nothing announces, beside what runs on the event loop."""
    async with asyncio.timeout(DEADLINE):
        while not satisfied():  # noqa: ASYNC110 (nothing announces it)
            await asyncio.sleep(0.01)

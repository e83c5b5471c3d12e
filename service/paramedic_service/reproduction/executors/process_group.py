"""The end of a process and of all that it started, as the service sees it."""

import asyncio
import os
import signal
from contextlib import suppress

BURY_SECONDS = 0.01
"""Between two looks at whether processes that were killed are dead."""


async def end_group(process: asyncio.subprocess.Process) -> None:
    """Ends a process that is tied to this one by `worker.tether`; returns when it is gone."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    # Otherwise it is dead, and its guard ends the rest of the group.
    await process.wait()
    await _bury(process.pid)


async def _bury(group: int) -> None:
    """Takes the rest of a group off the system's table where that is ours to do: as process 1 of a container."""
    with suppress(ChildProcessError):  # nothing of it is, or is any longer
        while True:
            if _buried_one(group) is None:
                await asyncio.sleep(BURY_SECONDS)


def _buried_one(group: int) -> os.waitid_result | None:
    return os.waitid(os.P_PGID, group, os.WEXITED | os.WNOHANG)

"""What the process that trains denies itself, so that nothing it trains can do more.

The service watches memory and disk from outside as well; these bounds are the kernel's, and nothing gets past them.
"""

import ctypes
import os
import resource
from contextlib import suppress
from pathlib import Path

from paramedic_service.reproduction.plan.limits import Limits

PR_SET_NO_NEW_PRIVS = 38
NICENESS = 10
"""The service, and what else the machine does, come first."""

PRIVATE = 0o077
LEAST_CPU_SECONDS = 60


def confine_process() -> None:
    """Bounds for the whole life of this process: no new privileges, no core dumps, low priority, private files."""
    ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.umask(PRIVATE)
    os.nice(NICENESS)
    with suppress(OSError):
        # When the machine's memory runs out, the kernel takes this process rather than the service.
        Path("/proc/self/oom_score_adj").write_text("1000")


def confine_job(limits: Limits) -> None:
    """Bounds for the next job: size of a file, and processor time as if it kept all cores busy all the time.

    Only the soft bounds, which may be set anew for the job after.
    """
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cores = os.cpu_count() or 1
    seconds = usage.ru_utime + usage.ru_stime + max(limits.seconds * cores, LEAST_CPU_SECONDS)
    _soften(resource.RLIMIT_CPU, int(seconds) + 1)
    _soften(resource.RLIMIT_FSIZE, limits.disk_bytes)


def _soften(which: int, bound: int) -> None:
    hard = resource.getrlimit(which)[1]
    resource.setrlimit(which, (bound if hard == resource.RLIM_INFINITY else min(bound, hard), hard))

"""Ties a worker's life to the service's. Imports next to nothing, because it comes before everything else."""

import ctypes
import os
import select
import signal
from contextlib import suppress

PR_SET_PDEATHSIG = 1


def tether(parent: int) -> None:
    """Makes sure that this process, and all that it starts, ends when its parent does, however that dies.

    Two ways, because each alone has a hole: the kernel kills this process with its parent, but not what this one
    started; a guard, forked here, ends the whole process group when the service or this process is gone, but might
    itself be killed. Standard input must be a pipe whose only writer is the parent; nothing is read from it.

    Args:
        parent: Process id of the service.
    """
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)  # or the guard would end those who started us
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # it died before the kernel was asked
    worker = os.pidfd_open(os.getpid())
    if os.fork() == 0:
        with suppress(BaseException):
            _guard(worker)
        os.killpg(0, signal.SIGKILL)
    os.close(worker)


def _guard(worker: int) -> None:
    """Returns when the parent has hung up, or the worker is gone."""
    # The parent must see the end of the worker's output, whoever else of the group still lives.
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    waiting = select.poll()
    waiting.register(0, 0)  # no event but a hang-up
    waiting.register(worker, select.POLLIN)
    waiting.poll()

"""The runs of this process: what happens to them at exit and in a forked child."""

import atexit
import multiprocessing.process
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, Protocol

EXIT_TIMEOUT = 5.0

# These locks are held for moments; should one not be free, the training's fork is worth more than ours, seconds.
_FORK_PATIENCE = 1.0


class Lock(Protocol):
    """What can be held across a fork."""

    def acquire(self, *, timeout: float) -> bool:
        """Takes it; whether that was possible within the timeout, seconds."""
        ...

    def release(self) -> None:
        """Gives it back."""
        ...


class LiveRun(Protocol):
    """A run that has not ended."""

    def begin_finish(self, error: BaseException | None, timeout: float) -> None:
        """Asks it to end, and returns at once."""
        ...

    def await_finish(self, timeout: float) -> None:
        """Waits until it has."""
        ...

    def fork_locks(self) -> tuple[Lock, ...]:
        """What must be held across a fork, so that the child finds nothing half done."""
        ...

    def become_inert(self) -> None:
        """Makes it do nothing any more: this is a forked child, without our threads."""
        ...


_guard = threading.RLock()
_live: dict[bytes, LiveRun] = {}
_held: list[Lock] = []
# In a forked child, objects of grpc must not even be destroyed: its core is in the state of threads that are gone.
_kept_in_child: list[Any] = []
_written: set[Path] = set()
_hooks_installed = False


def live(identity: bytes) -> LiveRun | None:
    """Returns the unfinished run of an identity."""
    return _live.get(identity)


def enlist(identity: bytes, run: LiveRun) -> None:
    """Looks after a run until it ends."""
    with _guard:
        _install_hooks()
        _live[identity] = run


def discharge(identity: bytes, run: LiveRun) -> None:
    """Forgets a run that has ended."""
    with _guard:
        if _live.get(identity) is run:
            del _live[identity]


def wrote(directory: Path) -> bool:
    """Whether a run of this process that has ended, and keeps in this directory what waits, logged rows."""
    return directory in _written


def remember(directory: Path) -> None:
    """Takes in that a run logged rows."""
    _written.add(directory)


def being_spawned() -> bool:
    """Whether this is a child of multiprocessing that still imports what it needs of its parent.

    The parent's script is part of that: what stands there outside of `if __name__ == "__main__"` runs in every child
    that is spawned, such as a data loader's worker, and is not meant to begin another training.
    """
    return bool(getattr(multiprocessing.process.current_process(), "_inheriting", False))


def last_exception() -> BaseException | None:
    """Returns the exception that the interpreter reported last; None when there was none."""
    return getattr(sys, "last_exc", None) or getattr(sys, "last_value", None)


def _install_hooks() -> None:
    global _hooks_installed
    if _hooks_installed:
        return
    _hooks_installed = True
    atexit.register(_at_exit, last_exception())
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)


def _at_exit(known: BaseException | None) -> None:
    error = last_exception()
    # In an interactive session the last exception is one that the user saw and went on from.
    if error is known or hasattr(sys, "ps1"):
        error = None
    deadline = time.monotonic() + EXIT_TIMEOUT
    runs = list(_live.values())
    for run in runs:
        run.begin_finish(error, EXIT_TIMEOUT)
    for run in runs:
        run.await_finish(max(deadline - time.monotonic(), 0.0))


def _before_fork() -> None:
    _guard.acquire()
    for run in _live.values():
        _held.extend(lock for lock in run.fork_locks() if lock.acquire(timeout=_FORK_PATIENCE))


def _after_fork() -> None:
    while _held:
        _held.pop().release()
    _guard.release()


def _in_child() -> None:
    _kept_in_child.extend(_live.values())
    for run in _live.values():
        run.become_inert()
    _live.clear()
    _after_fork()

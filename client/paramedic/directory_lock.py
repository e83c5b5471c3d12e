"""Keeps a directory to one writer."""

import os
import threading
from pathlib import Path

try:
    import fcntl
except ImportError:  # not on Windows: there, only writers of the same process are kept apart
    fcntl = None  # type: ignore[assignment]

LOCK_NAME = "lock"

_ATTEMPTS = 10

# A record lock belongs to the process, which must keep its own writers apart. (A flock would be inherited by forked
# data loaders, and outlive the training.) The process id tells a forked child that these are not its own.
_held: set[tuple[int, Path]] = set()
_held_guard = threading.Lock()


class DirectoryInUseError(OSError):
    """Another run, of this process or another, writes to the directory."""


class DirectoryLock:
    """An exclusive lock on a directory, gone with the process at the latest."""

    def __init__(self, directory: Path) -> None:
        """Takes the lock.

        Raises:
            DirectoryInUseError: Somebody else has it.
            OSError: The directory cannot be written.
        """
        self.path = directory.resolve() / LOCK_NAME
        self._key = os.getpid(), self.path
        with _held_guard:
            if self._key in _held:
                raise DirectoryInUseError(f"{directory} is in use by another run of this process")
            _held.add(self._key)
        try:
            self._descriptor = self._acquire(directory)
        except BaseException:
            _held.discard(self._key)
            raise

    def release(self) -> None:
        """Gives the directory back and removes the lock file."""
        self.path.unlink(missing_ok=True)
        os.close(self._descriptor)
        _held.discard(self._key)

    def _acquire(self, directory: Path) -> int:
        for _ in range(_ATTEMPTS):
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if fcntl is not None:
                    fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Its holder may have removed the file between our opening and locking it.
                if self._is_current(descriptor):
                    return descriptor
            except BlockingIOError as error:
                os.close(descriptor)
                raise DirectoryInUseError(f"{directory} is in use by a running training") from error
            except OSError:
                os.close(descriptor)
                raise
            os.close(descriptor)
        raise DirectoryInUseError(f"{directory} is in use: its lock changes hands all the time")

    def _is_current(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False

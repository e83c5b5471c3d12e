"""Where jobs write: a directory of this service's own, and none of it outlives the service."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path

PREFIX = "paramedic-reproductions-"
LOCK = "lock"


class Scratch:
    """A directory that is deleted in the end; when the service is killed, by the `sweep` of the next one.

    Raises:
        OSError: There is no room for temporary files.

    Attributes:
        path: It.
    """

    def __init__(self) -> None:
        self.path, self._lock = _locked()
        while not self.path.exists():  # another service swept it before it was locked
            os.close(self._lock)
            self.path, self._lock = _locked()

    def make(self, name: str) -> Path:
        """Makes a directory in it."""
        directory = self.path / name
        directory.mkdir(mode=0o700)
        return directory

    def close(self) -> None:
        """Deletes all of it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def _locked() -> tuple[Path, int]:
    path = Path(tempfile.mkdtemp(prefix=PREFIX))
    # Held as long as this process lives; the system lets go of it even after SIGKILL.
    lock = os.open(path / LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return path, lock


def sweep() -> None:
    """Deletes what services left behind that were killed."""
    try:
        temporary = Path(tempfile.gettempdir())
    except OSError:
        return  # there is no such place, and nothing in it
    for directory in temporary.glob(f"{PREFIX}*"):
        try:
            if directory.is_symlink() or directory.stat().st_uid != os.geteuid():
                continue
            lock = os.open(directory / LOCK, os.O_RDWR | os.O_NOFOLLOW)
        except OSError:
            continue  # it is gone, or so new that it has no lock yet
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(directory, ignore_errors=True)
        except BlockingIOError:
            continue  # its service lives
        finally:
            os.close(lock)

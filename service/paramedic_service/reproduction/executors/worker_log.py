"""What a worker's process prints: kept in a bounded file, for its end to be told when something goes wrong."""

import os
from pathlib import Path

LARGEST = 1024 * 1024  # bytes in the file
TOLD = 2000  # characters
LINES = 20


class WorkerLog:
    """The file that a worker prints to.

    Args:
        path: Of the file, made anew.

    Attributes:
        descriptor: To print to; closed by `close`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._cut = b""
        # Appending, so that a writer goes on at the beginning after a cut.
        self.descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)

    def clear(self) -> None:
        """Forgets what was printed until now."""
        self._cut = b""
        os.ftruncate(self.descriptor, 0)

    def bound(self) -> None:
        """Cuts a file that has become too large."""
        if os.fstat(self.descriptor).st_size > LARGEST:
            self._cut = self._end()
            os.ftruncate(self.descriptor, 0)

    def tail(self) -> str:
        """The last lines that were printed, without control characters."""
        text = (self._cut + self._end()).decode(errors="replace")
        lines = ["".join(filter(str.isprintable, line)).rstrip() for line in text.splitlines()]
        return "\n".join([line for line in lines if line][-LINES:])[-TOLD:]

    def close(self) -> None:
        """Closes the file."""
        os.close(self.descriptor)

    def _end(self) -> bytes:
        size = os.fstat(self.descriptor).st_size
        return os.pread(self.descriptor, TOLD * 4, max(0, size - TOLD * 4))

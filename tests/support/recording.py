"""A run that goes to disk, and what it said once it is finished."""

from pathlib import Path

import paramedic
from support.spooled import Told


class Recording:
    """One run of one test.

    Attributes:
        run: To report to.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.run = paramedic.init("recording", id="run", mode="offline", spool_dir=directory)

    def told(self, dropped: dict[str, int] | None = None) -> Told:
        """Ends the run, which must have lost nothing else than this, and reads what it said."""
        self.run.finish(timeout=30)
        assert self.run.dropped == (dropped or {})
        (directory,) = self._directory.glob("*/*")
        return Told(directory)

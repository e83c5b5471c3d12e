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

    def told(self) -> Told:
        """Ends the run, which must have lost nothing, and reads what it said."""
        self.run.finish(timeout=30)
        assert self.run.dropped == {}
        (directory,) = self._directory.glob("*/*")
        return Told(directory)

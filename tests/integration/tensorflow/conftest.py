"""Loops of one's own, with what their watch said read back from the run's spool."""

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import pytest

import paramedic
from support.spooled import Told


class Recording:
    """A run that goes to disk, and what it said once it is finished."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.run = paramedic.init("tensorflow", id="run", mode="offline", spool_dir=directory)

    def told(self, dropped: dict[str, int] | None = None) -> Told:
        self.run.finish(timeout=30)
        assert self.run.dropped == (dropped or {})
        (directory,) = self._directory.glob("*/*")
        return Told(directory)


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    recording = Recording(tmp_path)
    yield recording
    recording.run.finish(timeout=0)


@pytest.fixture(autouse=True)
def _fresh_session() -> None:
    keras.backend.clear_session()
    keras.utils.set_random_seed(7)

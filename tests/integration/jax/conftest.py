"""Trainings in JAX, with what their watch said read back from the run's spool."""

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import pytest

from support.recording import Recording


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    recording = Recording(tmp_path)
    yield recording
    recording.run.finish(timeout=0)

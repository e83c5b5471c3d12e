"""Loops of one's own, with what their watch said read back from the run's spool."""

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import pytest

from support.recording import Recording


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    recording = Recording(tmp_path)
    yield recording
    recording.run.finish(timeout=0)


@pytest.fixture(autouse=True)
def _fresh_session() -> None:
    keras.backend.clear_session()
    keras.utils.set_random_seed(7)

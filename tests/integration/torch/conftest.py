"""PyTorch loops, with what their watch said read back from the run's spool."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from support.recording import Recording

torch.set_num_threads(1)


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    recording = Recording(tmp_path)
    yield recording
    recording.run.finish(timeout=0)

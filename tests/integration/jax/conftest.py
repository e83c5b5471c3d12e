"""Trainings in JAX, with what their watch said read back from the run's spool."""

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import pytest

from support.recording import Recording


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    recording = Recording(tmp_path)
    yield recording
    recording.run.finish(timeout=0)


@pytest.fixture(autouse=True)
def _quickly_compiled(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compiles without most optimisations, which is half of what these tests would take; unless it is about them."""
    jax.config.update("jax_disable_most_optimizations", "optimised" not in request.fixturenames)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture
def optimised() -> None:
    """Asks for programs as they are compiled outside of tests."""

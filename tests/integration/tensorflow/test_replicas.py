"""A MirroredStrategy's replicas are one training: one row a step, of the gradients of all of them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.spooled import Told

PROGRAM = Path(__file__).parents[2] / "support" / "mirrored_trainings.py"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What the trainings left, in a process of their own: devices are divided before TensorFlow starts."""
    directory = tmp_path_factory.mktemp("mirrored")
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(directory)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return json.loads((directory / "left.json").read_text()), directory


@pytest.mark.parametrize("kind", ["fit", "loop"])
def test_replicas_are_measured_as_one_and_left_as_they_were(kind: str, trained: Any) -> None:
    everything, directory = trained
    left = everything[kind]
    assert left["bare"] == left["watched"]
    assert left["replicas"] == 2
    told = Told(directory / "spool" / "mirrored" / f"{kind}-0-0")
    assert told.steps() == list(range(1, left["steps"] + 1))
    assert told.scalar("loss")[1] == pytest.approx(left["loss"], rel=1e-5)
    assert told.norms("gradient_norm")[0] == pytest.approx(left["gradient_norms"], rel=1e-4)
    assert told.norms("weight_norm")[0] == pytest.approx(left["weight_norms"], rel=1e-5)
    assert set(told.scalar("learning_rate")) == set(told.steps())
    assert list(told.scalar("probe_seconds")) == [1, 5, 20]
    assert list(told.description.probed_layers) == [layer.name for layer in told.description.model.layers]
    assert told.description.optimizer.learning_rate == pytest.approx(0.1)

"""Faults that every framework's loop can have are named, and their healthy twins are left in peace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.common_faults import TRIALS
from support.folding import alarms, folded, told

TESTS = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of all trials; made in a process of its own, as this one may have TensorFlow 2's."""
    directory = tmp_path_factory.mktemp("trials")
    command = [sys.executable, "-m", "support.tensorflow1_common_faults", str(directory), "0"]
    environment = os.environ | {"PYTHONPATH": str(TESTS), "TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return directory


@pytest.mark.parametrize("name", TRIALS)
def test_the_fault_is_named_first_and_its_healthy_twin_raises_no_alarm(name: str, recordings: Path) -> None:
    live = folded(recordings / str(list(TRIALS).index(name)))
    causes = TRIALS[name].causes
    if causes:
        assert alarms(live), told(live)
        assert alarms(live)[0].causes[0].id in causes, told(live)
    else:
        assert not alarms(live), told(live)

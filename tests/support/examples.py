"""Runs the examples as their readers would, and reads what their runs said."""

import os
import subprocess
import sys
from pathlib import Path

from support.spooled import Told

EXAMPLES = Path(__file__).parents[2] / "client" / "examples"
_DEADLINE = 120


def example(name: str, directory: Path, *launcher: str, **variables: str) -> list[Told]:
    """Runs an example to its end, without a service, and returns what each of its runs said.

    Args:
        name: Of the file, without ".py".
        directory: Where it may write.
        *launcher: What Python is to run in its place, and which runs it.
        **variables: Of its environment, besides.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PARAMEDIC_")}
    environment |= {
        "PARAMEDIC_MODE": "offline",
        "PARAMEDIC_SPOOL_DIR": str(directory / "spool"),
        "OMP_NUM_THREADS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "JAX_PLATFORMS": "cpu",
    }
    done = subprocess.run(
        [sys.executable, *launcher, str(EXAMPLES / f"{name}.py")],
        env=environment | variables,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=_DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "off; the training goes on" not in done.stderr, done.stderr
    return [Told(run) for run in sorted((directory / "spool").glob("*/*"))]

"""The Helm chart as Helm renders it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "paramedic"
PRODUCTION = CHART.parent / "production.yaml"


def manifests(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs .ci/manifests; skips the test where Helm cannot be had, but fails it in CI."""
    command = [sys.executable, ROOT / ".ci" / "manifests", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "pip" in done.stderr and "Traceback" in done.stderr:
        message = f"Helm cannot be installed: {done.stderr.splitlines()[-1]}"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return done


def render(values: Path | None = None) -> dict[str, Any]:
    """Returns what the chart makes of a file of values, by kind."""
    done = manifests("--render", "-" if values is None else str(values))
    assert done.returncode == 0, done.stderr
    objects = [each for each in yaml.safe_load_all(done.stdout) if each]
    by_kind = {each["kind"]: each for each in objects}
    assert len(by_kind) == len(objects), "one object of each kind"
    return by_kind

"""The environment of a worker: what a framework needs to find itself, and none of the service's secrets."""

import os
from collections.abc import Mapping
from pathlib import Path

# By name, because what is secret in an environment cannot be told from its name.
KEPT = frozenset({"PATH", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH", "VIRTUAL_ENV", "KERAS_BACKEND"})
KEPT_PREFIXES = ("LC_", "CUDA_", "NVIDIA_", "TF_", "XLA_", "OMP_", "MKL_", "OPENBLAS_")


def worker_environment(directory: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Environment variables of a worker process.

    Args:
        directory: The worker's own, where whatever looks for a home or for a place for temporary files finds it.
        variables: Of the worker's device.
    """
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(KEPT_PREFIXES)}
    places = dict.fromkeys(("HOME", "TMPDIR", "KERAS_HOME", "XDG_CACHE_HOME"), str(directory))
    return kept | places | {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"} | dict(variables)

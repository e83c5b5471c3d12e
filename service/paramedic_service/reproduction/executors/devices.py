"""What a job is trained on: one GPU each or, where there is none, the CPU."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

QUERY = ("nvidia-smi", "--query-gpu=index,uuid,name", "--format=csv,noheader")
QUERY_TIMEOUT = 20.0  # seconds; a driver that was asleep takes some

GPU_MEMORY = 4 * 1024**3
"""Bytes of the machine's own memory that the libraries of a GPU take up in every process that uses one."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Device:
    """Something that one job at a time is trained on.

    Attributes:
        name: "cpu", "gpu 0: NVIDIA H200".
        variables: Environment that shows a process this device and no other.
        memory: What using it takes of the machine's own memory, bytes.
    """

    name: str
    variables: Mapping[str, str]
    memory: int = 0


CPU = Device("cpu", {"CUDA_VISIBLE_DEVICES": "-1"})


def find_devices(cpu_jobs: int) -> tuple[Device, ...]:
    """The GPUs that this process may use; without any, the CPU as often as jobs may share it.

    Args:
        cpu_jobs: Jobs at a time on the CPU.
    """
    gpus = _gpus(os.environ.get("CUDA_VISIBLE_DEVICES"))
    return gpus or (CPU,) * cpu_jobs


def _gpus(visible: str | None) -> tuple[Device, ...]:
    try:
        answer = subprocess.run(  # noqa: S603 (a command of our own)
            QUERY, capture_output=True, text=True, timeout=QUERY_TIMEOUT, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        if not isinstance(error, FileNotFoundError):  # which only means that there is no GPU
            _log.warning("GPUs cannot be listed, reproductions train on the CPU", error=str(error))
        return ()
    found = [[field.strip() for field in line.split(",", 2)] for line in answer.stdout.splitlines() if line.strip()]
    return tuple(_gpu(index, name) for index, uuid, name in found if visible is None or {index, uuid} & _names(visible))


def _names(visible: str) -> set[str]:
    return {name.strip() for name in visible.split(",")}


def _gpu(index: str, name: str) -> Device:
    variables = {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # the order of nvidia-smi
        "CUDA_VISIBLE_DEVICES": index,
        # Memory as it is needed: whatever else runs there keeps its own.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    }
    return Device(f"gpu {index}: {name}", variables, GPU_MEMORY)

from pathlib import Path

import pytest

from paramedic_service.reproduction.executors.devices import CPU, find_devices

TWO_GPUS = """\
0, GPU-aaaa, NVIDIA H200
1, GPU-bbbb, NVIDIA A100, 80GB
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is all there is to find commands in."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


def install(machine: Path, answer: str, status: int = 0) -> None:
    """Puts an `nvidia-smi` there that gives this answer."""
    command = machine / "nvidia-smi"
    command.write_text(f"#!/bin/sh\nprintf '%s' '{answer}'\nexit {status}\n")
    command.chmod(0o700)


def names(cpu_jobs: int = 1) -> list[str]:
    return [device.name for device in find_devices(cpu_jobs)]


def test_without_a_gpu_the_cpu_is_shared_by_as_many_jobs_as_may(machine: Path) -> None:
    assert find_devices(3) == (CPU, CPU, CPU)


def test_each_gpu_is_a_device_that_shows_itself_alone(machine: Path) -> None:
    install(machine, TWO_GPUS)

    devices = find_devices(3)

    assert [device.name for device in devices] == ["gpu 0: NVIDIA H200", "gpu 1: NVIDIA A100, 80GB"]
    assert [device.variables["CUDA_VISIBLE_DEVICES"] for device in devices] == ["0", "1"]
    assert {device.variables["TF_FORCE_GPU_ALLOW_GROWTH"] for device in devices} == {"true"}


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("1", ["gpu 1: NVIDIA A100, 80GB"]),
        ("GPU-aaaa", ["gpu 0: NVIDIA H200"]),
        ("1, 0", ["gpu 0: NVIDIA H200", "gpu 1: NVIDIA A100, 80GB"]),
        ("", ["cpu"]),
        ("-1", ["cpu"]),
    ],
)
def test_gpus_that_the_service_may_not_see_are_left_alone(
    machine: Path, monkeypatch: pytest.MonkeyPatch, visible: str, expected: list[str]
) -> None:
    install(machine, TWO_GPUS)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    assert names() == expected


def test_a_driver_that_does_not_work_leaves_the_cpu(machine: Path) -> None:
    install(machine, "NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver", 9)

    assert names() == ["cpu"]

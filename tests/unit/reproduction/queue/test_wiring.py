import subprocess
import sys

import pytest

from paramedic.v1.reproduction_pb2 import ReproductionSpec
from paramedic_service.reproduction.plan import Limits, SpecError
from paramedic_service.reproduction.scenarios import SCENARIOS
from paramedic_service.reproduction.wiring import check, limits_of
from paramedic_service.settings import Settings


def test_what_an_operator_leaves_alone_is_as_the_limits_have_it() -> None:
    assert limits_of(Settings()) == Limits()


def test_the_numbers_of_an_operator_reach_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "PARAMETERS": ("parameters", 11),
        "SAMPLES": ("samples", 12),
        "STEPS": ("steps", 13),
        "SEEDS": ("seeds", 14),
        "ARMS": ("arms", 15),
        "MEMORY": ("memory_bytes", 2**26),
        "SECONDS": ("seconds", 16.5),
        "DISK": ("disk_bytes", 2**27),
    }
    for name, (_, value) in given.items():
        monkeypatch.setenv(f"PARAMEDIC_REPRODUCTION_{name}", str(value))

    limits = limits_of(Settings())

    assert {field: getattr(limits, field) for field, _ in given.values()} == dict(given.values())


def test_a_checked_specification_tells_what_there_is_to_do() -> None:
    spec = SCENARIOS["exploding-relu-rnn"].make()
    spec.seeds, spec.steps = 2, 50

    progress = check(spec, Limits())

    assert progress.trainings == 2 * len(spec.arms)
    assert progress.steps == 50 * progress.trainings


def test_a_workload_that_nobody_installed_is_refused_by_name() -> None:
    with pytest.raises(SpecError, match=r"^workload: .*'nobody-has-it'"):
        check(ReproductionSpec(workload="nobody-has-it"), Limits())


def test_the_service_imports_no_framework() -> None:
    frameworks = {"tensorflow", "keras", "sklearn", "jax", "torch", "ray"}
    program = f"import sys, paramedic_service.server; print({frameworks} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "set()"

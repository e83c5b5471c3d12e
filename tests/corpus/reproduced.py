"""What came of reproducing one recorded run, as it is kept: its trainings, small enough to commit."""

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from paramedic.v1.finding_pb2 import Finding
from paramedic.v1.reproduction_pb2 import Arm, ReproductionSpec, TrainingOutcome

_ROOT = Path(__file__).parents[2]
_TRAINS = (
    "client/paramedic/describe",
    "client/paramedic/integrations/keras",
    "service/paramedic_service/incidents/patch.py",
    "service/paramedic_service/incidents/patch_data.py",
    "service/paramedic_service/reproduction/data",
    "service/paramedic_service/reproduction/plan",
    "service/paramedic_service/reproduction/worker",
    "service/paramedic_service/rules",
)
"""Code that decides how an arm trains and what the rules say of it."""


@dataclass(frozen=True, slots=True)
class Training:
    """One arm from one seed.

    Attributes:
        seed: It.
        rules: Whose findings opened.
        loss: Final loss; None when it is not finite.
        wrong: Final error; None when it was not measured or is not finite.
        error: What it raised.
    """

    seed: int
    rules: tuple[str, ...]
    loss: float | None
    wrong: float | None
    error: str = ""

    @staticmethod
    def of(outcome: TrainingOutcome) -> "Training":
        """Keeps what a verdict needs."""
        return Training(
            outcome.seed,
            tuple(sorted(finding.rule for finding in outcome.findings)),
            _rounded(outcome.final_loss),
            _rounded(outcome.final_error) if outcome.HasField("final_error") else None,
            outcome.error.partition("\n")[0][:200],
        )

    def outcome(self, arm: int) -> TrainingOutcome:
        """As a verdict takes it; errors that were measured and not finite are infinite."""
        outcome = TrainingOutcome(
            arm=arm,
            seed=self.seed,
            findings=[Finding(rule=rule) for rule in self.rules],
            final_loss=math.inf if self.loss is None else self.loss,
            error=self.error,
        )
        if self.wrong is not None:
            outcome.final_error = self.wrong
        return outcome


@dataclass(frozen=True, slots=True)
class Trained:
    """One arm from every seed.

    Attributes:
        code: Version of the code that trained it.
        trainings: In the order of their seeds.
    """

    code: str
    trainings: tuple[Training, ...]


Arms = Mapping[str, Trained]
"""Of one run, by `key`."""


def key(spec: ReproductionSpec, arm: Arm) -> str:
    """Names what is trained: an arm of a specification, whatever its place among the others."""
    alone = ReproductionSpec()
    alone.CopyFrom(spec)
    for field in ("arms", "rules", "title"):
        alone.ClearField(field)
    alone.arms.add().patch.CopyFrom(arm.patch)
    return hashlib.sha256(alone.SerializeToString(deterministic=True)).hexdigest()[:16]


@cache
def code_version() -> str:
    """Changes with the code that trains and judges."""
    digest = hashlib.sha256()
    for name in _TRAINS:
        place = _ROOT / name
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


class Kept:
    """Trainings that were made before, in a file.

    Args:
        path: Of the file; it need not be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        runs = json.loads(path.read_text()) if path.exists() else {}
        self._runs = {run: {arm: _read(each) for arm, each in arms.items()} for run, arms in runs.items()}

    def of(self, run_id: str) -> Arms:
        """A run's arms."""
        return self._runs.get(run_id, {})

    def keep(self, run_id: str, wanted: Iterable[str], trained: Arms) -> None:
        """Adds arms of a run, and drops those that nobody wants any more."""
        known = {**self.of(run_id), **trained}
        self._runs[run_id] = {arm: known[arm] for arm in wanted if arm in known}
        lines = ",\n".join(f"{json.dumps(run)}: {{\n{_lines(arms)}}}" for run, arms in sorted(self._runs.items()))
        beside = self._path.with_suffix(".new")
        beside.write_text("{\n" + lines + "\n}\n")
        beside.replace(self._path)  # whoever is interrupted while writing has the old one


def _read(kept: Mapping[str, Any]) -> Trained:
    return Trained(kept["code"], tuple(Training(**{**each, "rules": tuple(each["rules"])}) for each in kept["seeds"]))


def _lines(arms: Arms) -> str:
    return ",\n".join(f"{json.dumps(arm)}: {_written(each)}" for arm, each in arms.items())


def _written(arm: Trained) -> str:
    seeds = [{name: each for name, each in asdict(one).items() if each != ""} for one in arm.trainings]
    return json.dumps({"code": arm.code, "seeds": seeds})


def _rounded(value: float) -> float | None:
    return float(f"{value:.6g}") if math.isfinite(value) else None

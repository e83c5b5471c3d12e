"""A diagnostician's alarms on a run, against what is known of the run."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from corpus.alarm import Alarm


@dataclass(frozen=True, slots=True)
class Label:
    """What is known of a recorded run.

    Attributes:
        id: Of the run.
        program: It trains.
        kind: Of the program's model.
        split: Of the program.
        fault: Id of its fault; "healthy" when it has none.
        causes: Ids of the causes that count as right.
        onset: Step before which nothing is wrong.
        steps: Trained.
        steps_per_epoch: As planned.
        error: Class name of the exception that ended it; empty when none did.
    """

    id: str
    program: str
    kind: str
    split: str
    fault: str
    causes: tuple[str, ...]
    onset: int
    steps: int
    steps_per_epoch: int
    error: str = ""

    @property
    def healthy(self) -> bool:
        """Whether it has no fault."""
        return not self.causes


@dataclass(frozen=True, slots=True)
class Judged:
    """One run as one diagnostician sees it.

    Attributes:
        label: The truth.
        alarms: What was said of it, the worst first.
    """

    label: Label
    alarms: tuple[Alarm, ...]

    @property
    def found(self) -> tuple[Alarm, ...]:
        """Alarms that can be about the fault: none before it set in."""
        return tuple(alarm for alarm in self.alarms if alarm.step >= self.label.onset)

    @property
    def detected(self) -> bool:
        """Whether the fault was found."""
        return bool(self.found)

    @property
    def right_first(self) -> bool:
        """Whether the first cause of the worst alarm is right."""
        return bool(self.found) and self.found[0].causes[:1] != () and self.found[0].causes[0] in self.label.causes

    @property
    def latency(self) -> float:
        """Steps from the fault to the first alarm; infinite when it was not found."""
        return min((alarm.step - self.label.onset for alarm in self.found), default=float("inf"))

    @property
    def latency_in_epochs(self) -> float:
        """The same, in epochs."""
        return self.latency / max(1, self.label.steps_per_epoch)


def read_labels(path: Path, split: str) -> list[Label]:
    """Reads the labels of one split.

    Args:
        path: Of the file of labels.
        split: Of `SPLITS`.
    """
    runs: list[Mapping[str, Any]] = json.loads(path.read_text())["runs"]
    wanted = [each.name for each in fields(Label)]
    return [
        Label(**{name: run[name] for name in wanted} | {"causes": tuple(run["causes"])})
        for run in runs
        if run["split"] == split
    ]

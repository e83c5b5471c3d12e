"""The table of reproductions, in Markdown."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from corpus.judged import Label
from corpus.programs.program import SPLITS
from corpus.scores import Share
from paramedic.v1.verdict_pb2 import (
    ARM_VERDICT_KIND_REPRODUCED,
    VERDICT_KIND_REMEDY_FOUND,
    ReproductionVerdict,
)


@dataclass(frozen=True, slots=True)
class Reproduced:
    """One run.

    Attributes:
        label: The truth.
        undeclared: Why it has no declarative configuration; empty where it has one.
        unfound: Why there was nothing to reproduce; empty where there was.
        verdict: On its trainings; None where there were none.
        trained: How many trainings that were.
        older: How many of them were made by other code than is there now.
    """

    label: Label
    undeclared: str = ""
    unfound: str = ""
    verdict: ReproductionVerdict | None = None
    trained: int = 0
    older: int = 0

    @property
    def reproduced(self) -> bool:
        """Whether its fault came back."""
        return self.verdict is not None and self.verdict.arms[0].kind == ARM_VERDICT_KIND_REPRODUCED

    @property
    def remedied(self) -> bool:
        """Whether a remedy was verified."""
        return self.verdict is not None and self.verdict.kind == VERDICT_KIND_REMEDY_FOUND

    @property
    def remedy(self) -> str:
        """Name of the remedy that helps best; empty without one."""
        if self.verdict is None or not self.verdict.remedies:
            return ""
        return next(arm.name for arm in self.verdict.arms if arm.arm == self.verdict.remedies[0])

    def __str__(self) -> str:
        if self.verdict is None:
            return f"{self.label.id}: {self.undeclared or self.unfound}"
        lines = [f"{self.label.id} {self.label.causes}: {self.verdict.summary}"]
        lines += [f"    {arm.name[:70]}: {arm.summary}" for arm in self.verdict.arms[1:]]
        return "\n".join(lines)


def tables(runs: Sequence[Reproduced]) -> str:
    """By split, by fault, and what could not be reproduced at all."""
    declared = [run for run in runs if not run.undeclared]
    by_split = [(split, [run for run in declared if run.label.split == split]) for split in SPLITS]
    faults = sorted({run.label.fault for run in declared})
    by_fault = [(fault, [run for run in declared if run.label.fault == fault]) for fault in faults]
    told = Counter(run.undeclared for run in runs if run.undeclared)
    parts = [
        f"{len(runs)} faulty runs, of which {len(declared)} have a declarative configuration;"
        f" {sum(run.trained for run in runs)} trainings, {sum(run.older for run in runs)} of them by older code.",
        _table("programs", [*((name, each) for name, each in by_split if each), ("all", declared)]),
        _table("fault", by_fault, remedy=True),
        "\n".join(f"- {count} {'run' if count == 1 else 'runs'}: {why}" for why, count in told.most_common()),
    ]
    return "\n\n".join(part for part in parts if part)


def _table(heading: str, groups: Sequence[tuple[str, Sequence[Reproduced]]], *, remedy: bool = False) -> str:
    headings = [heading, "runs", "reproduced", "remedy verified", *(["remedies that helped best"] if remedy else [])]
    lines = [headings, ["---"] * len(headings)]
    for name, runs in groups:
        line = [name, str(len(runs)), _share(runs, "reproduced"), _share(runs, "remedied")]
        if remedy:
            best = Counter(run.remedy for run in runs if run.remedy)
            line.append("; ".join(f"{name} ({count})" if count > 1 else name for name, count in best.most_common()))
        lines.append(line)
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _share(runs: Sequence[Reproduced], what: str) -> str:
    share = Share(sum(getattr(run, what) for run in runs), len(runs))
    low, high = share.interval
    return f"{share.value:.2f} [{low:.2f}, {high:.2f}]"

"""What a reproduction's trainings say: whether the fault came back, and which remedies removed it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf, isfinite

import numpy as np

from paramedic.v1.finding_pb2 import SEVERITY_WARNING, Finding
from paramedic.v1.reproduction_pb2 import Arm, ReproductionSpec, TrainingOutcome
from paramedic.v1.verdict_pb2 import (
    ARM_VERDICT_KIND_FIXED,
    ARM_VERDICT_KIND_INVALID,
    ARM_VERDICT_KIND_NO_BETTER,
    ARM_VERDICT_KIND_NOT_FIXED,
    ARM_VERDICT_KIND_NOT_REPRODUCED,
    ARM_VERDICT_KIND_REPRODUCED,
    ARM_VERDICT_KIND_UNSPECIFIED,
    VERDICT_KIND_NO_REMEDY_WORKED,
    VERDICT_KIND_NOT_REPRODUCED,
    VERDICT_KIND_REMEDY_FOUND,
    VERDICT_KIND_REPRODUCED,
    ArmVerdict,
    ArmVerdictKind,
    ReproductionVerdict,
    VerdictKind,
)
from paramedic_service.reproduction.comparison import ERROR, amount, measure_of
from paramedic_service.reproduction.intervals import mean_interval
from paramedic_service.reproduction.percentages import change, percent

DEFAULT_SEEDS = 3
"""Of a spec that names no number: the fewest whose majority means something."""

MAJORITY = 2 / 3
"""Share of seeds on which one and the same rule has to fire for a fault to have come back. Some faults need bad luck:
a training that explodes from two seeds of three is faulty, one that does from one of three may have been unlucky."""

MARGIN = 0.05
"""Share by which a remedy has to lower the loss, or the error. Less is what another seed does to a healthy small
training; whoever changes their code at night wants more than that."""

REPORTED = "as reported"
"""Name of the arm that changes nothing, where a spec names no arms."""

# What these see is the machine that trained, and here it is another one.
_OF_THE_MACHINE = frozenset({"run"})


@dataclass(frozen=True, slots=True)
class _Trained:
    """One arm with what came of it.

    Attributes:
        index: Into the spec's arms.
        arm: It.
        outcomes: By seed; a seed whose training never ended is missing.
        fired: Rules of the fault that fired, by seed.
    """

    index: int
    arm: Arm
    outcomes: Mapping[int, TrainingOutcome]
    fired: Mapping[int, frozenset[str]]

    @property
    def hits(self) -> int:
        """Seeds on which the fault was found."""
        return sum(bool(rules) for rules in self.fired.values())

    @property
    def errors(self) -> list[str]:
        """What its trainings raised."""
        return [outcome.error for outcome in self.outcomes.values() if outcome.error]


def judge(spec: ReproductionSpec, trainings: Iterable[TrainingOutcome]) -> ReproductionVerdict:
    """Judges a reproduction.

    The fault came back when one rule of `spec.rules` fired in the first arm on `MAJORITY` of the seeds. A remedy fixed
    it when none of them fired on any seed, and the final loss is lower than the first arm's by `MARGIN` on the mean of
    the seeds, paired, with the 95% interval of that mean above zero. Where an arm changes what the loss means, its
    final error is compared instead. A first arm that raised an error or whose loss is not finite is worse than any
    finite one; a seed that is missing speaks for nobody.

    Args:
        spec: What was to be trained; without rules, any rule of severity warning or worse is the fault.
        trainings: What came of it, in any order; the last one counts where an arm and seed came twice.
    """
    arms = list(spec.arms) or [Arm(name=REPORTED)]
    seeds = range(spec.seeds or DEFAULT_SEEDS)
    by_arm: dict[int, dict[int, TrainingOutcome]] = {index: {} for index in range(len(arms))}
    for outcome in trainings:
        if outcome.arm in by_arm and outcome.seed in seeds:
            by_arm[outcome.arm][outcome.seed] = outcome
    trained = [
        _Trained(index, arm, by_arm[index], {seed: _fired(spec, each) for seed, each in by_arm[index].items()})
        for index, arm in enumerate(arms)
    ]
    faulty, remedies = trained[0], trained[1:]
    first = _as_reported(faulty, spec.rules, len(seeds))
    came_back = first.kind == ARM_VERDICT_KIND_REPRODUCED
    judged = [_remedied(spec, faulty, remedy, seeds, came_back=came_back) for remedy in remedies]
    verdict = ReproductionVerdict(arms=[first, *judged], remedies=_best_first(judged, trained))
    verdict.kind, verdict.summary = _conclusion(first, judged, list(verdict.remedies))
    return verdict


def _fired(spec: ReproductionSpec, outcome: TrainingOutcome) -> frozenset[str]:
    return frozenset(finding.rule for finding in outcome.findings if is_of_the_fault(spec, finding))


def is_of_the_fault(spec: ReproductionSpec, finding: Finding) -> bool:
    """Whether a finding tells that the fault of a spec is there."""
    if spec.rules:
        return finding.rule in spec.rules
    return finding.severity >= SEVERITY_WARNING and finding.family not in _OF_THE_MACHINE


def _as_reported(faulty: _Trained, rules: Sequence[str], seeds: int) -> ArmVerdict:
    verdict = _blank(faulty, seeds)
    if not faulty.outcomes:
        verdict.kind = ARM_VERDICT_KIND_INVALID
        verdict.summary = "It was never trained to its end."
        return verdict
    counts = Counter(rule for fired in faulty.fired.values() for rule in fired)
    order = list(rules) or sorted(counts)
    rule, hits = max(counts.items(), key=lambda item: (item[1], -order.index(item[0])), default=("", 0))
    if hits >= ceil(MAJORITY * seeds):
        verdict.kind = ARM_VERDICT_KIND_REPRODUCED
        verdict.summary = f"The fault came back: {rule} on {hits} of {seeds} seeds."
        return verdict
    verdict.kind = ARM_VERDICT_KIND_NOT_REPRODUCED
    verdict.summary = (
        f"{rule} fired on {hits} of {seeds} seeds, fewer than {ceil(MAJORITY * seeds)}."
        if hits
        else f"The fault did not come back on any of {seeds} seeds."
    )
    if faulty.errors:
        verdict.summary += f" It raised an error on {_of(len(faulty.errors), seeds)}: {_line(faulty.errors[0])}"
    return verdict


def _remedied(
    spec: ReproductionSpec, faulty: _Trained, remedy: _Trained, seeds: Sequence[int], *, came_back: bool
) -> ArmVerdict:
    verdict = _blank(remedy, len(seeds))
    verdict.measure = measure_of(spec, remedy.arm)
    pairs = [_pair(verdict.measure, faulty, remedy, seed) for seed in seeds]
    shares = [share for pair in pairs if (share := _share(*pair)) is not None]
    if len(shares) == len(seeds):
        verdict.improvement = float(np.mean(shares))
        interval = mean_interval(shares)
        if interval is not None:
            _, verdict.improvement_low, high = interval
            # What cannot be negative falls by all of it at most; the interval does not know.
            verdict.improvement_high = min(high, max(1.0, verdict.improvement))
    rescued = all(before == inf for before, _ in pairs)
    verdict.kind, verdict.summary = _standing(verdict, remedy, came_back=came_back, rescued=rescued)
    return verdict


def _standing(
    verdict: ArmVerdict, remedy: _Trained, *, came_back: bool, rescued: bool
) -> tuple[ArmVerdictKind.ValueType, str]:
    """How a remedy stands, and one sentence on it.

    Args:
        verdict: So far.
        remedy: Its trainings.
        came_back: Whether there was a fault to remove.
        rescued: Whether there was no finite loss to improve on.
    """
    seeds, measure = verdict.seeds, verdict.measure
    if not remedy.outcomes or (len(remedy.errors) == len(remedy.outcomes) and not remedy.hits):
        why = _line(remedy.errors[0]) if remedy.errors else "its trainings never ended."
        return ARM_VERDICT_KIND_INVALID, f"It could not be trained: {why}"
    if not came_back:
        return ARM_VERDICT_KIND_UNSPECIFIED, "There was no fault to remove: it did not come back as reported."
    if remedy.hits:
        rules = ", ".join(sorted({rule for rules in remedy.fired.values() for rule in rules}))
        return ARM_VERDICT_KIND_NOT_FIXED, f"The fault is still there on {_of(remedy.hits, seeds)}: {rules}."
    if remedy.errors:
        return ARM_VERDICT_KIND_INVALID, (
            f"It raised an error on {_of(len(remedy.errors), seeds)}: {_line(remedy.errors[0])}"
        )
    if len(remedy.outcomes) < seeds:
        return ARM_VERDICT_KIND_INVALID, f"It was trained on only {len(remedy.outcomes)} of {seeds} seeds."
    gone = "The fault is gone on every seed"
    if not verdict.HasField("improvement"):
        return ARM_VERDICT_KIND_NO_BETTER, f"{gone}, but its {measure} cannot be compared to the one as reported."
    if not verdict.HasField("improvement_low"):
        return ARM_VERDICT_KIND_NO_BETTER, (
            f"{gone}, and the {measure} is {change(verdict.improvement)}, but one seed says nothing of chance: take two"
            " or more."
        )
    mean, low, high = verdict.improvement, verdict.improvement_low, verdict.improvement_high
    told = f"the {measure} is {change(mean)} (95% interval {percent(low)} to {percent(high)})"
    if mean >= MARGIN and low > 0:
        told = f"the {measure} stays finite, which it does not as reported" if rescued else told
        return ARM_VERDICT_KIND_FIXED, f"{gone}, and {told}."
    missed = "which may be chance" if mean >= MARGIN else f"not the {MARGIN:.0%} lower that it takes"
    return ARM_VERDICT_KIND_NO_BETTER, f"{gone}, but {told}, {missed}."


def _pair(measure: str, faulty: _Trained, remedy: _Trained, seed: int) -> tuple[float | None, float | None]:
    """What both arms ended with from one seed; None where that is not known."""
    both = (trained.outcomes.get(seed) for trained in (faulty, remedy))
    before, after = (None if outcome is None else amount(measure, outcome) for outcome in both)
    return before, after


def _share(faulty: float | None, remedied: float | None) -> float | None:
    """By how much less the second is, as a share of the first; None when that means nothing."""
    if faulty is None or remedied is None or not isfinite(remedied):
        return None
    if not isfinite(faulty):
        return 1.0  # the limit as the faulty one grows
    if faulty == remedied:
        return 0.0
    return (faulty - remedied) / abs(faulty) if faulty else None


def _best_first(judged: Sequence[ArmVerdict], trained: Sequence[_Trained]) -> list[int]:
    """Arms that fixed it; where they improved it alike, the one that errs least on fresh samples comes first."""

    def rank(verdict: ArmVerdict) -> tuple[float, float, int]:
        outcomes = trained[verdict.arm].outcomes.values()
        errors = [amount(ERROR, outcome) for outcome in outcomes]
        left = float(np.mean([inf if error is None else error for error in errors]))
        return -round(verdict.improvement, 3), left, verdict.arm

    return [verdict.arm for verdict in sorted((v for v in judged if v.kind == ARM_VERDICT_KIND_FIXED), key=rank)]


def _conclusion(
    first: ArmVerdict, judged: Sequence[ArmVerdict], remedies: Sequence[int]
) -> tuple[VerdictKind.ValueType, str]:
    if first.kind != ARM_VERDICT_KIND_REPRODUCED:
        return VERDICT_KIND_NOT_REPRODUCED, first.summary
    if not judged:
        return VERDICT_KIND_REPRODUCED, f"{first.summary} There was no remedy to try."
    if not remedies:
        return VERDICT_KIND_NO_REMEDY_WORKED, f"{first.summary} None of {len(judged)} remedies removed it."
    best = judged[remedies[0] - 1]
    others = f" {len(remedies) - 1} more also did." if len(remedies) > 1 else ""
    remedy = (best.text or best.name).rstrip(".")
    return VERDICT_KIND_REMEDY_FOUND, f"{first.summary} What helps: {remedy}. {best.summary}{others}"


def _blank(trained: _Trained, seeds: int) -> ArmVerdict:
    return ArmVerdict(arm=trained.index, name=trained.arm.name, text=trained.arm.text, fired=trained.hits, seeds=seeds)


def _of(count: int, seeds: int) -> str:
    return f"{count} of {seeds} seeds"


def _line(text: str) -> str:
    """The first line of an error, ended as a sentence."""
    first = next((line.strip() for line in text.splitlines() if line.strip()), "").rstrip(".")
    return f"{first[:200]}."

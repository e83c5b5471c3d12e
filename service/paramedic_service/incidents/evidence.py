"""Evidence: what a cause is recognised by, and how much that weighs.

A cause begins with prior log-odds, and every clue that holds adds its weight, in nats: the logarithm of how much more
often it is seen where the cause is at work than where it is not (Good's weight of evidence; the sum is the
log-odds of a naive Bayes model). No source publishes such frequencies, so all weights are ours. As a rule of thumb 4 is
next to proof, 2.5 strong, 1.5 fair and 0.7 a hint; negative weights speak against.

Findings that are one phenomenon seen from several sides stand in one clue, and count once.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from paramedic_service.incidents.incident import Remedy
from paramedic_service.incidents.situation import Situation
from paramedic_service.rules.errors_messages import Fault
from paramedic_service.rules.finding import Finding

FIRST = 1.3
"""Factor on the weight of what opened first: causes come before their effects."""

RESOLVED = 0.5
"""Factor on the weight of findings that are all resolved: the run got over it."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A clue that holds.

    Attributes:
        weight: What it adds to the log-odds.
        sentences: What was seen.
    """

    weight: float
    sentences: tuple[str, ...]


Clue = Callable[[Situation], Observation | None]
"""Reads a situation; None when the clue does not hold."""


@dataclass(frozen=True, slots=True)
class Symptom:
    """A clue that is one or more findings.

    Attributes:
        weight: When any of them was found.
        rules: Which may have found it.
        matches: Tells the findings that count; a rule may look both ways.
    """

    weight: float
    rules: tuple[str, ...]
    matches: Callable[[Finding], bool] = lambda _: True

    def __call__(self, situation: Situation) -> Observation | None:
        """Looks for the findings."""
        seen = [finding for finding in situation.found(self.rules) if self.matches(finding)]
        if not seen:
            return None
        weight = self.weight
        if seen[0] is situation.first():
            weight *= FIRST
        if not any(finding.open for finding in seen):
            weight *= RESOLVED
        return Observation(weight, tuple(finding.summary for finding in seen))


def found(weight: float, *rules: str) -> Symptom:
    """Any of these rules found something."""
    return Symptom(weight, rules)


def above(weight: float, *rules: str) -> Symptom:
    """Any of these rules found a value at or above its threshold."""
    return Symptom(weight, rules, lambda finding: _margin(finding) >= 0)


def below(weight: float, *rules: str) -> Symptom:
    """Any of these rules found a value below its threshold."""
    return Symptom(weight, rules, lambda finding: _margin(finding) < 0)


def negative(weight: float, *rules: str) -> Symptom:
    """Any of these rules found a value below zero."""
    return Symptom(weight, rules, lambda finding: finding.evidence[0].value < 0)


def grown(weight: float, *rules: str) -> Symptom:
    """Any of these rules found a large number; NaN and infinity are no sign of growth."""
    return Symptom(weight, rules, lambda finding: math.isfinite(finding.evidence[0].value))


def mismatched(weight: float, *, labels: bool) -> Symptom:
    """An exception over shapes ended the training: over those of labels, or of anything else."""
    faults = {Fault.SHAPE.value, Fault.RAGGED.value}

    def matches(finding: Finding) -> bool:
        of_labels = any(word in finding.summary.lower() for word in ("target", "label"))
        return finding.evidence[0].meaning in faults and of_labels is labels

    return Symptom(weight, ("training_error",), matches)


def raised(weight: float, *faults: Fault) -> Symptom:
    """An exception of one of these classes ended the training."""
    words = {fault.value for fault in faults}
    return Symptom(weight, ("training_error",), lambda finding: finding.evidence[0].meaning in words)


def cleared(weight: float, *rules: str) -> Clue:
    """All of these rules could judge and found nothing."""

    def clue(situation: Situation) -> Observation | None:
        if not situation.cleared(rules):
            return None
        return Observation(weight, (f"Could be judged and is not so: {', '.join(rules)}.",))

    return clue


def fact(weight: float, reading: Callable[[Situation], str]) -> Clue:
    """Something is known of the training; the reading returns it as a sentence, or nothing."""

    def clue(situation: Situation) -> Observation | None:
        sentence = reading(situation)
        return Observation(weight, (sentence,)) if sentence else None

    return clue


def _margin(finding: Finding) -> float:
    """First measured value over its threshold; NaN, which is on neither side, when there is none."""
    margins = (each.value - each.threshold for each in finding.evidence if each.threshold is not None)
    return next(margins, math.nan)


RemedyMaker = Callable[[Situation], Remedy | None]
"""Makes a remedy that fits the training; None when it makes no sense there."""


@dataclass(frozen=True, slots=True)
class CauseDeclaration:
    """What a cause is, apart from any run.

    Attributes:
        id: Unique, snake case.
        title: In words.
        prior: Log-odds before any evidence.
        clues: What it is recognised by. A cause is a candidate when a symptom with positive weight is there.
        effects: Rules that it may set off, though they say nothing for it.
        remedies: Most promising first.
    """

    id: str
    title: str
    clues: Sequence[Clue]
    remedies: Sequence[RemedyMaker]
    effects: tuple[str, ...] = ()
    prior: float = -2.0

    @property
    def symptoms(self) -> tuple[str, ...]:
        """Rules that speak for it."""
        rules = (rule for clue in self.clues if isinstance(clue, Symptom) and clue.weight > 0 for rule in clue.rules)
        return tuple(dict.fromkeys(rules))

    @property
    def explains(self) -> frozenset[str]:
        """Rules whose findings it accounts for."""
        return frozenset((*self.symptoms, *self.effects))

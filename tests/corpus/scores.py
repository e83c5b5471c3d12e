"""How good a diagnostician is, over runs it has judged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from corpus.intervals import Interval, bootstrap, wilson
from corpus.judged import Judged
from corpus.telemetry import Values


@dataclass(frozen=True, slots=True)
class Share:
    """A proportion with its Wilson interval.

    Attributes:
        hits: Of them.
        total: Of all.
    """

    hits: int
    total: int

    @property
    def value(self) -> float:
        """Hits of the total; NaN of none."""
        return self.hits / self.total if self.total else float("nan")

    @property
    def interval(self) -> Interval:
        """At 95%."""
        return wilson(self.hits, self.total)


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one diagnostician.

    Attributes:
        recall: Faulty runs with an alarm.
        right_first: Faulty runs whose first cause is right.
        accused: Healthy runs with an alarm.
        false_alarms: Mean number of alarms on a healthy run.
        false_alarms_interval: At 95%, by bootstrap over programs.
        latency: Median steps to the first alarm, over all faulty runs.
        latency_interval: Likewise.
        latency_in_epochs: Median, over all faulty runs.
        early: Faulty runs found within the first epoch or 50 steps.
    """

    recall: Share
    right_first: Share
    accused: Share
    false_alarms: float
    false_alarms_interval: Interval
    latency: float
    latency_interval: Interval
    latency_in_epochs: float
    early: Share


EARLY_STEPS = 50


def score(runs: Sequence[Judged]) -> Scores:
    """Scores the judgements of one diagnostician."""
    faulty = [run for run in runs if not run.label.healthy]
    healthy = [run for run in runs if run.label.healthy]
    false, latency = [float(len(run.alarms)) for run in healthy], [run.latency for run in faulty]
    return Scores(
        recall=_share(faulty, lambda run: run.detected),
        right_first=_share(faulty, lambda run: run.right_first),
        accused=_share(healthy, lambda run: bool(run.alarms)),
        false_alarms=float(np.mean(false)) if false else float("nan"),
        false_alarms_interval=bootstrap(false, [run.label.program for run in healthy]),
        latency=_median(latency),
        latency_interval=bootstrap(latency, [run.label.program for run in faulty], _median),
        latency_in_epochs=_median([run.latency_in_epochs for run in faulty]),
        early=_share(faulty, lambda run: run.latency <= max(EARLY_STEPS, run.label.steps_per_epoch)),
    )


@dataclass(frozen=True, slots=True)
class FaultScore:
    """Of one kind of fault.

    Attributes:
        fault: Its id.
        runs: Judged.
        recall: As of `Scores`.
        right_first: As of `Scores`.
        latency: Median steps.
    """

    fault: str
    runs: int
    recall: Share
    right_first: Share
    latency: float


def by_fault(runs: Sequence[Judged]) -> list[FaultScore]:
    """Scores each kind of fault."""
    found = []
    for fault in sorted({run.label.fault for run in runs if not run.label.healthy}):
        those = [run for run in runs if run.label.fault == fault]
        right, latency = _share(those, lambda run: run.right_first), _median([run.latency for run in those])
        found.append(FaultScore(fault, len(those), _share(those, lambda run: run.detected), right, latency))
    return found


@dataclass(frozen=True, slots=True)
class RuleScore:
    """Of one rule: in how many runs it is part of an alarm.

    Attributes:
        rule: Its id.
        faulty: Of the faulty runs.
        healthy: Of the healthy runs: its false-alarm rate.
    """

    rule: str
    faulty: Share
    healthy: Share


def by_rule(runs: Sequence[Judged]) -> list[RuleScore]:
    """Scores each rule that spoke."""

    def share(rule: str, healthy: bool) -> Share:
        those = [run for run in runs if run.label.healthy == healthy]
        return _share(those, lambda run: any(rule in alarm.rules for alarm in run.alarms))

    rules = sorted({rule for run in runs for alarm in run.alarms for rule in alarm.rules})
    return [RuleScore(rule, share(rule, False), share(rule, True)) for rule in rules]


def _share(runs: Sequence[Judged], hit: Callable[[Judged], bool]) -> Share:
    return Share(sum(map(hit, runs)), len(runs))


def _median(values: Sequence[float] | Values) -> float:
    return float(np.quantile(values, 0.5, method="inverted_cdf")) if len(values) else float("nan")

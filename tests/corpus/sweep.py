"""Whether any setting of a baseline's thresholds would do better than we do.

Every threshold is moved by one factor, from far stricter to far more lenient than published. Compared are the share of
faulty runs that are found and the share of healthy runs that are accused, which counts one false alarm a run at most
and so is the kindest count for who raises many.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from corpus.alarm import Alarm
from corpus.judged import Judged, Label
from corpus.scores import Share
from corpus.telemetry import Telemetry

LENIENCIES = tuple(10.0 ** (exponent / 4) for exponent in range(-12, 13))
Baseline = Callable[[Telemetry, float], Sequence[Alarm]]


@dataclass(frozen=True, slots=True)
class Setting:
    """One point of a sweep.

    Attributes:
        leniency: Factor.
        recall: Share of faulty runs found.
        accused: Share of healthy runs accused.
    """

    leniency: float
    recall: float
    accused: float


@dataclass(frozen=True, slots=True)
class Swept:
    """A baseline beside us.

    Attributes:
        settings: All that were tried.
        best_recall: The highest recall of a setting that accuses no more healthy runs than we do; 0 when none does.
        least_accused: The smallest share of healthy runs accused by a setting that finds as many faults as we do; 1
            when none does.
        behind: Whether every setting finds fewer faults than we do, or accuses more healthy runs.
    """

    settings: tuple[Setting, ...]
    best_recall: float
    least_accused: float
    behind: bool


def sweep(baseline: Baseline, runs: Sequence[tuple[Label, Telemetry]], recall: Share, accused: Share) -> Swept:
    """Tries a baseline's settings.

    Args:
        baseline: Judges a run at a leniency.
        runs: To judge.
        recall: Ours.
        accused: Ours.
    """
    settings = tuple(_setting(baseline, runs, leniency) for leniency in LENIENCIES)
    as_quiet = [each.recall for each in settings if each.accused <= accused.value]
    as_keen = [each.accused for each in settings if each.recall >= recall.value]
    behind = all(each.recall < recall.value or each.accused > accused.value for each in settings)
    return Swept(settings, max(as_quiet, default=0.0), min(as_keen, default=1.0), behind)


def _setting(baseline: Baseline, runs: Sequence[tuple[Label, Telemetry]], leniency: float) -> Setting:
    judged = [Judged(label, tuple(baseline(telemetry, leniency))) for label, telemetry in runs]
    faulty = [run.detected for run in judged if not run.label.healthy]
    healthy = [bool(run.alarms) for run in judged if run.label.healthy]
    return Setting(leniency, sum(faulty) / max(1, len(faulty)), sum(healthy) / max(1, len(healthy)))

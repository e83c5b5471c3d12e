"""The rule on a run's rhythm: nothing was heard for longer than its own pace explains.

Rules have no clock. Whoever has one compares it with the limit stated here, and writes into the run's log that it was
passed; from there the rule sees it, live and in every replay.
"""

from dataclasses import dataclass, field

import numpy as np

from paramedic_service.rules.changes import Changes
from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.episode import Episode, Verdict
from paramedic_service.rules.finding import Evidence, Finding, Severity
from paramedic_service.rules.telemetry import Rows

STALLED_RUN = RuleDeclaration(
    id="stalled_run",
    family="run",
    severity=Severity.CRITICAL,
    summary="A run that has not ended stopped reporting.",
    requires=("reports",),
    parameters=(
        Parameter("gaps", 5.0, "silence over the longest gap between reports so far", "NVRx", "ratio"),
        Parameter(
            "shortest", 60.0, "silence that is always allowed: evaluation, checkpoints, data loading", unit="seconds"
        ),
        Parameter(
            "longest", 1800.0, "silence that is never allowed", "SageMaker Debugger StalledTrainingRule", "seconds"
        ),
        Parameter("resolve_after", 1, "reports that resolve it", unit="steps"),
    ),
    remedies=(
        "See whether the training process still runs: a debugger, py-spy dump, the machine's memory and disk.",
        "Look for a deadlock in the input pipeline or in a collective operation of another rank.",
        "Restart from the last checkpoint.",
    ),
)


@dataclass(slots=True)
class Rhythm:
    """State of the rule of one run.

    Attributes:
        last_time: Client clock of the latest row, seconds; None before the first.
        last_step: Of the latest row; None before the first.
        longest_gap: Between two rows so far, seconds, silences excepted.
        silent: Whether the gap that is ending was reported as silence.
        episode: Of the finding.
    """

    last_time: float | None = None
    last_step: int | None = None
    longest_gap: float | None = None
    silent: bool = False
    episode: Episode = field(default_factory=Episode)

    @property
    def limit(self) -> float:
        """Silence that is still normal, seconds."""
        if self.longest_gap is None:
            return STALLED_RUN["longest"]
        return min(max(STALLED_RUN["gaps"] * self.longest_gap, STALLED_RUN["shortest"]), STALLED_RUN["longest"])

    def observe(self, batch: Rows, changes: Changes) -> None:
        """Takes in the times of a batch of rows, which end any silence."""
        if not self.episode.idle:
            resolved = self.episode.rest(STALLED_RUN, batch.steps.tolist(), int(STALLED_RUN["resolve_after"]))
            if resolved is not None:
                changes.add(*resolved)
        times = batch.times
        if self.last_time is not None and not self.silent:
            times = np.concatenate(([self.last_time], times))
        self.silent = False
        if len(times) > 1:
            gap = float(np.diff(times).max())
            if self.longest_gap is None or gap > self.longest_gap:
                self.longest_gap = gap
        self.last_time, self.last_step = float(batch.times[-1]), int(batch.steps[-1])

    def silence(self, seconds: float, limit: float) -> Finding | None:
        """Takes in that nothing was heard for so long."""
        self.silent = True
        step = self.last_step or 0
        verdict = Verdict(
            f"Nothing was heard for {seconds:.0f} s after step {step}; {limit:.0f} s are normal for this run.",
            (Evidence("report", step, seconds, "seconds since the last report", threshold=limit),),
        )
        return self.episode.violate(STALLED_RUN, step, lambda: verdict)

    def end(self) -> Finding | None:
        """Resolves the finding of a run that ended: it is no longer expected to report."""
        return self.episode.resolve(STALLED_RUN, self.last_step or 0) if self.episode.open else None

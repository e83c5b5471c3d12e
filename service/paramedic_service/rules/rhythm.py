"""The rule on a run's rhythm: nothing was heard for longer than its own pace explains.

Rules have no clock. Whoever has one compares it with the limit stated here, and writes into the run's log that it was
passed; from there the rule sees it, live and in every replay.
"""

from dataclasses import dataclass

import numpy as np

from paramedic_service.rules.changes import Changes
from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.finding import Evidence, Severity
from paramedic_service.rules.monitor import Monitor
from paramedic_service.rules.standing import LossObservations
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


RULES = (STALLED_RUN,)


@dataclass(slots=True)
class RhythmState:
    """State of the rule of one run.

    Attributes:
        last_time: Client clock of the latest row, seconds; None before the first.
        last_step: Of the latest row; None before the first.
        longest_gap: Between two rows so far, seconds, silences excepted.
        silent: Whether the gap that is ending was reported as silence.
    """

    last_time: float | None = None
    last_step: int | None = None
    longest_gap: float | None = None
    silent: bool = False


class RhythmMonitor(Monitor[RhythmState]):
    """The rule on the rhythm of one run."""

    rules = RULES
    state_type = RhythmState

    @property
    def limit(self) -> float:
        """Silence that is still normal, seconds."""
        rule, gap = self[STALLED_RUN].rule, self.state.longest_gap
        if gap is None:
            return rule["longest"]
        return min(max(rule["gaps"] * gap, rule["shortest"]), rule["longest"])

    def observe(self, batch: Rows, losses: LossObservations, changes: Changes) -> None:
        """Takes in the times of a batch of rows, which end any silence."""
        state, times = self.state, batch.times
        if not self[STALLED_RUN].idle:
            self[STALLED_RUN].rested(changes, range(len(times)), batch.steps.tolist())
        if state.last_time is not None and not state.silent:
            times = np.concatenate(([state.last_time], times))
        state.silent = False
        if len(times) > 1:
            gap = float(np.diff(times).max())
            if state.longest_gap is None or gap > state.longest_gap:
                state.longest_gap = gap
        state.last_time, state.last_step = float(batch.times[-1]), int(batch.steps[-1])

    def silence(self, seconds: float, limit: float, changes: Changes) -> None:
        """Takes in that nothing was heard for so long, both in seconds."""
        self.state.silent = True
        step = self.state.last_step or 0
        verdict = Verdict(
            f"Nothing was heard for {seconds:.0f} s after step {step}; {limit:.0f} s are normal for this run.",
            (Evidence("report", step, seconds, "seconds since the last report", threshold=limit),),
        )
        self[STALLED_RUN].judged(changes, 0, step, verdict)

    def end(self, changes: Changes) -> None:
        """Takes in that the run ended: it is no longer expected to report."""
        self[STALLED_RUN].assessed(changes, self.state.last_step or 0, None)

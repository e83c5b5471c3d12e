"""Rules on the time that steps take: a first one that takes very long, and later ones that take ever longer."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from paramedic_service.rules.changes import Changes
from paramedic_service.rules.declaration import Parameter, RuleDeclaration
from paramedic_service.rules.description import Description
from paramedic_service.rules.episode import Verdict
from paramedic_service.rules.finding import Evidence, Severity
from paramedic_service.rules.monitor import Monitor
from paramedic_service.rules.standing import LossObservations
from paramedic_service.rules.telemetry import Doubles, Rows

WINDOW = 64
"""Steps whose times make one baseline."""

SCALE = 1.4826
"""Standard deviations a median absolute deviation, of normally distributed values."""

SLOW_FIRST_STEP = RuleDeclaration(
    id="slow_first_step",
    family="run",
    severity=Severity.INFO,
    summary="The first step of a training took very long.",
    requires=("reports",),
    parameters=(
        Parameter("longest", 1200.0, "from the beginning of the training to its first report", unit="seconds"),
    ),
    remedies=(
        "Look at what happens before the first step: compiling, filling a shuffle buffer, downloading or caching data.",
        "Compile fewer shapes: fixed lengths or a few buckets; drop the last, smaller batch.",
    ),
)

SLOW_STEPS = RuleDeclaration(
    id="slow_steps",
    family="run",
    severity=Severity.INFO,
    summary="Steps take much longer than they did before.",
    requires=("reports",),
    parameters=(
        Parameter("z", 3.0, "standard deviations above the usual time of a step", unit="deviations"),
        Parameter("ratio", 2.0, "time of a step over the usual one: less is not worth a look", unit="ratio"),
        Parameter("shortest", 0.05, "time of a step below which the machine's own noise rules", unit="seconds"),
        Parameter("patience", 10, "such steps in a row: evaluation and checkpoints are single gaps", unit="steps"),
        Parameter("resolve_after", 10, "usual steps in a row that resolve it", unit="steps"),
    ),
    remedies=(
        "Look at the machine: other processes, heat, memory that is swapped.",
        "Look at the input pipeline: slow storage, a cache that is full, longer sequences.",
        "Look for what grows with every step: a graph that is traced again, lists of tensors, logging.",
    ),
)

RESTARTED_EARLIER = RuleDeclaration(
    id="restarted_earlier",
    family="run",
    severity=Severity.INFO,
    summary="A training that was restarted began from an older step than it had reached.",
    requires=("reports",),
    parameters=(Parameter("first", 1, "step up to which a start counts as the very first", unit="steps"),),
    remedies=(
        "Save checkpoints more often, and load the latest one before the training goes on: run.checkpoint() belongs in"
        " it, and paramedic.init(resume=...) behind it; keras.callbacks.BackupAndRestore.",
        "Report steps that go on where the checkpoint was taken, if that is what happened.",
    ),
)

RULES = (SLOW_FIRST_STEP, SLOW_STEPS, RESTARTED_EARLIER)


@dataclass(slots=True)
class StepState:
    """State of the rules of one run.

    Attributes:
        began: When a training began whose first row has not come, seconds since the Unix epoch; None when none did.
        started: Whether a row was seen.
        last_time: Of the latest row of this training, seconds; None before it.
        pending: Times of steps of the window that is being filled, slow ones left out, seconds.
        filled: Steps of that window, slow ones included.
        usual: Median time of a step in the last window, seconds; None before it is complete.
        limit: Time above which a step is slow, seconds; infinite before.
    """

    began: float | None = None
    started: bool = False
    last_time: float | None = None
    pending: list[float] = field(default_factory=list)
    filled: int = 0
    usual: float | None = None
    limit: float = np.inf


class StepMonitor(Monitor[StepState]):
    """The rules on the time that steps take, on one run."""

    rules = RULES
    state_type = StepState

    def resume(self, description: Description) -> None:
        """Takes in how often the training was restarted."""
        self._attempt = description.attempt

    def describe(self, description: Description, step: int, changes: Changes) -> None:
        """Takes in how often the training was restarted."""
        self.resume(description)

    def restart(self) -> None:
        """Begins anew: another training has steps of its own length."""
        self.state = StepState(started=self.state.started)

    def began(self, time: float) -> None:
        """Takes in when a training began, seconds since the Unix epoch."""
        self.state.began = time

    def resumed(self, attempt: int, previous: int, last_step: int, step: int, changes: Changes) -> None:
        """Takes in that this attempt began at a step, and the last step of the attempt before."""
        if step >= last_step:
            return
        verdict = Verdict(
            f"Attempt {attempt} began at step {step}, where attempt {previous} had reached step {last_step}:"
            f" {last_step - step} steps are made again.",
            (
                Evidence("report", step, float(step), "first step of the attempt", threshold=float(last_step)),
                Evidence("report", step, float(last_step), "last step of the attempt before"),
            ),
        )
        changes.add(0, self[RESTARTED_EARLIER].episode.hold(self[RESTARTED_EARLIER].rule, step, verdict))

    def observe(self, batch: Rows, losses: LossObservations, changes: Changes) -> None:
        """Judges the times of a batch of rows."""
        state, times = self.state, batch.times
        if not state.started or state.began is not None:
            self._first(batch, changes)
        before = times[0] if state.last_time is None else state.last_time
        durations = np.empty(len(times))
        durations[0] = times[0] - before
        np.subtract(times[1:], times[:-1], out=durations[1:])
        state.last_time = float(times[-1])
        start = 0
        while start < len(durations):
            stop = min(start + WINDOW - state.filled, len(durations))
            self._judge(durations[start:stop], start, batch, changes)
            start = stop

    def _first(self, batch: Rows, changes: Changes) -> None:
        state, step = self.state, int(batch.steps[0])
        if state.began is not None:
            condition, waited = self[SLOW_FIRST_STEP], float(batch.times[0]) - state.began
            longest = condition.rule["longest"]
            verdict = Verdict(
                f"The first step took {waited:.0f} s.",
                (Evidence("report", step, waited, "seconds from the training's beginning", threshold=longest),),
            )
            condition.judged(changes, 0, step, verdict if waited > longest else None)
        condition = self[RESTARTED_EARLIER]
        if not state.started and self._attempt and step <= condition.rule["first"]:
            verdict = Verdict(
                f"Restart {self._attempt} of this training began at step {step} again: what it had learned is lost.",
                (Evidence("report", step, float(self._attempt), "restarts"),),
            )
            condition.judged(changes, 0, step, verdict)
        state.began, state.started = None, True

    def _judge(self, durations: Doubles, start: int, batch: Rows, changes: Changes) -> None:
        """Judges steps that lie within one window, against the last one."""
        state, condition = self.state, self[SLOW_STEPS]
        if durations.max() <= state.limit:
            if not condition.idle:
                rows = range(start, start + len(durations))
                condition.rested(changes, rows, batch.steps[rows.start : rows.stop].tolist())
            state.pending += durations.tolist()
        else:
            for row, duration in enumerate(durations.tolist(), start):
                step = int(batch.steps[row])
                if duration > state.limit:
                    condition.violated(changes, row, step, partial(self._slow, step, duration))
                else:
                    condition.rested(changes, (row,), (step,))
                    state.pending.append(duration)
        state.filled += len(durations)
        if state.filled == WINDOW:
            self._close()

    def _close(self) -> None:
        """Ends a window; one that is mostly slow is no measure for the next."""
        state, rule = self.state, self[SLOW_STEPS].rule
        if len(state.pending) > WINDOW // 2:
            usual = _median(state.pending)
            deviation = SCALE * _median([abs(time - usual) for time in state.pending])
            state.usual = usual
            state.limit = max(usual + rule["z"] * deviation, rule["ratio"] * usual, rule["shortest"])
        state.pending, state.filled = [], 0

    def _slow(self, step: int, took: float) -> Verdict:
        usual = self.state.usual or 0.0
        return Verdict(
            f"Steps take {took:.3g} s at step {step}; {usual:.3g} s were usual.",
            (Evidence("report", step, took, "seconds a step", threshold=self.state.limit),),
        )


def _median(values: list[float]) -> float:
    """The upper median: numpy's would cost ten times as much for a few values."""
    return sorted(values)[len(values) // 2]

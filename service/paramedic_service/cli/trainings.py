"""Trainings as people see them: all attempts and ranks of one run together."""

from collections.abc import Iterable
from dataclasses import dataclass

from rich.text import Text

from paramedic.v1.run_pb2 import RUN_STATE_FAILED, RUN_STATE_FINISHED, RUN_STATE_RUNNING, Run, RunState
from paramedic_service.cli import output
from paramedic_service.cli.documents import short_name

_STATES = (RUN_STATE_RUNNING, RUN_STATE_FAILED, RUN_STATE_FINISHED)


@dataclass(frozen=True, slots=True)
class Training:
    """One run with its processes.

    Attributes:
        ranks: Processes of the latest attempt, by rank.
    """

    ranks: tuple[Run, ...]

    @property
    def first(self) -> Run:
        """The leading process of the latest attempt."""
        return self.ranks[0]

    @property
    def label(self) -> str:
        """PROJECT/ID, with the attempt where it is not the first, and how many ranks where there are several."""
        run = self.first.identity
        attempt = f" attempt {run.attempt}" if run.attempt else ""
        if len(self.ranks) > 1:
            return f"{run.project}/{run.id}{attempt}, {len(self.ranks)} ranks"
        return f"{run.project}/{run.id}{attempt}{f' rank {run.rank}' if run.rank else ''}"

    @property
    def state(self) -> Text:
        """How its processes stand; how many of each, where they differ."""
        counts = {state: sum(run.state == state for run in self.ranks) for state in _STATES}
        present = [(_word(state), count) for state, count in counts.items() if count]
        if len(present) == 1:
            return output.styled(present[0][0], output.STATE_STYLES)
        return Text(", ").join(Text(f"{count} ") + output.styled(word, output.STATE_STYLES) for word, count in present)

    @property
    def step(self) -> str:
        """How far its processes are: from the slowest to the fastest."""
        steps = [run.last_step for run in self.ranks if run.HasField("last_step")]
        if not steps:
            return "-"
        return str(max(steps)) if min(steps) == max(steps) else f"{min(steps)} to {max(steps)}"

    @property
    def last_report_at(self) -> float | None:
        """Client clock of the latest report of any of them, seconds since the Unix epoch; None before the first."""
        return max((run.last_report_at for run in self.ranks if run.HasField("last_report_at")), default=None)

    @property
    def open_findings(self) -> int:
        """Of all its processes."""
        return sum(run.open_findings for run in self.ranks)


def together(runs: Iterable[Run]) -> list[Training]:
    """Joins the attempts and ranks of each run, in the order in which they are met first."""
    processes: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        processes.setdefault((run.identity.project, run.identity.id), []).append(run)
    return [_training(each) for each in processes.values()]


def of_attempt(runs: Iterable[Run], attempt: int) -> tuple[Run, ...]:
    """The processes of one attempt, by rank."""
    return tuple(sorted((run for run in runs if run.identity.attempt == attempt), key=lambda run: run.identity.rank))


def _training(runs: list[Run]) -> Training:
    return Training(of_attempt(runs, max(run.identity.attempt for run in runs)))


def _word(state: RunState.ValueType) -> str:
    return short_name(RunState.DESCRIPTOR, state)

"""The ranks of one attempt of a training: what the service, which sees them all, writes into the log of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from paramedic.v1.telemetry_pb2 import (
    AttemptBegan,
    AttemptReplaced,
    RankLost,
    RankPace,
    RankReturned,
    ReplicaDifference,
    RunEvent,
)
from paramedic_service.ingest.pace import PaceComparison
from paramedic_service.ingest.replicas import ReplicaComparison
from paramedic_service.ingest.session import ActiveRun
from paramedic_service.rules.errors import read_of_peer
from paramedic_service.rules.telemetry import WEIGHT_NORM, Rows
from paramedic_service.store.records import RunState

LOST_SECONDS = 5.0
"""How long a stream may be gone: a client whose connection alone broke is back in less than a second, usually."""

TEARDOWN_SECONDS = 60.0
"""How long a launcher takes to end the other ranks once one of them is gone; theirs are no losses of their own."""

Note = tuple[ActiveRun, RunEvent]
"""What is to be written into the log of a run."""


@dataclass(eq=False, slots=True)
class RankGroup:
    """The ranks of one attempt of a training that are in memory.

    Attributes:
        members: By rank.
    """

    members: dict[int, ActiveRun] = field(default_factory=dict)
    _pace: PaceComparison = field(default_factory=PaceComparison)
    _replicas: ReplicaComparison = field(default_factory=ReplicaComparison)

    @property
    def alone(self) -> bool:
        """Whether there are no others to compare a rank with."""
        return len(self.members) < 2

    def heard(self, run: ActiveRun, rows: Rows, now: float) -> Iterator[Note]:
        """Compares the ranks, of which there are several, after rows of one of them were judged."""
        # One that never reported a step does something else: nobody is to wait for its times.
        reporting = {
            rank: each for rank, each in self.members.items() if each.reporting and each.live.last_step is not None
        }
        rank = run.live.key.rank
        if rank not in reporting:  # rows from before its stream broke off
            return
        self._pace.take(rank, rows)
        for slow, pace in self._pace.compare(reporting).items():
            member = reporting[slow]
            if member.noted or member.live.diagnosis.pace_matters(pace.seconds, pace.median):
                told = RankPace(rank=slow, seconds=pace.seconds, median=pace.median, ranks=pace.ranks)
                yield member, RunEvent(time=now, step=member.live.last_step, pace=told)
        yield from self._differences(rank, rows, reporting, now)

    def passed(self, now: float) -> Iterator[Note]:
        """Looks for ranks that are gone, as time passes."""
        if self.alone:
            return
        reporting = sum(each.reporting for each in self.members.values())
        for rank, run in self.members.items():
            broke_off = run.broke_off_at
            if broke_off is None or not run.expected or run.noted or run.live.diagnosis.is_lost:
                continue
            if now - broke_off < LOST_SECONDS or self._brought_down(rank, broke_off):
                continue
            failed = sum(each.live.state is RunState.FAILED for each in self.members.values())
            if reporting or failed:
                lost = RankLost(rank=rank, seconds=now - broke_off, reporting=reporting, failed=failed)
                yield run, RunEvent(time=now, step=run.live.last_step, lost=lost)
                for other in self.members.values():
                    if read_of_peer(other.live.diagnosis.findings):
                        yield other, RunEvent(time=now, step=run.live.last_step, lost=lost)

    def raised(self, run: ActiveRun, now: float) -> Iterator[Note]:
        """Takes in that a rank raised an exception, which another one may have brought about."""
        if not read_of_peer(run.live.diagnosis.findings):
            return
        for rank, other in self.members.items():
            if other.live.diagnosis.is_lost and other.broke_off_at is not None:
                lost = RankLost(rank=rank, seconds=now - other.broke_off_at)
                yield run, RunEvent(time=now, step=other.live.last_step, lost=lost)

    def returned(self, run: ActiveRun, now: float) -> Iterator[Note]:
        """Takes in that a rank opened a stream."""
        if run.live.diagnosis.is_lost:
            yield run, RunEvent(time=now, step=run.live.last_step, returned=RankReturned())

    def replaced(self, attempt: int, now: float) -> Iterator[Note]:
        """Takes in that a later attempt began: whoever of this one is gone is not expected back."""
        for run in self.members.values():
            # A launcher restarts at once; who was lost is found first.
            gone = run.broke_off_at is None or now - run.broke_off_at >= LOST_SECONDS
            if run.expected and run.session is None and gone and not run.noted:
                told = AttemptReplaced(attempt=attempt)
                yield run, RunEvent(time=now, step=run.live.last_step, attempt_replaced=told)

    def _differences(self, rank: int, rows: Rows, reporting: Mapping[int, ActiveRun], now: float) -> Iterator[Note]:
        # Where there are more processes than replicas, nobody knows which of them hold the same weights.
        replicas = [
            each
            for each, run in reporting.items()
            if WEIGHT_NORM in run.live.latest_norms and len(self.members) <= run.live.description.training.replicas
        ]
        found = self._replicas.take(rank, rows, replicas)
        if found is None:
            return
        leading = reporting[min(replicas)]
        diagnosis, names = leading.live.diagnosis, leading.live.tensor_names
        if not (leading.noted or diagnosis.difference_matters(found.difference)):
            return
        apart = found.difference > 0 and found.tensor < len(names)
        difference = ReplicaDifference(
            tensor=names[found.tensor] if apart else "",
            difference=found.difference,
            ranks=found.ranks,
            differing=found.differing,
        )
        yield leading, RunEvent(time=now, step=found.step, difference=difference)

    def _brought_down(self, rank: int, broke_off: float) -> bool:
        """Whether another rank was gone or failed first, which ends the rest of a training soon.

        A rank that failed because a peer was gone did not fail first, whichever was heard of first.
        """
        for other, run in self.members.items():
            if other == rank:
                continue
            gone = run.broke_off_at if run.expected else run.live.ended_at
            if gone is None or run.live.state is RunState.FINISHED or not broke_off - TEARDOWN_SECONDS < gone:
                continue
            if gone < broke_off and not read_of_peer(run.live.diagnosis.findings):
                return True
        return False


def attempt_began(attempt: int, previous: tuple[int, int], rows: Rows, now: float) -> RunEvent:
    """Where an attempt began beside where the one before had come.

    Args:
        attempt: This attempt.
        previous: The attempt before, and its last step.
        rows: The first ones of this attempt.
        now: Service clock, seconds since the Unix epoch.
    """
    before, last_step = previous
    began = AttemptBegan(previous=before, last_step=last_step, attempt=attempt)
    return RunEvent(time=now, step=int(rows.steps[0]), attempt_began=began)

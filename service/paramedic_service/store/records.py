"""What the store keeps: runs, their logs, checkpoints of their folding, what was found in them, and reproductions."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

Item = TypeVar("Item")


class RunState(IntEnum):
    """How a run stands, as far as its log tells; values as in the wire contract."""

    RUNNING = 1
    FINISHED = 2
    FAILED = 3


@dataclass(frozen=True, slots=True)
class RunKey:
    """Which training process is meant.

    Attributes:
        project: Groups runs; any Unicode text.
        id: Unique within the project; any Unicode text.
        attempt: How often this training was restarted.
        rank: The process's rank in a distributed training.
    """

    project: str
    id: str
    attempt: int = 0
    rank: int = 0


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run as stored.

    Attributes:
        number: The store's own short name of the run; grows with every new run.
        key: Which training process it is.
        name: For people; not unique.
        state: As of the latest checkpoint.
        created_at: Service clock of the first registration, seconds since the Unix epoch.
        last_report_at: Client clock of the latest report, as of the latest checkpoint; None when unknown.
        last_step: Highest step in the log; None when there is none.
        rows: Rows in the log.
        last_sequence: Highest client sequence in the log; 0 when there is none.
        open_findings: Findings open as of the latest checkpoint.
        folded_position: Log position up to which the run was judged, as of the latest checkpoint; 0 when nothing was.
        updated_at: Service clock of the registration or the latest checkpoint, seconds since the Unix epoch.
    """

    number: int
    key: RunKey
    name: str
    state: RunState
    created_at: float
    last_report_at: float | None
    last_step: int | None
    rows: int
    last_sequence: int
    open_findings: int
    folded_position: int
    updated_at: float


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One entry of a run's log.

    Attributes:
        run: Number of the run.
        sequence: The client's sequence number, 1 to 2^63 - 1; None when the service wrote the entry.
        rows: Rows (calls of log) in it.
        first_step: Lowest step in it; None when it has none.
        last_step: Highest step in it; None when it has none.
        body: Serialized paramedic.v1.StreamTelemetryRequest, as received.
        position: Place in the log of all runs, from 1, given by the store; 0 before it is stored.
    """

    run: int
    sequence: int | None
    rows: int
    first_step: int | None
    last_step: int | None
    body: bytes
    position: int = 0


@dataclass(frozen=True, slots=True)
class FindingRecord:
    """The latest version of one rule's finding on one run.

    Attributes:
        run: The run it was found in.
        rule: Id of the rule.
        severity: As in the wire contract, 1 (info) to 3 (critical).
        open: Whether the condition holds.
        changed_at: Service clock of the latest change, seconds since the Unix epoch; finite.
        body: Serialized paramedic.v1.Finding.
    """

    run: RunKey
    rule: str
    severity: int
    open: bool
    changed_at: float
    body: bytes


@dataclass(frozen=True, slots=True)
class IncidentsRecord:
    """All incidents of one run, as they stand together: a new finding may regroup them.

    Attributes:
        run: The run they were made of.
        open: Whether any of them is open.
        changed_at: Service clock of the latest change, seconds since the Unix epoch; finite.
        body: Serialized paramedic.v1.ListIncidentsResponse that holds them, the worst first.
    """

    run: RunKey
    open: bool
    changed_at: float
    body: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far one run was judged, and what came of it.

    Attributes:
        run: Number of the run.
        folded_position: Position of the last log record that was folded.
        state: How the run stands after that record.
        last_report_at: Client clock of the latest report, seconds since the Unix epoch; None (or not finite, which
            is stored as None) when unknown.
        findings: Findings of this run that changed since its last checkpoint, in their latest version.
        snapshot: State of the fold after that record, replacing the older one; None keeps the older one.
        incidents: All incidents of this run, replacing the older ones; None keeps the older ones.
    """

    run: int
    folded_position: int
    state: RunState
    last_report_at: float | None
    findings: Sequence[FindingRecord] = ()
    snapshot: bytes | None = None
    incidents: IncidentsRecord | None = None


@dataclass(frozen=True, slots=True)
class NoticeRecord:
    """An incident that people were told of, and not yet of its end.

    Attributes:
        run: The run.
        incident: Its id within the run.
        severity: That was told, as in the wire contract.
        told_at: Service clock, seconds since the Unix epoch; finite.
    """

    run: RunKey
    incident: str
    severity: int
    told_at: float


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """Samples of its data that the author of a run shared.

    Attributes:
        run: The run.
        shared_at: Service clock, seconds since the Unix epoch; finite.
        header: Serialized paramedic.v1.SampleHeader: names, shapes and types of the arrays.
        contents: Of the arrays, one after another, little-endian and row-major.
    """

    run: RunKey
    shared_at: float
    header: bytes
    contents: bytes


class ReproductionState(IntEnum):
    """How a reproduction stands; values as in the wire contract."""

    QUEUED = 1
    RUNNING = 2
    FINISHED = 3
    FAILED = 4
    CANCELLED = 5

    @property
    def ended(self) -> bool:
        """Whether nothing more comes of it."""
        return self not in (ReproductionState.QUEUED, ReproductionState.RUNNING)


@dataclass(frozen=True, slots=True)
class ReproductionRecord:
    """One reproduction as stored.

    Attributes:
        id: Unique; any Unicode text.
        project: It belongs to.
        run: The run that it reproduces; None when it came from a scenario or a specification.
        incident: Of that run; empty without one.
        scenario: It was made from; empty without one.
        state: As of the latest change.
        priority: Higher ones run first.
        created_at: Service clock, seconds since the Unix epoch, as the other times.
        started_at: When it was last started; None before.
        ended_at: When it ended; None before.
        attempts: How often it was started.
        losses: How often what ran it died under it: its worker, or the service.
        settled: Whether it ended, and everybody who should know of that does.
        body: Serialized paramedic.v1.Reproduction, without curves.
        number: The store's own short name of it, given by the store; grows with every new one; 0 before it is stored.
        verdict: Serialized paramedic.v1.ReproductionVerdict; None without one. It stands in the body as well, but
            whoever asks for the verdicts on many runs must not read all that was trained for them.
    """

    id: str
    project: str
    run: RunKey | None
    incident: str
    scenario: str
    state: ReproductionState
    priority: int
    created_at: float
    started_at: float | None
    ended_at: float | None
    attempts: int
    losses: int
    settled: bool
    body: bytes
    number: int = 0
    verdict: bytes | None = None


@dataclass(frozen=True, slots=True)
class VerdictRecord:
    """What a reproduction said of a run's incident.

    Attributes:
        run: The run.
        incident: Its id within the run, as it was when the reproduction was asked for.
        reproduction: Id of the reproduction.
        body: Serialized paramedic.v1.ReproductionVerdict.
    """

    run: RunKey
    incident: str
    reproduction: str
    body: bytes


@dataclass(frozen=True, slots=True)
class ReproductionResult:
    """What is large about a reproduction that ended.

    Attributes:
        body: Serialized paramedic.v1.Reproduction, curves included.
        report: HTML page for people; empty without one.
    """

    body: bytes
    report: str


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Part of a listing.

    Attributes:
        items: In the listing's order.
        next_token: Continues the listing behind the last item; None when this page ends it.
    """

    items: Sequence[Item]
    next_token: str | None

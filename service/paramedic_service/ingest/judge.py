"""Folds what became durable and spreads the findings."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import structlog

from paramedic_service.ingest.checkpoints import Checkpointer
from paramedic_service.ingest.entries import Batch, Entry, Event, kind_of
from paramedic_service.ingest.fold import fold, merge, mergeable
from paramedic_service.ingest.live import LiveRun
from paramedic_service.ingest.restore import replay
from paramedic_service.ingest.session import ActiveRun, Promise
from paramedic_service.ingest.subscriptions import FindingChange, Subscriptions
from paramedic_service.instruments import Instruments
from paramedic_service.rules.finding import Finding
from paramedic_service.store.records import LogRecord, RunState

_log = structlog.get_logger(__name__)


class Judge:
    """Brings runs up to what is durable.

    Args:
        checkpointer: Told what is to be saved.
        subscriptions: Told which findings changed; so is the run's own stream.
        instruments: Where entries, durations and findings are counted.
        clock: Service clock, seconds since the Unix epoch.
    """

    def __init__(
        self,
        checkpointer: Checkpointer,
        subscriptions: Subscriptions,
        instruments: Instruments,
        clock: Callable[[], float],
    ) -> None:
        self._checkpointer = checkpointer
        self._subscriptions = subscriptions
        self._instruments = instruments
        self._clock = clock

    def judge(self, run: ActiveRun, promises: Sequence[Promise], position: int) -> None:
        """Folds entries of one run that became durable together.

        Args:
            run: The run.
            promises: Its entries, in order.
            position: The store's position of the last one.
        """
        live = run.live
        with self._instruments.fold_seconds.time():
            findings = self._fold(live, [promise.entry for promise in promises])
        live.position = position
        live.last_sequence = max(live.last_sequence, *(promise.record.sequence or 0 for promise in promises))
        self._count(promises)
        self._conclude(run, findings)

    def judge_stored(self, run: ActiveRun, log: Iterable[LogRecord]) -> None:
        """Folds entries of one run as the store gives them, those behind `live.position`."""
        findings = [finding for _, changed in replay(run.live, log) for finding in changed]
        self._conclude(run, findings)

    def _fold(self, live: LiveRun, entries: Sequence[Entry]) -> list[Finding]:
        findings: list[Finding] = []
        for entry in _joined(entries):
            try:
                findings += fold(live, entry)
            except Exception:
                # The entry is durable, and a version without the defect will judge it when it folds the log.
                self._instruments.fold_failures.inc()
                _log.exception("a rule failed on an entry", run=str(live.key), step=live.last_step)
        return findings

    def _count(self, promises: Sequence[Promise]) -> None:
        for kind, count in Counter(kind_of(promise.entry) for promise in promises).items():
            self._instruments.entries.labels(kind).inc(count)
        for promise in promises:
            if isinstance(promise.entry, Event) and promise.entry.event.HasField("dropped"):
                dropped = promise.entry.event.dropped
                self._instruments.count_dropped(dropped.reason, dropped.rows)
        self._instruments.rows.inc(sum(promise.record.rows for promise in promises))
        self._instruments.bytes.inc(sum(len(promise.record.body) for promise in promises))

    def _conclude(self, run: ActiveRun, findings: Sequence[Finding]) -> None:
        live = run.live
        if live.state is RunState.RUNNING:
            live.ended_at = None
        elif live.ended_at is None:
            live.ended_at = self._clock()
        self._checkpointer.folded(live, findings)
        for finding in findings:
            self._instruments.findings.labels(
                finding.rule, finding.severity.name.lower(), finding.change.name.lower()
            ).inc()
            change = FindingChange(live.key, finding)
            self._subscriptions.publish(change)
            if run.session is not None:
                run.session.tell(change)


def _joined(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Joins consecutive batches: they cost less together, and rules do not see how rows were cut."""
    batches: list[Batch] = []
    for entry in entries:
        if batches and not (isinstance(entry, Batch) and mergeable(batches, entry)):
            yield merge(batches)
            batches = []
        if isinstance(entry, Batch):
            batches.append(entry)
        else:
            yield entry
    if batches:
        yield merge(batches)

"""Brings runs back: from a snapshot and the log behind it, or from the log alone."""

from collections.abc import Iterable, Iterator

import structlog

from paramedic_service.ingest import snapshot
from paramedic_service.ingest.fold import fold
from paramedic_service.ingest.frontier import Frontier
from paramedic_service.ingest.live import LiveRun
from paramedic_service.ingest.refusal import MAX_COUNT
from paramedic_service.ingest.validation import parse, validate
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.finding import Finding
from paramedic_service.rules.rulebook import Rulebook
from paramedic_service.rules.rulebooks import DEFAULT_RULEBOOKS, Rulebooks
from paramedic_service.store.interface import Store
from paramedic_service.store.records import LogRecord, RunRecord

_log = structlog.get_logger(__name__)


class Replayer:
    """Folds the entries of one run, as bytes, one after the other.

    Attributes:
        live: The run so far.
    """

    def __init__(self, live: LiveRun) -> None:
        self.live = live
        self._frontier = Frontier.of(live)

    def feed(self, body: bytes, *, by_service: bool = False) -> list[Finding]:
        """Folds the next entry.

        Args:
            body: Serialised `StreamTelemetryRequest`, no registration.
            by_service: Whether the service itself wrote it.

        Returns:
            The findings that changed, in order.

        Raises:
            InvalidRequestError: The entry is refused; the next one may be fine.
        """
        request = parse(body)
        entry = validate(request, self._frontier, max_tensors=MAX_COUNT, by_service=by_service)
        self._frontier.advance(request.sequence, entry)
        self.live.last_sequence = max(self.live.last_sequence, request.sequence)
        return fold(self.live, entry)


def restore(store: Store, record: RunRecord, rulebooks: Rulebooks = DEFAULT_RULEBOOKS) -> LiveRun:
    """Brings a run into memory as its log tells it.

    Args:
        store: Where it is kept.
        record: What the store knows of it.
        rulebooks: To judge by.
    """
    rulebook = rulebooks.of(record.key.project)
    live = _from_snapshot(store, record, rulebook) or LiveRun(
        record.key, record.number, record.name, record.created_at, diagnosis=Diagnosis(rulebook)
    )
    for _ in replay(live, store.read_log(record.number, after=live.position)):
        pass
    return live


def replay(live: LiveRun, log: Iterable[LogRecord]) -> Iterator[tuple[LogRecord, list[Finding]]]:
    """Folds what the log holds behind what is folded.

    Args:
        live: The run so far.
        log: Entries of its log behind `live.position`.

    Yields:
        Every entry, with the findings it changed.
    """
    replayer = Replayer(live)
    for entry in log:
        findings: list[Finding] = []
        try:
            findings = replayer.feed(entry.body, by_service=entry.sequence is None)
        except Exception:
            # It was accepted once, by a version that was more lenient or whose rules were sound; what follows is
            # worth more than stopping here.
            _log.exception("entry of the log left out", run=str(live.key), position=entry.position)
        live.position = entry.position
        yield entry, findings


def _from_snapshot(store: Store, record: RunRecord, rulebook: Rulebook) -> LiveRun | None:
    stored = store.snapshot(record.number)
    if stored is None:
        return None
    try:
        return snapshot.restore(record, stored[1], rulebook)
    except ValueError as error:
        _log.info("snapshot left unread, folding the whole log", run=str(record.key), reason=str(error))
        return None

"""Writing and reading the log of all runs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, or_, select

from paramedic_service.store import bulk
from paramedic_service.store.database import Database
from paramedic_service.store.records import LogRecord
from paramedic_service.store.tables import log, runs

COLUMNS = ("position", "run", "sequence", "rows", "first_step", "last_step", "body")
TAIL_COLUMNS = {"last_sequence": "BIGINT", "last_step": "BIGINT", "rows": "BIGINT", "last_position": "BIGINT"}
PAGE_RECORDS = 32  # at most 1 MiB each as a rule, so a page is at most 32 MiB


@dataclass(slots=True)
class Tail:
    """Where a run's log ends."""

    last_sequence: int
    last_step: int | None
    rows: int
    position: int


class LogWriter:
    """Appends to the log. Knows where it ends, which nobody else can change, so that an append reads nothing."""

    def __init__(self) -> None:
        self._tails: dict[int, Tail] = {}
        self._end: int | None = None

    def append(self, connection: Connection, records: Sequence[LogRecord]) -> list[int]:
        """Appends entries within the connection's transaction; if that is not committed, `forget` must follow.

        Returns:
            The position of each record, in order; 0 for a repetition.

        Raises:
            LookupError: A record names an unknown run.
        """
        self._know(connection, {record.run for record in records})
        assert self._end is not None
        positions: list[int] = []
        rows: list[bulk.Row] = []
        touched: dict[int, Tail] = {}
        for record in records:
            tail = self._tails[record.run]
            if record.sequence is not None:
                if record.sequence <= tail.last_sequence:
                    positions.append(0)
                    continue
                tail.last_sequence = record.sequence
            if record.last_step is not None and (tail.last_step is None or tail.last_step < record.last_step):
                tail.last_step = record.last_step
            self._end += 1
            tail.rows += record.rows
            tail.position = self._end
            touched[record.run] = tail
            positions.append(self._end)
            rows.append(
                (self._end, record.run, record.sequence, record.rows, record.first_step, record.last_step, record.body)
            )
        tails = [(run, tail.last_sequence, tail.last_step, tail.rows, tail.position) for run, tail in touched.items()]
        bulk.insert(connection, "log", COLUMNS, rows)
        bulk.update(connection, "runs", "number", TAIL_COLUMNS, tails)
        return positions

    def forget(self, run: int | None = None) -> None:
        """Forgets where the log of a run, or of all, ends; the database is asked when it matters again."""
        if run is None:
            self._tails.clear()
            self._end = None
        else:
            self._tails.pop(run, None)

    def _know(self, connection: Connection, numbers: set[int]) -> None:
        if self._end is None:
            self._end = connection.scalar(select(func.coalesce(func.max(log.c.position), 0))) or 0
        unknown = numbers - self._tails.keys()
        if not unknown:
            return
        columns = (runs.c.number, runs.c.last_sequence, runs.c.last_step, runs.c.rows, runs.c.last_position)
        for number, *tail in connection.execute(select(*columns).where(runs.c.number.in_(unknown))):
            self._tails[number] = Tail(*tail)
        missing = unknown - self._tails.keys()
        if missing:
            raise LookupError(f"no run has number {min(missing)}; register it before appending to its log")


def read_log(
    database: Database, run: int, after: int, first_step: int | None, last_step: int | None
) -> Iterator[LogRecord]:
    """Reads a run's log in order, a page at a time, as the store's interface says.

    Between pages nothing is held open: a slow reader must not keep the write-ahead log from starting over.
    """
    columns = (log.c.sequence, log.c.rows, log.c.first_step, log.c.last_step, log.c.body, log.c.position)
    query = select(*columns).where(log.c.run == run).order_by(log.c.position).limit(PAGE_RECORDS)
    if first_step is not None:
        query = query.where(or_(log.c.last_step.is_(None), log.c.last_step >= first_step))
    if last_step is not None:
        query = query.where(or_(log.c.first_step.is_(None), log.c.first_step <= last_step))
    while True:
        with database.reading() as connection:
            page = connection.execute(query.where(log.c.position > after)).all()
        for row in page:
            yield LogRecord(run, *row)
        if len(page) < PAGE_RECORDS:
            return
        after = page[-1].position

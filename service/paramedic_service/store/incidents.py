"""Keeping and listing incidents: all of a run in one row, because they are made together."""

from collections.abc import Sequence

from sqlalchemy import Connection, select, tuple_

from paramedic_service.store.records import IncidentsRecord, Page, RunKey
from paramedic_service.store.tables import incidents, runs
from paramedic_service.store.upsert import upsert
from paramedic_service.store.values import change_in_token, change_token, require_time


def save_incidents(connection: Connection, changed: Sequence[tuple[int, IncidentsRecord]]) -> None:
    """Keeps the incidents of runs in place of their older ones.

    Args:
        connection: In a transaction.
        changed: Numbers of runs, with their incidents; at least one.

    Raises:
        ValueError: A `changed_at` is not finite.
    """
    rows: list[dict[str, object]] = [
        {
            "run": run,
            "open": record.open,
            "changed_at": require_time(record.changed_at, "changed_at of incidents"),
            "body": record.body,
        }
        for run, record in changed
    ]
    upsert(connection, incidents, ("run",), rows)


def list_incidents(
    connection: Connection, project: str | None, run_id: str | None, open_only: bool, limit: int, token: str | None
) -> Page[IncidentsRecord]:
    """One page of runs with incidents, the latest change first; the token names the last run in the page before."""
    order = (incidents.c.changed_at, incidents.c.run)
    query = (
        select(incidents, runs.c.project, runs.c.id, runs.c.attempt, runs.c.rank)
        .join(runs, runs.c.number == incidents.c.run)
        .order_by(*(column.desc() for column in order))
        .limit(limit + 1)
    )
    if project is not None:
        query = query.where(runs.c.project == project)
    if run_id is not None:
        query = query.where(runs.c.id == run_id)
    if open_only:
        query = query.where(incidents.c.open)
    if token is not None:
        query = query.where(tuple_(*order) < tuple_(*change_in_token(token)))
    rows = connection.execute(query).all()
    records = [
        IncidentsRecord(RunKey(row.project, row.id, row.attempt, row.rank), row.open, row.changed_at, row.body)
        for row in rows[:limit]
    ]
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(records, None if last is None else change_token(last.changed_at, last.run))

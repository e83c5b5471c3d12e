"""Keeping what people were told."""

from sqlalchemy import Connection, delete, select

from paramedic_service.store.records import NoticeRecord, RunKey
from paramedic_service.store.runs import find
from paramedic_service.store.tables import notices, runs
from paramedic_service.store.upsert import upsert
from paramedic_service.store.values import require_time


def standing(connection: Connection) -> list[NoticeRecord]:
    """Every notice, in the order of runs and incidents."""
    query = (
        select(notices, runs.c.project, runs.c.id, runs.c.attempt, runs.c.rank)
        .join(runs, runs.c.number == notices.c.run)
        .order_by(notices.c.run, notices.c.incident)
    )
    return [
        NoticeRecord(RunKey(row.project, row.id, row.attempt, row.rank), row.incident, row.severity, row.told_at)
        for row in connection.execute(query)
    ]


def keep(connection: Connection, notice: NoticeRecord) -> None:
    """Keeps a notice in place of an older one of the same incident.

    Args:
        connection: In a transaction.
        notice: What was told.

    Raises:
        LookupError: The run was never registered.
        ValueError: `told_at` is not finite.
    """
    run = find(connection, notice.run)
    if run is None:
        raise LookupError(f"{notice.run} was never registered; nobody can have been told of it")
    row: dict[str, object] = {
        "run": run.number,
        "incident": notice.incident,
        "severity": notice.severity,
        "told_at": require_time(notice.told_at, "told_at of a notice"),
    }
    upsert(connection, notices, ("run", "incident"), [row])


def drop(connection: Connection, key: RunKey, incident: str) -> None:
    """Forgets a notice."""
    run = find(connection, key)
    if run is not None:
        connection.execute(delete(notices).where(notices.c.run == run.number, notices.c.incident == incident))

"""Keeping what people were told."""

from sqlalchemy import Connection, delete, select

from paramedic_service.store.records import NoticeRecord
from paramedic_service.store.tables import notices, runs
from paramedic_service.store.upsert import upsert
from paramedic_service.store.values import require_time


def standing(connection: Connection) -> list[NoticeRecord]:
    """Every notice, in the order of runs and incidents."""
    rows = connection.execute(select(notices).order_by(notices.c.run, notices.c.incident))
    return [NoticeRecord(row.run, row.incident, row.severity, row.told_at) for row in rows]


def keep(connection: Connection, notice: NoticeRecord) -> None:
    """Keeps a notice in place of an older one of the same incident.

    Args:
        connection: In a transaction.
        notice: What was told.

    Raises:
        LookupError: The run was never registered.
        ValueError: `told_at` is not finite.
    """
    if connection.scalar(select(runs.c.number).where(runs.c.number == notice.run)) is None:
        raise LookupError(f"no run has number {notice.run}; nobody can have been told of it")
    row: dict[str, object] = {
        "run": notice.run,
        "incident": notice.incident,
        "severity": notice.severity,
        "told_at": require_time(notice.told_at, "told_at of a notice"),
    }
    upsert(connection, notices, ("run", "incident"), [row])


def drop(connection: Connection, run: int, incident: str) -> None:
    """Forgets a notice."""
    connection.execute(delete(notices).where(notices.c.run == run, notices.c.incident == incident))

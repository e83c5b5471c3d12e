"""Keeping and listing findings: the latest version of each, one a run and rule."""

from collections.abc import Sequence

from sqlalchemy import Connection, select, tuple_

from paramedic_service.store.records import FindingRecord, Page, RunKey
from paramedic_service.store.tables import findings, runs
from paramedic_service.store.upsert import upsert
from paramedic_service.store.values import change_in_token, change_token, require_time


def save_findings(connection: Connection, changed: Sequence[tuple[int, Sequence[FindingRecord]]]) -> None:
    """Keeps findings in place of their older versions.

    Args:
        connection: In a transaction.
        changed: Numbers of runs, with the findings on each.

    Raises:
        ValueError: A finding's `changed_at` is not finite.
    """
    rows: list[dict[str, object]] = [
        {
            "run": run,
            "rule": record.rule,
            "severity": record.severity,
            "open": record.open,
            "changed_at": require_time(record.changed_at, f"changed_at of finding {record.rule}"),
            "body": record.body,
        }
        for run, records in changed
        for record in records
    ]
    upsert(connection, findings, ("run", "rule"), rows)


def list_findings(
    connection: Connection,
    project: str | None,
    run_id: str | None,
    rule: str | None,
    min_severity: int,
    open_only: bool,
    limit: int,
    token: str | None,
) -> Page[FindingRecord]:
    """One page of findings, the latest change first; the token names the last finding in the page before."""
    order = (findings.c.changed_at, findings.c.number)
    query = (
        select(findings, runs.c.project, runs.c.id, runs.c.attempt, runs.c.rank)
        .join(runs, runs.c.number == findings.c.run)
        .where(findings.c.severity >= min_severity)
        .order_by(*(column.desc() for column in order))
        .limit(limit + 1)
    )
    if project is not None:
        query = query.where(runs.c.project == project)
    if run_id is not None:
        query = query.where(runs.c.id == run_id)
    if rule is not None:
        query = query.where(findings.c.rule == rule)
    if open_only:
        query = query.where(findings.c.open)
    if token is not None:
        query = query.where(tuple_(*order) < tuple_(*change_in_token(token)))
    rows = connection.execute(query).all()
    records = [
        FindingRecord(
            RunKey(row.project, row.id, row.attempt, row.rank),
            row.rule,
            row.severity,
            row.open,
            row.changed_at,
            row.body,
        )
        for row in rows[:limit]
    ]
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(records, None if last is None else change_token(last.changed_at, last.number))

"""Keeping and listing reproductions, which are also the queue of those to run."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, insert, select, tuple_
from sqlalchemy import update as update_statement

from paramedic_service.store.records import (
    Page,
    ReproductionRecord,
    ReproductionResult,
    ReproductionState,
    RunKey,
    VerdictRecord,
)
from paramedic_service.store.tables import reproduction_results, reproductions
from paramedic_service.store.upsert import upsert
from paramedic_service.store.values import number_in_token, require_time


def create(connection: Connection, record: ReproductionRecord) -> ReproductionRecord:
    """Keeps a new reproduction, as the store's interface says."""
    if find(connection, record.id) is not None:
        raise ValueError(f"there is a reproduction {record.id!r}; give a new one another id")
    run = record.run
    connection.execute(
        insert(reproductions).values(
            id=record.id,
            project=record.project,
            run_project=run and run.project,
            run_id=run and run.id,
            run_attempt=run and run.attempt,
            run_rank=run and run.rank,
            incident=record.incident,
            scenario=record.scenario,
            created_at=require_time(record.created_at, "created_at"),
            **_standing(record),
        )
    )
    created = find(connection, record.id)
    assert created is not None
    return created


def update(
    connection: Connection, record: ReproductionRecord, was: ReproductionState, result: ReproductionResult | None
) -> bool:
    """Keeps a reproduction's new standing, as the store's interface says."""
    found = connection.execute(
        update_statement(reproductions)
        .where(reproductions.c.number == record.number, reproductions.c.state == was.value)
        .values(_standing(record))
    )
    if found.rowcount == 0:
        if connection.scalar(select(reproductions.c.number).where(reproductions.c.number == record.number)) is None:
            raise LookupError(f"no reproduction has number {record.number}; create it before changing it")
        return False
    if result is not None:
        row: dict[str, object] = {"reproduction": record.number, "body": result.body, "report": result.report}
        upsert(connection, reproduction_results, ("reproduction",), [row])
    return True


def find(connection: Connection, id: str) -> ReproductionRecord | None:  # noqa: A002
    """The reproduction of this id; None when there is none."""
    row = connection.execute(select(reproductions).where(reproductions.c.id == id)).one_or_none()
    return None if row is None else _record(row)


def result(connection: Connection, number: int) -> ReproductionResult | None:
    """What is large about a reproduction; None when it has not ended."""
    columns = (reproduction_results.c.body, reproduction_results.c.report)
    row = connection.execute(select(*columns).where(reproduction_results.c.reproduction == number)).one_or_none()
    return None if row is None else ReproductionResult(row.body, row.report)


def list_reproductions(
    connection: Connection,
    project: str | None,
    run_id: str | None,
    state: ReproductionState | None,
    limit: int,
    token: str | None,
) -> Page[ReproductionRecord]:
    """One page of reproductions, newest first; the token is the number of the last one in the page before."""
    query = select(reproductions).order_by(reproductions.c.number.desc()).limit(limit + 1)
    if project is not None:
        query = query.where(reproductions.c.project == project)
    if run_id is not None:
        query = query.where(reproductions.c.run_id == run_id)
    if state is not None:
        query = query.where(reproductions.c.state == state.value)
    if token is not None:
        query = query.where(reproductions.c.number < number_in_token(token))
    records = [_record(row) for row in connection.execute(query)]
    more = len(records) > limit
    return Page(records[:limit], str(records[limit - 1].number) if more else None)


def unsettled(connection: Connection) -> list[ReproductionRecord]:
    """Reproductions that have not ended, or whose end not everybody knows of who should."""
    query = select(reproductions).where(reproductions.c.settled.is_(False)).order_by(reproductions.c.number)
    return [_record(row) for row in connection.execute(query)]


def verdicts(connection: Connection, keys: Sequence[RunKey]) -> list[VerdictRecord]:
    """What reproductions said of these runs, newest first."""
    table = reproductions.c
    run = (table.run_project, table.run_id, table.run_attempt, table.run_rank)
    query = (
        select(*run, table.incident, table.id, table.verdict)
        .where(tuple_(*run).in_([(key.project, key.id, key.attempt, key.rank) for key in keys]))
        .where(table.verdict.is_not(None))
        .order_by(table.number.desc())
    )
    return [
        VerdictRecord(
            RunKey(row.run_project, row.run_id, row.run_attempt, row.run_rank), row.incident, row.id, row.verdict
        )
        for row in connection.execute(query)
    ]


def _standing(record: ReproductionRecord) -> dict[str, object]:
    """What changes of a reproduction while it is queued and run."""
    times = {"started_at": record.started_at, "ended_at": record.ended_at}
    return {
        "state": record.state.value,
        "priority": record.priority,
        **{name: None if time is None else require_time(time, name) for name, time in times.items()},
        "attempts": record.attempts,
        "losses": record.losses,
        "settled": record.settled,
        "body": record.body,
        "verdict": record.verdict,
    }


def _record(row: Row[Any]) -> ReproductionRecord:
    return ReproductionRecord(
        id=row.id,
        project=row.project,
        run=None if row.run_id is None else RunKey(row.run_project, row.run_id, row.run_attempt, row.run_rank),
        incident=row.incident,
        scenario=row.scenario,
        state=ReproductionState(row.state),
        priority=row.priority,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        attempts=row.attempts,
        losses=row.losses,
        settled=row.settled,
        body=row.body,
        number=row.number,
        verdict=row.verdict,
    )

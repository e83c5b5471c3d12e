"""Registering, finding and listing runs, and recording how far they were judged."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from paramedic_service.store import bulk
from paramedic_service.store.findings import save_findings
from paramedic_service.store.incidents import save_incidents
from paramedic_service.store.records import Checkpoint, Page, RunKey, RunRecord, RunState
from paramedic_service.store.tables import findings, runs, snapshots
from paramedic_service.store.upsert import upsert
from paramedic_service.store.values import known_time, number_in_token, require_time

COLUMNS = (
    runs.c.number,
    runs.c.project,
    runs.c.id,
    runs.c.attempt,
    runs.c.rank,
    runs.c.name,
    runs.c.state,
    runs.c.created_at,
    runs.c.last_report_at,
    runs.c.last_step,
    runs.c.rows.label("row_count"),
    runs.c.last_sequence,
    runs.c.open_findings,
    runs.c.folded_position,
    runs.c.updated_at,
)
CHECKPOINT_COLUMNS = {
    "folded_position": "BIGINT",
    "state": "SMALLINT",
    "last_report_at": "DOUBLE PRECISION",
    "updated_at": "DOUBLE PRECISION",
}


def find(connection: Connection, key: RunKey) -> RunRecord | None:
    """The run of this key; None when it was never registered."""
    row = connection.execute(
        select(*COLUMNS).where(
            runs.c.project == key.project, runs.c.id == key.id, runs.c.attempt == key.attempt, runs.c.rank == key.rank
        )
    ).one_or_none()
    return None if row is None else _record(row)


def create(connection: Connection, key: RunKey, name: str, now: float) -> None:
    """Registers a run whose key is new."""
    connection.execute(
        insert(runs).values(
            project=key.project,
            id=key.id,
            attempt=key.attempt,
            rank=key.rank,
            name=name,
            state=RunState.RUNNING.value,
            created_at=require_time(now, "now"),
            updated_at=now,
            rows=0,
            last_sequence=0,
            last_position=0,
            folded_position=0,
            open_findings=0,
        )
    )


def list_runs(
    connection: Connection,
    project: str | None,
    run_id: str | None,
    state: RunState | None,
    limit: int,
    token: str | None,
) -> Page[RunRecord]:
    """One page of runs, newest first; the token is the number of the last run in the page before."""
    query = select(*COLUMNS).order_by(runs.c.number.desc()).limit(limit + 1)
    if project is not None:
        query = query.where(runs.c.project == project)
    if run_id is not None:
        query = query.where(runs.c.id == run_id)
    if state is not None:
        query = query.where(runs.c.state == state.value)
    if token is not None:
        query = query.where(runs.c.number < number_in_token(token))
    records = [_record(row) for row in connection.execute(query)]
    more = len(records) > limit
    return Page(records[:limit], str(records[limit - 1].number) if more else None)


def unfolded(connection: Connection) -> list[RunRecord]:
    """Runs that are still running, or whose log reaches beyond what was judged of it."""
    query = select(*COLUMNS).where(
        or_(runs.c.state == RunState.RUNNING.value, runs.c.last_position > runs.c.folded_position)
    )
    return [_record(row) for row in connection.execute(query.order_by(runs.c.number))]


def save_checkpoints(connection: Connection, checkpoints: Sequence[Checkpoint], now: float) -> None:
    """Records how far runs were judged, as the store's interface says."""
    require_time(now, "now")
    progress = [
        (each.run, each.folded_position, each.state.value, known_time(each.last_report_at), now) for each in checkpoints
    ]
    if bulk.update(connection, "runs", "number", CHECKPOINT_COLUMNS, progress) != len(checkpoints):
        raise LookupError("a checkpoint names a run that was never registered, or one twice")
    changed = [(each.run, each.findings) for each in checkpoints if each.findings]
    if changed:
        save_findings(connection, changed)
        open_now = (
            select(func.count())
            .where(findings.c.run == runs.c.number, findings.c.open)
            .correlate(runs)
            .scalar_subquery()
        )
        touched = [run for run, _ in changed]
        connection.execute(update(runs).where(runs.c.number.in_(touched)).values(open_findings=open_now))
    diagnosed = [(each.run, each.incidents) for each in checkpoints if each.incidents is not None]
    if diagnosed:
        save_incidents(connection, diagnosed)
    states: list[dict[str, object]] = [
        {"run": each.run, "position": each.folded_position, "state": each.snapshot}
        for each in checkpoints
        if each.snapshot is not None
    ]
    if states:
        upsert(connection, snapshots, ("run",), states)


def snapshot(connection: Connection, run: int) -> tuple[int, bytes] | None:
    """The newest snapshot of a run: the position it was folded to and the state."""
    row = connection.execute(
        select(snapshots.c.position, snapshots.c.state).where(snapshots.c.run == run)
    ).one_or_none()
    return None if row is None else (row.position, row.state)


def _record(row: Sequence[Any]) -> RunRecord:
    number, project, id_, attempt, rank, name, state, *rest = row
    return RunRecord(number, RunKey(project, id_, attempt, rank), name, RunState(state), *rest)

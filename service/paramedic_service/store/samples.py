"""Keeping the samples that authors of runs share."""

from sqlalchemy import Connection, select

from paramedic_service.store.records import RunKey, SampleRecord
from paramedic_service.store.runs import find
from paramedic_service.store.tables import runs, samples
from paramedic_service.store.upsert import upsert
from paramedic_service.store.values import require_time


def keep(connection: Connection, sample: SampleRecord) -> None:
    """Keeps a run's sample in place of an older one.

    Args:
        connection: In a transaction.
        sample: What was shared.

    Raises:
        LookupError: The run was never registered.
        ValueError: `shared_at` is not finite.
    """
    run = find(connection, sample.run)
    if run is None:
        raise LookupError(f"{sample.run} was never registered; register it before its sample")
    row: dict[str, object] = {
        "run": run.number,
        "shared_at": require_time(sample.shared_at, "shared_at of a sample"),
        "header": sample.header,
        "contents": sample.contents,
    }
    upsert(connection, samples, ("run",), [row])


def find_sample(connection: Connection, key: RunKey) -> SampleRecord | None:
    """The sample of a run, contents and all; None when there is none."""
    run = find(connection, key)
    if run is None:
        return None
    row = connection.execute(select(samples).where(samples.c.run == run.number)).first()
    return None if row is None else SampleRecord(key, row.shared_at, row.header, row.contents)


def shared_at(connection: Connection, key: RunKey) -> float | None:
    """When the sample of a run was shared, without reading it; None when there is none."""
    query = (
        select(samples.c.shared_at)
        .join(runs, runs.c.number == samples.c.run)
        .where(
            runs.c.project == key.project,
            runs.c.id == key.id,
            runs.c.attempt == key.attempt,
            runs.c.rank == key.rank,
        )
    )
    found: float | None = connection.execute(query).scalar_one_or_none()
    return found

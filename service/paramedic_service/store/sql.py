"""The store on a SQL database."""

from collections.abc import Iterator, Sequence

from paramedic_service.store import findings, incidents, notices, reproductions, runs, samples
from paramedic_service.store.database import Database
from paramedic_service.store.log import LogWriter, read_log
from paramedic_service.store.records import (
    Checkpoint,
    FindingRecord,
    IncidentsRecord,
    LogRecord,
    NoticeRecord,
    Page,
    ReproductionRecord,
    ReproductionResult,
    ReproductionState,
    RunKey,
    RunRecord,
    RunState,
    SampleRecord,
    VerdictRecord,
)


class SqlStore:
    """A store on one database; see `interface.Store` for what its methods promise."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._log = LogWriter()

    def register(self, key: RunKey, name: str, now: float) -> RunRecord:
        """Gets the run of this key, creating it when it is new."""
        with self._database.writing() as connection:
            known = runs.find(connection, key)
            if known is not None:
                return known
            runs.create(connection, key, name, now)
            created = runs.find(connection, key)
        assert created is not None
        return created

    def append(self, records: Sequence[LogRecord]) -> list[int]:
        """Appends entries in one transaction; returns their positions, 0 for a repetition."""
        with self._database.lock:
            try:
                with self._database.writing() as connection:
                    positions = self._log.append(connection, records)
            except BaseException:
                self._log.forget()
                raise
            self._database.wrote(sum(len(record.body) for record in records))
        return positions

    def checkpoint(self, checkpoints: Sequence[Checkpoint], now: float) -> None:
        """Records how far runs were judged, in one transaction."""
        with self._database.writing() as connection:
            runs.save_checkpoints(connection, checkpoints, now)
            for each in checkpoints:
                if each.state is not RunState.RUNNING:
                    self._log.forget(each.run)

    def snapshot(self, run: int) -> tuple[int, bytes] | None:
        """The newest snapshot of a run: the position it was folded to and the state."""
        with self._database.reading() as connection:
            return runs.snapshot(connection, run)

    def read_log(
        self, run: int, after: int = 0, first_step: int | None = None, last_step: int | None = None
    ) -> Iterator[LogRecord]:
        """Reads a run's log in order, a page at a time."""
        return read_log(self._database, run, after, first_step, last_step)

    def get_run(self, key: RunKey) -> RunRecord | None:
        """The run of this key; None when it was never registered."""
        with self._database.reading() as connection:
            return runs.find(connection, key)

    def list_runs(
        self,
        *,
        project: str | None = None,
        run_id: str | None = None,
        state: RunState | None = None,
        limit: int = 100,
        token: str | None = None,
    ) -> Page[RunRecord]:
        """Lists runs, newest first."""
        with self._database.reading() as connection:
            return runs.list_runs(connection, project, run_id, state, limit, token)

    def list_findings(
        self,
        *,
        project: str | None = None,
        run_id: str | None = None,
        rule: str | None = None,
        min_severity: int = 0,
        open_only: bool = False,
        limit: int = 100,
        token: str | None = None,
    ) -> Page[FindingRecord]:
        """Lists findings, the latest change first."""
        with self._database.reading() as connection:
            return findings.list_findings(connection, project, run_id, rule, min_severity, open_only, limit, token)

    def list_incidents(
        self,
        *,
        project: str | None = None,
        run_id: str | None = None,
        open_only: bool = False,
        limit: int = 100,
        token: str | None = None,
    ) -> Page[IncidentsRecord]:
        """Lists the incidents of runs, the latest change first."""
        with self._database.reading() as connection:
            return incidents.list_incidents(connection, project, run_id, open_only, limit, token)

    def unfolded(self) -> list[RunRecord]:
        """Runs that a starting service must take up."""
        with self._database.reading() as connection:
            return runs.unfolded(connection)

    def standing_notices(self) -> list[NoticeRecord]:
        """Incidents that people were told of, and not of their end."""
        with self._database.reading() as connection:
            return notices.standing(connection)

    def keep_notice(self, notice: NoticeRecord) -> None:
        """Remembers that people were told of an incident."""
        with self._database.writing() as connection:
            notices.keep(connection, notice)

    def drop_notice(self, run: RunKey, incident: str) -> None:
        """Forgets a notice, because people were told of the incident's end."""
        with self._database.writing() as connection:
            notices.drop(connection, run, incident)

    def keep_sample(self, sample: SampleRecord) -> None:
        """Keeps a run's sample in place of an older one."""
        with self._database.lock:
            with self._database.writing() as connection:
                samples.keep(connection, sample)
            self._database.wrote(len(sample.contents))

    def sample(self, run: RunKey) -> SampleRecord | None:
        """The sample of a run; None when there is none."""
        with self._database.reading() as connection:
            return samples.find_sample(connection, run)

    def sample_shared_at(self, run: RunKey) -> float | None:
        """When the sample of a run was shared; None when there is none."""
        with self._database.reading() as connection:
            return samples.shared_at(connection, run)

    def create_reproduction(self, record: ReproductionRecord) -> ReproductionRecord:
        """Keeps a new reproduction; returns the record with its number."""
        with self._database.writing() as connection:
            return reproductions.create(connection, record)

    def update_reproduction(
        self, record: ReproductionRecord, was: ReproductionState, result: ReproductionResult | None = None
    ) -> bool:
        """Keeps a reproduction's new standing if it is still in the state that it was."""
        with self._database.writing() as connection:
            return reproductions.update(connection, record, was, result)

    def get_reproduction(self, id: str) -> ReproductionRecord | None:  # noqa: A002
        """The reproduction of this id; None when there is none."""
        with self._database.reading() as connection:
            return reproductions.find(connection, id)

    def reproduction_result(self, number: int) -> ReproductionResult | None:
        """What is large about a reproduction; None when it has not ended."""
        with self._database.reading() as connection:
            return reproductions.result(connection, number)

    def list_reproductions(
        self,
        *,
        project: str | None = None,
        run_id: str | None = None,
        state: ReproductionState | None = None,
        limit: int = 100,
        token: str | None = None,
    ) -> Page[ReproductionRecord]:
        """Lists reproductions, newest first."""
        with self._database.reading() as connection:
            return reproductions.list_reproductions(connection, project, run_id, state, limit, token)

    def verdicts(self, runs: Sequence[RunKey]) -> list[VerdictRecord]:
        """What reproductions said of these runs, newest first."""
        with self._database.reading() as connection:
            return reproductions.verdicts(connection, runs)

    def unsettled_reproductions(self) -> list[ReproductionRecord]:
        """Reproductions that a starting service must take up."""
        with self._database.reading() as connection:
            return reproductions.unsettled(connection)

    def close(self) -> None:
        """Closes every connection."""
        self._database.close()

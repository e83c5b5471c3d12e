"""What every store can do, whichever database stands behind it."""

from collections.abc import Iterator, Sequence
from typing import Protocol

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


class StoreError(Exception):
    """The database could not do what was asked; the message says where and what to do.

    The call that raised it may be repeated. It changed nothing, unless the connection broke just after a commit.
    """


class Store(Protocol):
    """The durable log of all runs, with what was concluded from it.

    Synchronous and thread-safe: callers on an event loop use worker threads. Exactly one process writes; any number
    may read. What a returned call has written survives the death of the process. Every method raises `StoreError`
    when the database fails; the store stays usable, and the call may be repeated.
    """

    def register(self, key: RunKey, name: str, now: float) -> RunRecord:
        """Gets the run of this key, creating it when it is new.

        Args:
            key: Which training process it is.
            name: For people; kept from the first registration.
            now: Service clock, seconds since the Unix epoch.
        """
        ...

    def append(self, records: Sequence[LogRecord]) -> list[int]:
        """Appends entries, of one run or many, to the log: all of them or, when it raises, none.

        One call is one transaction, so its cost is shared by everything in it. An entry whose sequence is at or
        below the highest one stored of its run is a repetition and left out; gaps are kept. Entries of the service's
        own have no sequence and cannot be told from repetitions.

        Returns:
            The position of each record, in order, growing; 0 for a repetition. When the repeated call had raised, the
            entry may be new to the caller: the database took it and its answer was lost. `read_log` tells its position.

        Raises:
            LookupError: A record names a run that was never registered; nothing was stored.
        """
        ...

    def checkpoint(self, checkpoints: Sequence[Checkpoint], now: float) -> None:
        """Records how far runs were judged, in one transaction.

        Args:
            checkpoints: At most one a run.
            now: Service clock, seconds since the Unix epoch.

        Raises:
            LookupError: A checkpoint names a run that was never registered; nothing was stored.
            ValueError: `now` or a `changed_at` is not finite; nothing was stored.
        """
        ...

    def snapshot(self, run: int) -> tuple[int, bytes] | None:
        """The newest snapshot of a run: the position it was folded to and the state; None when there is none.

        It may be older than the run's latest checkpoint: fold what `read_log(run, after=position)` gives.
        """
        ...

    def read_log(
        self, run: int, after: int = 0, first_step: int | None = None, last_step: int | None = None
    ) -> Iterator[LogRecord]:
        """Reads a run's log in order, a page at a time, up to what is stored when the last page is read.

        Args:
            run: Number of the run; nothing comes of an unknown one.
            after: Position behind which to start.
            first_step: Leaves out entries whose steps all lie before it.
            last_step: Leaves out entries whose steps all lie behind it. Entries without any step, such as
                descriptions, are never left out: what follows cannot be read without them.
        """
        ...

    def get_run(self, key: RunKey) -> RunRecord | None:
        """The run of this key; None when it was never registered."""
        ...

    def list_runs(
        self,
        *,
        project: str | None = None,
        run_id: str | None = None,
        state: RunState | None = None,
        limit: int = 100,
        token: str | None = None,
    ) -> Page[RunRecord]:
        """Lists runs, newest first.

        Args:
            project: Only of this project.
            run_id: Only those with this id, every attempt and rank.
            state: Only in this state.
            limit: Most runs in the page, at least 1.
            token: From the page before, asked for with the same filters. Runs that come in between shift nothing.

        Raises:
            ValueError: The token is not one of this listing's.
        """
        ...

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
        """Lists findings, the latest change first.

        Args:
            project: Only of this project.
            run_id: Only of runs with this id, every attempt and rank.
            rule: Only of this rule.
            min_severity: Only at least this severe.
            open_only: Only those that are open.
            limit: Most findings in the page, at least 1.
            token: From the page before, asked for with the same filters. A finding that changes in between moves to
                the front, and so stands in no later page.

        Raises:
            ValueError: The token is not one of this listing's.
        """
        ...

    def list_incidents(
        self,
        *,
        project: str | None = None,
        run_id: str | None = None,
        open_only: bool = False,
        limit: int = 100,
        token: str | None = None,
    ) -> Page[IncidentsRecord]:
        """Lists the incidents of runs, all of a run together, the latest change first.

        Args:
            project: Only of this project.
            run_id: Only of runs with this id, every attempt and rank.
            open_only: Only runs with an open incident.
            limit: Most runs in the page, at least 1.
            token: From the page before, asked for with the same filters. Incidents that change in between move to the
                front, and so stand in no later page.

        Raises:
            ValueError: The token is not one of this listing's.
        """
        ...

    def unfolded(self) -> list[RunRecord]:
        """Runs that a starting service must take up: those still running, or whose log reaches beyond the fold."""
        ...

    def standing_notices(self) -> list[NoticeRecord]:
        """Incidents that people were told of, and not of their end."""
        ...

    def keep_notice(self, notice: NoticeRecord) -> None:
        """Remembers that people were told of an incident, in place of what they were told of it before.

        Raises:
            LookupError: The run was never registered; nothing was stored.
            ValueError: `told_at` is not finite; nothing was stored.
        """
        ...

    def drop_notice(self, run: RunKey, incident: str) -> None:
        """Forgets a notice, because people were told of the incident's end; nothing happens when there is none."""
        ...

    def keep_sample(self, sample: SampleRecord) -> None:
        """Keeps a run's sample in place of an older one.

        Raises:
            LookupError: The run was never registered; nothing was stored.
            ValueError: `shared_at` is not finite; nothing was stored.
        """
        ...

    def sample(self, run: RunKey) -> SampleRecord | None:
        """The sample of a run, all of it in memory; None when there is none."""
        ...

    def sample_shared_at(self, run: RunKey) -> float | None:
        """When the sample of a run was shared, without reading it; None when there is none."""
        ...

    def create_reproduction(self, record: ReproductionRecord) -> ReproductionRecord:
        """Keeps a new reproduction.

        Returns:
            The record with its number.

        Raises:
            ValueError: There is one of this id, or a time is not finite; nothing was stored.
        """
        ...

    def update_reproduction(
        self, record: ReproductionRecord, was: ReproductionState, result: ReproductionResult | None = None
    ) -> bool:
        """Keeps a reproduction's new standing, in one transaction, if nobody changed its state meanwhile.

        What a reproduction is of never changes; its state, priority, times, counts and body do.

        Args:
            record: Found by its number.
            was: The state that it is believed to be in. An end that was recorded can so never be recorded again.
            result: What is large about it; None keeps what there is.

        Returns:
            False, and nothing was changed, when it is in another state.

        Raises:
            LookupError: There is no such reproduction.
            ValueError: A time is not finite; nothing was stored.
        """
        ...

    def get_reproduction(self, id: str) -> ReproductionRecord | None:  # noqa: A002
        """The reproduction of this id; None when there is none."""
        ...

    def reproduction_result(self, number: int) -> ReproductionResult | None:
        """What is large about a reproduction; None when it has not ended."""
        ...

    def list_reproductions(
        self,
        *,
        project: str | None = None,
        run_id: str | None = None,
        state: ReproductionState | None = None,
        limit: int = 100,
        token: str | None = None,
    ) -> Page[ReproductionRecord]:
        """Lists reproductions, newest first.

        Args:
            project: Only of this project.
            run_id: Only of runs with this id, every attempt and rank.
            state: Only in this state.
            limit: Most reproductions in the page, at least 1.
            token: From the page before, asked for with the same filters. Reproductions that come in between shift
                nothing.

        Raises:
            ValueError: The token is not one of this listing's.
        """
        ...

    def verdicts(self, runs: Sequence[RunKey]) -> list[VerdictRecord]:
        """What reproductions said of these runs, newest first.

        Args:
            runs: At most 1,000; of a run that was never reproduced, nothing comes.
        """
        ...

    def unsettled_reproductions(self) -> list[ReproductionRecord]:
        """Reproductions that a starting service must take up, oldest first: not ended, or not everybody knows of it."""
        ...

    def close(self) -> None:
        """Closes every connection; the store cannot be used afterwards."""
        ...

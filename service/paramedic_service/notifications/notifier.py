"""Who is told what, when."""

import asyncio
import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import structlog

from paramedic_service.ingest.errors import RunNotFoundError, StoppingError, TooSlowError
from paramedic_service.ingest.service import IngestService
from paramedic_service.instruments import Instruments
from paramedic_service.notifications import message
from paramedic_service.notifications.allowance import Allowance
from paramedic_service.notifications.notice import News, Notice, due
from paramedic_service.notifications.webhook import DeliveryError, Webhook
from paramedic_service.rules.finding import Severity
from paramedic_service.rules.ranks import RANK_WISE
from paramedic_service.store.interface import Store, StoreError
from paramedic_service.store.records import NoticeRecord, RunKey

SETTLE = 2.0
"""Seconds for which a run is left alone after a finding changed: those of one fault come together."""

TICK = 0.5
"""Seconds between two looks at what is due."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
"""Seconds between attempts to reach a receiver: doubled from the first to the longest."""

PATIENCE = 5.0
"""Seconds for which a service that stops waits for the message that is under way."""

GIVE_UP_AFTER = 3600.0
"""Seconds after which a message that nobody takes is given up."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Appointment:
    """When to look at a run next.

    Attributes:
        at: Service clock, seconds.
        pause: Before the next attempt, seconds; 0 after a success.
        failing_since: Service clock of the first failure of those in a row; None when the last attempt worked.
    """

    at: float
    pause: float = 0.0
    failing_since: float | None = None


class Notifier:
    """Compares what people were told with what is true, and tells the difference.

    What was told stands in the store, so that nobody is told twice, not even by a service that was restarted; a message
    that could not be delivered is made anew from what is true by then. Between the receiver's answer and the store lies
    a moment in which a service that dies will tell again: the messages carry a key by which the receiver knows that.

    Args:
        ingest: The runs.
        store: Where it is kept what was told.
        webhook: The receiver.
        layout: "json" or "slack".
        least_severity: Below which nobody is told.
        rate: Messages a minute, at most.
        runbooks: Where people read the runbooks.
        instruments: Where messages are counted.
        clock: Service clock, seconds since the Unix epoch.
    """

    def __init__(
        self,
        ingest: IngestService,
        store: Store,
        webhook: Webhook,
        *,
        layout: Literal["json", "slack"],
        least_severity: Severity,
        rate: int,
        runbooks: str,
        instruments: Instruments,
        clock: Callable[[], float],
    ) -> None:
        self._ingest = ingest
        self._store = store
        self._webhook = webhook
        self._layout = layout
        self._least_severity = least_severity
        self._runbooks = runbooks.rstrip("/")
        self._instruments = instruments
        self._clock = clock
        self._allowance = Allowance(rate, clock)
        self._told: dict[RunKey, dict[str, NoticeRecord]] = {}
        self._appointments: dict[RunKey, _Appointment] = {}
        self._listening: asyncio.Task[None] | None = None
        self._telling: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    async def start(self) -> None:
        """Looks at what happened while nobody was told, and from then on at every change.

        Raises:
            StoreError: The store failed.
        """
        for notice in await asyncio.to_thread(self._store.standing_notices):
            self._told.setdefault(notice.run, {})[notice.incident] = notice
        for key in {*self._ingest.runs, *self._told}:
            self._look_at(key)
        self._listening = asyncio.create_task(self._listen_forever())
        self._telling = asyncio.create_task(self._tell_until_stopped())

    async def stop(self) -> None:
        """Ends; what was not told by now is told by the next service."""
        self._stopping.set()
        tasks = [task for task in (self._listening, self._telling) if task is not None]
        if self._telling is not None:  # what a receiver took is to be remembered, or the next service tells it again
            await asyncio.wait([self._telling], timeout=PATIENCE)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._webhook.close()

    async def _listen_forever(self) -> None:
        with contextlib.suppress(StoppingError):
            while True:
                with self._ingest.watch(lambda _: True) as subscription, contextlib.suppress(TooSlowError):
                    async for change in subscription.changes():
                        self._look_at(change.run)
                for key in self._ingest.runs:  # some changes were missed
                    self._look_at(key)

    def _look_at(self, key: RunKey) -> None:
        self._appointments.setdefault(key, _Appointment(self._clock() + SETTLE))

    async def _tell_until_stopped(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), TICK)
            try:
                await self._tell_all()
            except Exception:
                _log.exception("notices could not be told; they are tried again")

    async def _tell_all(self) -> None:
        for key in self._told:
            run = self._ingest.runs.get(key)
            if run is not None and run.ended_at is not None:
                self._look_at(key)  # an end is no finding
        now = self._clock()
        for key in [key for key, appointment in self._appointments.items() if appointment.at <= now]:
            # Whatever changes from here on makes an appointment of its own.
            again = await self._tell(key, self._appointments.pop(key))
            if again is not None:
                self._appointments[key] = again

    async def _tell(self, key: RunKey, appointment: _Appointment) -> _Appointment | None:
        """Tells what is due of a run; returns when to go on, None when all is told."""
        try:
            run = await self._ingest.look_up(key)
        except RunNotFoundError:
            return None
        for notice in due(run, self._told.get(key, {}), self._least_severity):
            if self._stopping.is_set():
                return None  # the next service tells it
            if notice.news is News.OPENED and self._told_of_another_rank(notice):
                continue
            if not self._allowance.take():
                self._instruments.notices.labels("held_back").inc()
                return _Appointment(self._clock() + self._allowance.pause)
            try:
                await self._deliver(notice)
            except DeliveryError as error:
                self._instruments.notices.labels("failed").inc()
                failing_since = self._clock() if appointment.failing_since is None else appointment.failing_since
                if self._clock() - failing_since <= GIVE_UP_AFTER:
                    _log.warning("a notice is tried again", run=str(key), reason=str(error))
                    return self._later(appointment.pause, failing_since, error)
                self._instruments.notices.labels("given_up").inc()
                _log.error("a notice was given up", run=str(key), incident=notice.incident_id, reason=str(error))
            appointment = _Appointment(self._clock())
            await self._remember(notice)
        return None

    def _told_of_another_rank(self, notice: Notice) -> bool:
        """Whether the same is known of another rank: a fault in the training is a fault in every one of them."""
        assert notice.incident is not None
        if not RANK_WISE.isdisjoint(notice.incident.rules):
            return False
        return any(notice.incident_id in self._told[other] for other in self._ranks_beside(notice.run.key))

    def _ranks_beside(self, key: RunKey) -> list[RunKey]:
        """Other ranks of the same attempt of which people were told something."""
        return [other for other in self._told if other != key and replace(other, rank=key.rank) == key]

    def _later(self, pause: float, failing_since: float, error: DeliveryError) -> _Appointment:
        pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, 2 * pause))
        # Jitter, so that many runs do not come back to a receiver at the same moment.
        wait = max(error.pause, pause * random.uniform(0.5, 1.0))
        return _Appointment(self._clock() + wait, pause, failing_since)

    async def _deliver(self, notice: Notice) -> None:
        now = self._clock()
        body = (
            message.slack(notice, self._runbooks)
            if self._layout == "slack"
            else message.generic(notice, now, self._runbooks)
        )
        # The step tells an incident that opened again from the first time.
        step = notice.incident.opened_step if notice.incident is not None else ""
        severity = notice.incident.severity if notice.incident is not None else ""
        await self._webhook.deliver(
            message.encode(body), f"{notice.run.key}/{notice.incident_id}/{step}/{notice.news}/{severity}"
        )
        self._instruments.notices.labels("delivered").inc()

    async def _remember(self, notice: Notice) -> None:
        key = notice.run.key
        told = self._told.setdefault(key, {})
        if notice.news is News.RESOLVED:
            told.pop(notice.incident_id, None)
            if not told:
                del self._told[key]
            for other in self._ingest.runs:
                if other != key and replace(other, rank=key.rank) == key:
                    self._look_at(other)  # nobody was told of what is still wrong there
            await self._keep(self._store.drop_notice, key, notice.incident_id)
            return
        assert notice.incident is not None
        record = NoticeRecord(key, notice.incident_id, int(notice.incident.severity), self._clock())
        told[notice.incident_id] = record
        await self._keep(self._store.keep_notice, record)

    async def _keep(self, write: Callable[..., None], *arguments: object) -> None:
        try:
            await asyncio.to_thread(write, *arguments)
        except StoreError:
            # This service knows what it told; only one that starts before the store is back would tell again.
            _log.exception("what was told could not be stored")

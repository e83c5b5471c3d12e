"""Reproductions that nobody has to ask for: of critical incidents, in the projects that want it."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Collection

import structlog

from paramedic.v1.reproduction_pb2 import Reproduction
from paramedic_service.incidents.incident import Incident
from paramedic_service.ingest.errors import ServiceError, StoppingError, TooSlowError
from paramedic_service.ingest.service import IngestService
from paramedic_service.ingest.subscriptions import FindingChange
from paramedic_service.reproduction.errors import QueueFullError
from paramedic_service.reproduction.origin import OriginError
from paramedic_service.reproduction.plan import SpecError
from paramedic_service.reproduction.records import run_of
from paramedic_service.reproduction.requests import ReproductionRequests
from paramedic_service.reproduction.service import ReproductionService
from paramedic_service.rules.finding import Severity
from paramedic_service.store.interface import StoreError
from paramedic_service.store.records import RunKey

EVERY_PROJECT = "*"
"""Stands for all projects in the setting."""

SETTLE = 5.0
"""Seconds for which a run is left alone after a critical finding: the findings of one fault come together, and all of
them tell its cause best."""

TICK = 0.5
"""Seconds between two looks at what is due."""

_HOUR = 3600.0
_MOST_WAITING = 1000

_log = structlog.get_logger(__name__)


class AutomaticReproductions:
    """Watches for critical incidents, and queues a reproduction of each: once an incident and run, so many an hour.

    Args:
        ingest: Knows the runs.
        service: Knows what was reproduced before.
        requests: Queues.
        projects: Those that want it; `EVERY_PROJECT` for all.
        rate: Reproductions an hour, at most; what is held back is queued later.
        clock: Service clock, seconds since the Unix epoch.
    """

    def __init__(
        self,
        ingest: IngestService,
        service: ReproductionService,
        requests: ReproductionRequests,
        *,
        projects: Collection[str],
        rate: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ingest = ingest
        self._service = service
        self._requests = requests
        self._projects = frozenset(projects)
        self._rate = rate
        self._clock = clock
        self._due: dict[RunKey, float] = {}
        self._asked: deque[float] = deque()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Looks at the runs in memory, and from then on at every critical finding."""
        for key in self._ingest.runs:
            self._look_at(key)
        self._tasks = [asyncio.create_task(self._listen_forever()), asyncio.create_task(self._work_forever())]

    async def stop(self) -> None:
        """Ends."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def tick(self) -> None:
        """Queues what is due, as far as the rate allows."""
        now = self._clock()
        while self._asked and self._asked[0] <= now - _HOUR:
            self._asked.popleft()
        for key in [key for key, at in self._due.items() if at <= now]:
            if len(self._asked) >= self._rate:
                return
            # A finding that comes from here on makes an appointment of its own.
            del self._due[key]
            await self._reproduce(key)

    async def _listen_forever(self) -> None:
        with contextlib.suppress(StoppingError):
            while True:
                with self._ingest.watch(self._concerns) as subscription, contextlib.suppress(TooSlowError):
                    async for change in subscription.changes():
                        self._look_at(change.run)
                for key in self._ingest.runs:  # some changes were missed
                    self._look_at(key)

    def _concerns(self, change: FindingChange) -> bool:
        return change.finding.severity is Severity.CRITICAL and change.finding.open and self._wanted(change.run)

    def _wanted(self, key: RunKey) -> bool:
        return EVERY_PROJECT in self._projects or key.project in self._projects

    def _look_at(self, key: RunKey) -> None:
        if self._wanted(key) and len(self._due) < _MOST_WAITING:
            self._due.setdefault(key, self._clock() + SETTLE)

    async def _work_forever(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            try:
                await self.tick()
            except Exception:
                _log.exception("automatic reproductions failed, trying again")

    async def _reproduce(self, key: RunKey) -> None:
        try:
            for incident in await self._new(key):
                if len(self._asked) >= self._rate:
                    self._look_at(key)
                    return
                made = await self._requests.of_incident(key, incident.id)
                self._asked.append(self._clock())
                _log.info("a reproduction was queued", run=str(key), incident=incident.id, reproduction=made.id)
        except (OriginError, SpecError) as error:
            _log.info("an incident cannot be reproduced", run=str(key), reason=str(error))
        except (QueueFullError, StoreError, ServiceError) as error:
            _log.warning("an incident could not be reproduced now, trying again", run=str(key), reason=str(error))
            self._look_at(key)

    async def _new(self, key: RunKey) -> list[Incident]:
        """Critical incidents of a run that were not reproduced before."""
        live = await self._ingest.look_up(key)
        critical = [incident for incident in live.incidents if incident.severity is Severity.CRITICAL]
        if not critical:
            return []
        known = {each.incident for each in await self._reproductions(key)}
        return [each for each in critical if known.isdisjoint({each.id, *each.rules})]

    async def _reproductions(self, key: RunKey) -> list[Reproduction]:
        found: list[Reproduction] = []
        token: str | None = None
        while True:
            page = await self._service.list(run_id=key.id, token=token)
            found += (each for each in page.items if run_of(each) == key)
            token = page.next_token
            if token is None:
                return found

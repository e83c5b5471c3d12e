"""One open stream of a run, as ingest sees it: entries go in, answers come out in their order."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paramedic.v1.verdict_pb2 import ReproductionLink
from paramedic_service.ingest.entries import Entry
from paramedic_service.ingest.frontier import Frontier
from paramedic_service.ingest.live import LiveRun
from paramedic_service.ingest.subscriptions import FindingChange
from paramedic_service.store.records import LogRecord, RunState

if TYPE_CHECKING:
    from paramedic_service.ingest.ranks import RankGroup

ENTRIES_AN_ACKNOWLEDGEMENT = 32  # while more entries are under way; each acknowledgement costs a system call
MAX_IN_FLIGHT_BYTES = 8 * 1024 * 1024  # of one stream; beyond it, reading waits and flow control holds the client


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Everything up to this sequence is settled."""

    sequence: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """An entry was refused; fields as in the wire contract."""

    sequence: int
    field: str
    reason: str
    rows: int


@dataclass(frozen=True, slots=True)
class Throttled:
    """The client is asked to hold back.

    Attributes:
        pause: For how long, seconds.
        reason: For people.
    """

    pause: float
    reason: str


@dataclass(frozen=True, slots=True)
class Reproduced:
    """A reproduction of the run ended with a verdict.

    Attributes:
        incident: Id of the incident that it is of.
        link: Which reproduction, and what it said.
    """

    incident: str
    link: ReproductionLink


Answer = Acknowledged | Rejected | Throttled | FindingChange | Reproduced


@dataclass(eq=False, slots=True)
class Promise:
    """An entry that was accepted and is not yet settled.

    Attributes:
        record: What becomes durable.
        entry: The same, read.
        run: The run it belongs to.
        session: The stream that waits for it; None when the service wrote it.
        settled: Whether it is durable and judged.
    """

    record: LogRecord
    entry: Entry
    run: "ActiveRun"
    session: "Session | None"
    settled: bool = False


class ActiveRun:
    """A run in memory with what is under way for it.

    Attributes:
        live: The durable and judged part.
        frontier: Where the accepted part ends.
        session: The stream that reports it now, if there is one.
        heard_at: Service clock of the latest sign of life, seconds since the Unix epoch.
        broke_off_at: Service clock when its last stream ended, seconds since the Unix epoch; None while it has one, and
            where this service never had one.
        noted: Entries of the service's own that are under way.
        previous: The attempt before, and its last step; None where there is none, or its first batch was accepted.
        group: The ranks that it belongs to.
    """

    def __init__(self, live: LiveRun, now: float, group: "RankGroup") -> None:
        self.live = live
        self.frontier = Frontier.of(live)
        self.session: Session | None = None
        self.heard_at = now
        self.broke_off_at: float | None = None
        self.noted = 0
        self.previous: tuple[int, int] | None = None
        self.group = group
        self._pending = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    @property
    def expected(self) -> bool:
        """Whether the run has not ended."""
        return self.live.state is RunState.RUNNING

    @property
    def reporting(self) -> bool:
        """Whether it has not ended, and a stream is open."""
        return self.expected and self.session is not None

    @property
    def pending(self) -> int:
        """Entries that were accepted and are not settled."""
        return self._pending

    def accept(self, promise: Promise) -> None:
        """Notes an accepted entry."""
        self._pending += 1
        self._quiet.clear()
        self.frontier.advance(promise.record.sequence or 0, promise.entry)
        if promise.session is None:
            self.noted += 1
        else:
            promise.session.expect(promise)

    def settle(self, promise: Promise) -> None:
        """Notes that an accepted entry is durable and judged."""
        self._pending -= 1
        if self._pending == 0:
            self._quiet.set()
        if promise.session is None:
            self.noted -= 1
        else:
            promise.session.settle(promise)

    async def quiet(self) -> None:
        """Waits until everything accepted is settled."""
        await self._quiet.wait()


class Session:
    """Answers to one stream.

    Answers to entries come in the entries' order; findings and requests to hold back overtake them.

    Attributes:
        run: The run that it reports.
        resume_point: Highest sequence that is settled as it opens.
    """

    def __init__(self, run: "ActiveRun") -> None:
        self.run = run
        self.resume_point = 0
        self._urgent: deque[FindingChange | Throttled | Reproduced] = deque()
        self._ordered: deque[Promise | Rejected | Acknowledged] = deque()
        self._in_flight = 0
        self._settled = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._complete = False
        self._end: Exception | None = None

    @property
    def ended(self) -> Exception | None:
        """Why nothing more is taken from this stream; None while something is."""
        return self._end

    def expect(self, promise: Promise) -> None:
        """Notes an accepted entry, to be acknowledged in its turn."""
        self._ordered.append(promise)
        self._in_flight += len(promise.record.body)
        if self._in_flight > MAX_IN_FLIGHT_BYTES:
            self._room.clear()

    def settle(self, promise: Promise) -> None:
        """Notes that an entry is durable and judged; `wake` sends the news."""
        promise.settled = True
        self._in_flight -= len(promise.record.body)
        self._settled += 1

    def wake(self) -> None:
        """Sends what was settled, once nothing is under way or enough is settled to be worth it."""
        if self._in_flight == 0 or self._settled >= ENTRIES_AN_ACKNOWLEDGEMENT:
            self._settled = 0
            self._changed.set()
        if self._in_flight <= MAX_IN_FLIGHT_BYTES:
            self._room.set()

    def answer(self, answer: Rejected | Acknowledged) -> None:
        """Answers an entry that is settled already, in its turn."""
        self._ordered.append(answer)
        self._changed.set()

    def tell(self, news: FindingChange | Throttled | Reproduced) -> None:
        """Sends something that answers no entry."""
        self._urgent.append(news)
        self._changed.set()

    def complete(self) -> None:
        """Notes that the client sends nothing more: the answers end with the last entry's."""
        self._complete = True
        self._changed.set()

    def end(self, reason: Exception) -> None:
        """Ends the stream: what is settled is still answered, then the reason is raised."""
        if self._end is None:
            self._end = reason
            self._changed.set()
            self._room.set()

    async def room(self) -> None:
        """Waits until the stream may take another entry."""
        if not self._room.is_set():
            await self._room.wait()

    async def answers(self) -> AsyncIterator[Answer]:
        """Yields answers until the stream is complete.

        Raises:
            Exception: What `end` was given.
        """
        while True:
            self._changed.clear()
            while (answer := self._next()) is not None:
                yield answer
            if self._end is not None:
                raise self._end
            if self._complete and not self._ordered:
                return
            await self._changed.wait()

    def _next(self) -> Answer | None:
        if self._urgent:
            return self._urgent.popleft()
        sequence: int | None = None
        while self._ordered:
            first = self._ordered[0]
            if isinstance(first, Promise):
                if not first.settled:
                    break
                assert first.record.sequence is not None
                sequence = first.record.sequence
            elif isinstance(first, Acknowledged):
                sequence = max(sequence or 0, first.sequence)
            elif sequence is None:
                self._ordered.popleft()
                return first
            else:
                break
            self._ordered.popleft()
        return None if sequence is None else Acknowledged(sequence)

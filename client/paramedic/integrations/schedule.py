"""When a probe runs: often at first, then at intervals, and seldom enough to cost next to nothing."""

import sys
import time


class Schedule:
    """Steps at which one probe is due.

    A probe may spend a share of the training's time, and has some time to spend before it need be earned, so that short
    trainings are seen as well.
    """

    def __init__(self, first: tuple[int, ...], every: int, share: float, allowance: float) -> None:
        """Plans a probe.

        Args:
            first: Steps at which it is due besides, increasing.
            every: Steps between two of them.
            share: Of the training's time that it may take, 0 to 1.
            allowance: Seconds that it may take before that.
        """
        self._first = first
        self._every = every
        self._share = share
        self._allowance = allowance
        self._due = 0
        self._spent = 0.0
        self._trained = 0.0
        self._since: float | None = None

    def begin(self) -> None:
        """A fit begins: from here on time counts as the training's."""
        self._since = time.perf_counter()

    def end(self) -> None:
        """A fit ends."""
        if self._since is not None:
            self._trained += time.perf_counter() - self._since
            self._since = None

    def due(self, step: int) -> bool:
        """Whether the probe is to run after a step."""
        if step < self._due or step < self._first[0]:
            return False
        running = 0.0 if self._since is None else time.perf_counter() - self._since
        return self._spent <= self._allowance + self._share * (self._trained + running)

    def ahead(self, step: int) -> int:
        """How many steps after one the next is at which the probe is due; no end of them while it waits for time."""
        return self._due - step if self._due > step else sys.maxsize

    def ran(self, step: int, seconds: float) -> None:
        """The probe ran after a step and took so long."""
        self._spent += seconds
        regular = (step // self._every + 1) * self._every
        self._due = min([regular, *(first for first in self._first if first > step)])

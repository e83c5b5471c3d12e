"""How long the ranks of a training take for their steps, side by side."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np

from paramedic_service.rules.telemetry import BUSY_SECONDS, Doubles, Rows

STEPS = 16
"""Steps of every rank that make one comparison."""

MOST_STEPS = 64
"""Steps of a rank that are kept while another one has not made as many."""


@dataclass(frozen=True, slots=True)
class Pace:
    """One rank beside the others.

    Attributes:
        seconds: Its own median time a step, seconds.
        median: The median of that over the ranks, the lower one of two, seconds.
        ranks: That were compared.
    """

    seconds: float
    median: float
    ranks: int


@dataclass(slots=True)
class _Times:
    """Of one rank.

    Attributes:
        busy: Whether it tells how long it worked; else its times include waiting for others.
        seconds: Times a step since the last comparison.
        step: Latest step; None before the first.
        time: Client clock of that row, seconds.
    """

    busy: bool = False
    seconds: deque[float] = field(default_factory=lambda: deque(maxlen=MOST_STEPS))
    step: int | None = None
    time: float = 0.0


class PaceComparison:
    """The times a step of the ranks of one training."""

    def __init__(self) -> None:
        self._ranks: dict[int, _Times] = {}

    def take(self, rank: int, rows: Rows) -> None:
        """Takes in rows of a rank."""
        times = self._ranks.setdefault(rank, _Times())
        busy = rows.scalars.get(BUSY_SECONDS)
        if busy is not None and not times.busy:
            times.busy = True
            times.seconds.clear()
        if busy is not None:
            seconds = busy.values
        elif not times.busy:
            seconds = self._between(times, rows)
        else:  # of a validation, perhaps: no steps of which it could tell
            seconds = np.empty(0)
        times.seconds.extend(seconds[np.isfinite(seconds) & (seconds >= 0)].tolist())
        times.step, times.time = int(rows.steps[-1]), float(rows.times[-1])

    def compare(self, ranks: Collection[int]) -> dict[int, Pace]:
        """Compares ranks since the last time, once all of them have made enough steps; nothing before.

        Args:
            ranks: Those that report now; what others told is forgotten.
        """
        for rank in self._ranks.keys() - set(ranks):
            del self._ranks[rank]
        if len(ranks) < 2 or any(len(times.seconds) < STEPS for times in map(self._of, ranks)):
            return {}
        paces: dict[int, Pace] = {}
        # Time spent waiting for others hides who is slow: it says nothing beside the time of those who leave it out.
        for busy in (True, False):
            medians = {
                rank: float(np.median(times.seconds)) for rank, times in self._ranks.items() if times.busy is busy
            }
            if len(medians) > 1:
                median = sorted(medians.values())[(len(medians) - 1) // 2]
                paces |= {rank: Pace(own, median, len(medians)) for rank, own in medians.items()}
        for times in self._ranks.values():
            times.seconds.clear()
        return paces

    def _of(self, rank: int) -> _Times:
        return self._ranks.get(rank) or _Times()

    @staticmethod
    def _between(times: _Times, rows: Rows) -> Doubles:
        """Times a step from row to row; rows that a step has beyond its first are no step of their own."""
        steps, clock = rows.steps, rows.times
        if times.step is not None:
            steps, clock = np.concatenate(([times.step], steps)), np.concatenate(([times.time], clock))
        passed = np.diff(steps)
        seconds: Doubles = np.diff(clock)[passed > 0] / passed[passed > 0]
        return seconds

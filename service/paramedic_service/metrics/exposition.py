"""The whole of /metrics: the runs' lines grouped by family, then the service's own metrics."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, generate_latest

from paramedic_service.ingest.live import LiveRun
from paramedic_service.metrics import families
from paramedic_service.metrics.lines import RunLines, Series
from paramedic_service.metrics.text import label_pairs
from paramedic_service.store.records import RunKey

# Series of logged scalars, over all runs: what somebody logs must not flood somebody else's Prometheus.
MAX_SCALAR_SERIES = 10_000

# How long a scrape may hold the event loop before ingest gets a turn, seconds.
_TURN = 0.001


class Exposition:
    """Renders what a scrape shows."""

    def __init__(
        self,
        runs: Mapping[RunKey, LiveRun],
        registry: CollectorRegistry,
        *,
        bound: Series,
        linger: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Creates an exposition that reads the runs at every scrape.

        Args:
            runs: The runs in memory, in the order of their registration.
            registry: The service's own metrics.
            bound: Most series of the bounded families, over all runs.
            linger: How long a run stays after it ended, seconds.
            clock: Unix seconds.
        """
        self._runs = runs
        self._registry = registry
        self._bound = bound
        self._linger = linger
        self._clock = clock
        self._lines: dict[RunKey, RunLines] = {}

    async def render(self) -> bytes:
        """Returns the exposition. Other tasks get their turn between runs."""
        shown = self._lines = self._shown()
        left, dropped = self._bound, Series(0, 0, 0)
        rendered: list[tuple[bytes, ...]] = []
        turn_ends = time.monotonic() + _TURN
        leading = _leading(shown)
        for key, lines in shown.items():
            # Runs are served in the order of their registration, so that a series, once shown, is not taken away
            # by a run that came later.
            wanted = lines.wanted()
            if key not in leading:
                wanted = wanted._replace(gradients=0, ratios=0)
            granted = wanted.within(left)
            left = left.minus(granted)
            dropped = dropped.plus(wanted.minus(granted))
            rendered.append(lines.render(granted))
            if time.monotonic() >= turn_ends:
                await asyncio.sleep(0)
                turn_ends = time.monotonic() + _TURN
        return b"".join(_grouped(rendered)) + _series_dropped(dropped) + generate_latest(self._registry)

    def _shown(self) -> dict[RunKey, RunLines]:
        """Returns the lines of the runs that are shown now, keeping those that are rendered already."""
        now = self._clock()
        shown: dict[RunKey, RunLines] = {}
        for key, run in self._runs.items():
            if run.ended_at is not None and now - run.ended_at > self._linger:
                continue
            lines = self._lines.get(key)
            shown[key] = lines if lines is not None and lines.run is run else RunLines(run)
        return shown


def _leading(keys: Iterable[RunKey]) -> set[RunKey]:
    """The lowest rank of every attempt: the tensors of all ranks of a large training would leave others no room."""
    lowest: dict[tuple[str, str, int], RunKey] = {}
    for key in keys:
        attempt = key.project, key.id, key.attempt
        if attempt not in lowest or key.rank < lowest[attempt].rank:
            lowest[attempt] = key
    return set(lowest.values())


def _grouped(rendered: list[tuple[bytes, ...]]) -> list[bytes]:
    """Returns the lines of all runs, family by family."""
    pieces: list[bytes] = []
    for index, family in enumerate(families.RUN_FAMILIES):
        lines = [run[index] for run in rendered if run[index]]
        if lines:
            pieces.append(family.header())
            pieces.extend(lines)
    return pieces


def _series_dropped(dropped: Series) -> bytes:
    family = families.SERIES_DROPPED
    bounded = (families.SCALAR, families.TENSOR_GRADIENT_NORM, families.TENSOR_UPDATE_RATIO)
    counts = zip(bounded, dropped, strict=True)
    samples = (f"{family.prefix(label_pairs({'family': of.name}))}{count}\n" for of, count in counts)
    return family.header() + "".join(samples).encode()

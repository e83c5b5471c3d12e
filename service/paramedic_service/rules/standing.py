"""How the loss stands: what rules on other signals ask before they accuse."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from paramedic_service.rules.telemetry import Flags, Integers


class Standing(NamedTuple):
    """How the loss stands, seen from some rows; bool [rows] each.

    Attributes:
        converged: At least half of the initial loss is gone.
        stuck: Not converged, and not improving. True of a run that reports no loss: nothing speaks for its health.
        worse: No better than its own recent mean. True of a run that reports no loss.
    """

    converged: Flags
    stuck: Flags
    worse: Flags


class Span(NamedTuple):
    """Observations between two window ends, over which nothing that is derived from the history changes."""

    length: int
    converged: bool
    stuck: bool
    usual: float | None


@dataclass(slots=True)
class LossObservations:
    """The losses of one batch, from which the standing at any row can be told.

    Attributes:
        rows: int64 [m], row of each observation.
        values: The observations.
        spans: Which cover them.
        before: What held before the first: converged, stuck, worse.
        first: Row and value of the first finite loss of the training; the row is -1 when it lies in an earlier batch.
            None before it.
    """

    rows: Integers
    values: list[float]
    spans: list[Span]
    before: tuple[bool, bool, bool]
    first: tuple[int, float] | None = None

    def standing(self, rows: Integers) -> Standing:
        """How the loss stands at int64 rows [n] of the batch."""
        converged, stuck, worse = ([flag] for flag in self.before)
        start = 0
        for span in self.spans:
            stop = start + span.length
            converged += [span.converged] * span.length
            stuck += [span.stuck] * span.length
            worse += [span.usual is None or not value < span.usual for value in self.values[start:stop]]
            start = stop
        latest = np.searchsorted(self.rows, rows, side="right")
        return Standing(np.array(converged)[latest], np.array(stuck)[latest], np.array(worse)[latest])

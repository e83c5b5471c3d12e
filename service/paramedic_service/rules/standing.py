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
        jumped: Above that mean by more than its noise explains. True of a run that reports no loss.
    """

    converged: Flags
    stuck: Flags
    worse: Flags
    jumped: Flags


class Span(NamedTuple):
    """Observations between two window ends, over which nothing that is derived from the history changes.

    Attributes:
        length: Of them.
        converged: As in Standing.
        stuck: Likewise.
        usual: Recent mean of the loss; None before there is one.
        noisy: Highest loss that noise about that mean explains; None likewise.
    """

    length: int
    converged: bool
    stuck: bool
    usual: float | None
    noisy: float | None

    def compare(self, value: float) -> tuple[bool, bool]:
        """Whether a loss is no better than usual, and whether noise does not explain it; NaN is neither."""
        worse = self.usual is None or not value < self.usual
        return worse, self.noisy is None or not value < self.noisy


@dataclass(slots=True)
class LossObservations:
    """The losses of one batch, from which the standing at any row can be told.

    Attributes:
        rows: int64 [m], row of each observation.
        values: The observations.
        spans: Which cover them.
        before: What held before the first: converged, stuck, worse, jumped.
        first: Row and value of the first finite loss of the training; the row is -1 when it lies in an earlier batch.
            None before it.
    """

    rows: Integers
    values: list[float]
    spans: list[Span]
    before: tuple[bool, bool, bool, bool]
    first: tuple[int, float] | None = None

    def standing(self, rows: Integers) -> Standing:
        """How the loss stands at int64 rows [n] of the batch."""
        converged, stuck, worse, jumped = ([flag] for flag in self.before)
        start = 0
        for span in self.spans:
            stop = start + span.length
            converged += [span.converged] * span.length
            stuck += [span.stuck] * span.length
            for value in self.values[start:stop]:
                is_worse, has_jumped = span.compare(value)
                worse.append(is_worse)
                jumped.append(has_jumped)
            start = stop
        latest = np.searchsorted(self.rows, rows, side="right")
        return Standing(*(np.array(flags)[latest] for flags in (converged, stuck, worse, jumped)))

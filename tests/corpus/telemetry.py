"""A recording as whole series, the form in which the baselines read it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from paramedic.v1.description_pb2 import RunDescription
from paramedic_service.ingest.description import read
from paramedic_service.ingest.entries import Batch, Description, Event
from paramedic_service.ingest.fold import merge
from paramedic_service.ingest.frontier import Frontier
from paramedic_service.ingest.live import LiveRun
from paramedic_service.ingest.refusal import MAX_COUNT
from paramedic_service.ingest.validation import parse, validate
from paramedic_service.rules import description as rules
from paramedic_service.rules.telemetry import LOSS, Rows
from paramedic_service.store.records import RunKey

Values = npt.NDArray[Any]
_NOTHING = np.zeros(0)


@dataclass(frozen=True, slots=True)
class Series:
    """One signal.

    Attributes:
        steps: [n], not decreasing.
        values: [n], or [n, tensors or layers].
    """

    steps: Values
    values: Values

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True, slots=True)
class Telemetry:
    """One recorded run.

    Attributes:
        description: All that was known of it at its end.
        rows: All of them; None when it never took a step.
        epochs: Steps at which an epoch ended.
        error: Class name of the exception that ended it; empty when none did.
    """

    description: rules.Description
    rows: Rows | None
    epochs: tuple[int, ...]
    error: str

    def scalar(self, name: str) -> Series:
        """A scalar signal; empty when it was not recorded."""
        return self._series(self.rows.scalars if self.rows else {}, name)

    def block(self, name: str) -> Series:
        """A per-tensor signal; empty when it was not recorded."""
        return self._series(self.rows.blocks if self.rows else {}, name)

    def layer(self, name: str) -> Series:
        """A per-layer signal; empty when it was not recorded."""
        return self._series(self.rows.layers if self.rows else {}, name)

    def by_epoch(self, name: str) -> Series:
        """A scalar at the end of each epoch as Keras reports it: its mean over the epoch.

        Metrics are recorded as running means, so that their last value is that mean; the loss is each batch's own.
        """
        whole = self.scalar(name)
        ends = np.searchsorted(whole.steps, self.epochs, side="right")
        begins = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
        last_only = name != LOSS
        means = [
            whole.values[end - 1] if last_only else whole.values[begin:end].mean()
            for begin, end in zip(begins, ends, strict=True)
            if end > begin
        ]
        return Series(np.array(self.epochs[: len(means)]), np.array(means))

    def _series(self, signals: Mapping[str, Any], name: str) -> Series:
        found = signals.get(name)
        if found is None or self.rows is None:
            return Series(_NOTHING, _NOTHING)
        return Series(self.rows.steps if found.rows is None else self.rows.steps[found.rows], found.values)


@dataclass(slots=True)
class _Reading:
    batches: list[Batch] = field(default_factory=list)
    known: RunDescription = field(default_factory=RunDescription)
    epochs: list[int] = field(default_factory=list)
    error: str = ""


def decode(entries: Iterable[bytes]) -> Telemetry:
    """Reads a recording.

    Args:
        entries: Of the run's log, serialised requests without the registration.
    """
    reading = _Reading()
    for entry in _validated(entries):
        match entry:
            case Batch():
                reading.batches.append(entry)
            case Description(described):
                for known, _ in described.ListFields():
                    reading.known.ClearField(known.name)  # type: ignore[arg-type]
                reading.known.MergeFrom(described)
            case Event(event) if event.HasField("epoch_ended"):
                reading.epochs.append(event.step)
            case Event(event) if event.HasField("error"):
                reading.error = event.error.kind
    rows = merge(reading.batches).rows if reading.batches else None
    return Telemetry(read(reading.known), rows, tuple(reading.epochs), reading.error)


def _validated(entries: Iterable[bytes]) -> Iterator[Any]:
    frontier = Frontier.of(LiveRun(RunKey("corpus", "run", 0, 0), 0, "run", created_at=0.0))
    for body in entries:
        request = parse(body)
        entry = validate(request, frontier, max_tensors=MAX_COUNT)
        frontier.advance(request.sequence, entry)
        yield entry

"""Entries of a run's log after validation: what the fold reads."""

from dataclasses import dataclass

from paramedic.v1.description_pb2 import RunDescription
from paramedic.v1.telemetry_pb2 import RunEvent
from paramedic_service.rules.telemetry import Rows
from paramedic_service.store.records import RunState


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of signals."""

    rows: Rows

    @property
    def row_count(self) -> int:
        """Number of rows."""
        return len(self.rows.steps)


@dataclass(frozen=True, slots=True)
class Description:
    """Something became known of the training."""

    description: RunDescription


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened once."""

    event: RunEvent


@dataclass(frozen=True, slots=True)
class Finish:
    """The run ended.

    Attributes:
        state: Finished or failed.
        time: Client clock, seconds since the Unix epoch.
    """

    state: RunState
    time: float


Entry = Batch | Description | Event | Finish


def kind_of(entry: Entry) -> str:
    """The entry's name in metrics: "batch", "description", "event" or "finish"."""
    return type(entry).__name__.lower()

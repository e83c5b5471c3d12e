"""What the service and the process that drives Ray tell each other, each message in a frame on a pipe."""

from dataclasses import astuple, dataclass
from enum import StrEnum

import msgpack


@dataclass(frozen=True, slots=True)
class Order:
    """To the driver: run a job, or end it.

    Attributes:
        number: Of the job, the service's own.
        job: `Job.to_bytes`; empty to end it.
    """

    number: int
    job: bytes = b""

    def to_bytes(self) -> bytes:
        """As it travels."""
        packed: bytes = msgpack.packb(astuple(self))
        return packed

    @classmethod
    def from_bytes(cls, packed: bytes) -> "Order":
        """What `to_bytes` wrote."""
        return cls(*msgpack.unpackb(packed))


class Kind(StrEnum):
    """What a report is of."""

    SLOTS = "slots"
    """The cluster, in `number`: how many jobs it has room for."""
    UNREACHABLE = "unreachable"
    """The cluster, which cannot be reached; `text` says why, and it is the last report."""
    EVENT = "event"
    """A job, which had the event in `event`."""
    FINISHED = "finished"
    """A job, which came to its end."""
    FAILED = "failed"
    """A job, which failed by itself; `text` says why."""
    LOST = "lost"
    """A job, under which what ran it died; `text` says how. One that was told to end is lost as well."""


@dataclass(frozen=True, slots=True)
class Report:
    """From the driver.

    Attributes:
        kind: What it is of.
        number: Of the job; of the slots.
        event: A serialized `WatchReproductionResponse`.
        text: For people.
        log: The end of what the job's process printed.
    """

    kind: Kind
    number: int = 0
    event: bytes = b""
    text: str = ""
    log: str = ""

    def to_bytes(self) -> bytes:
        """As it travels."""
        packed: bytes = msgpack.packb(astuple(self))
        return packed

    @classmethod
    def from_bytes(cls, packed: bytes) -> "Report":
        """What `to_bytes` wrote."""
        kind, *others = msgpack.unpackb(packed)
        return cls(Kind(kind), *others)

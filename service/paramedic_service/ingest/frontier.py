"""Where the accepted part of a run's log ends."""

from dataclasses import dataclass, field

from paramedic_service.ingest.entries import Batch, Description, Entry
from paramedic_service.ingest.live import LiveRun


@dataclass(slots=True)
class Frontier:
    """Where the accepted part of a run's log ends; the next entry is checked against it.

    It runs ahead of `LiveRun`, which tells where the durable and judged part ends.

    Attributes:
        sequence: Highest sequence accepted; 0 before the first.
        step: Highest step accepted; None before the first.
        tensors: Entries of the tensor table; None before the first table.
        layers: Entries of the table of probed layers; None before the first table.
        scalars: Names of the scalar signals seen.
        paths: Names of the recurrent layers whose gradient's path through time was seen.
    """

    sequence: int = 0
    step: int | None = None
    tensors: int | None = None
    layers: int | None = None
    scalars: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, live: LiveRun) -> "Frontier":
        """The frontier of a run whose accepted entries are all folded."""
        return cls(
            live.last_sequence,
            live.last_step,
            len(live.tensor_names) or None,
            len(live.description.probed_layers) or None,
            set(live.latest_scalars),
            set(live.path_layers),
        )

    def advance(self, sequence: int, entry: Entry) -> None:
        """Moves behind an entry that was accepted."""
        self.sequence = max(self.sequence, sequence)
        match entry:
            case Batch(rows):
                self.step = int(rows.steps[-1])
                self.scalars.update(rows.scalars)
                self.paths.update(rows.paths)
            case Description(described):
                self.tensors = len(described.tensors) or self.tensors
                self.layers = len(described.probed_layers) or self.layers

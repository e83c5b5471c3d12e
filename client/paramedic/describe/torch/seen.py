"""What was seen of the first step of a torch loop."""

from dataclasses import dataclass, field

from paramedic.describe.torch.forward import Forward
from paramedic.v1.description_pb2 import ArrayProfile, LossConfig


@dataclass(slots=True)
class Seen:
    """What one step tells beyond the modules; every part of it may be missing.

    Attributes:
        forward: The forward pass; None when nobody could look into it.
        losses: In the order of the forward pass's `ends`.
        inputs: Of the first batch.
        targets: Likewise.
        batch_size: Samples that a forward pass takes.
        weighted: Whether classes or samples are weighted in the loss.
        precision: "float32", "mixed_float16"; empty when unknown.
    """

    forward: Forward | None = None
    losses: list[LossConfig] = field(default_factory=list)
    inputs: list[ArrayProfile] = field(default_factory=list)
    targets: list[ArrayProfile] = field(default_factory=list)
    batch_size: int | None = None
    weighted: bool = False
    precision: str = ""

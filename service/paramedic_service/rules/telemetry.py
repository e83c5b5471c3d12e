"""What rules read: neutral, validated telemetry."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

GRADIENT_NORM = "gradient_norm"
WEIGHT_NORM = "weight_norm"
UPDATE_NORM = "update_norm"
LOSS = "loss"


@dataclass(frozen=True, slots=True)
class Tensor:
    """One trainable tensor, a column of every block.

    Attributes:
        name: Unique within the run's table.
        element_count: Number of elements; None when unknown.
        layer: Name of the layer that owns it; empty when unknown.
        role: "kernel", "recurrent_kernel", "bias", "embedding", "scale", "offset", or empty.
    """

    name: str
    element_count: int | None = None
    layer: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """What is known of the training, as far as rules need it.

    Attributes:
        tensors: The tensor table, in forward order.
        dynamic_loss_scale: True when mixed precision searches for a loss scale and skips the steps that overflow.
    """

    tensors: tuple[Tensor, ...] = ()
    dynamic_loss_scale: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One scalar signal.

    Attributes:
        values: float64 [m]; NaN and infinities are data.
        rows: int64 [m], the rows that have a value, strictly increasing; None when every row has one.
    """

    values: Doubles
    rows: Integers | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """One per-tensor signal.

    Attributes:
        values: float32 [m, tensors]; NaN and infinities are data.
        rows: int64 [m], the rows that have values, strictly increasing; None when every row has them.
    """

    values: Floats
    rows: Integers | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """Consecutive rows of a run's log, however many arrived together.

    Attributes:
        steps: int64 [n], not decreasing.
        times: float64 [n], client clock, seconds since the Unix epoch.
        scalars: By signal name.
        blocks: By signal name: "gradient_norm", "weight_norm", "update_norm".
    """

    steps: Integers
    times: Doubles
    scalars: Mapping[str, Column] = field(default_factory=dict)
    blocks: Mapping[str, Block] = field(default_factory=dict)

"""What rules read step by step: neutral, validated telemetry."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

LOSS = "loss"
LEARNING_RATE = "learning_rate"
VALIDATION_LOSS = "val_loss"

BUSY_SECONDS = "busy_seconds"
"""How long a process among many worked on a step without waiting for the others, seconds."""

ACCURACY = "accuracy"
VALIDATION_ACCURACY = "val_accuracy"
ACCURACIES = (ACCURACY, "acc", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy")
"""Names that frameworks give the accuracy over all samples; validation puts "val_" before them."""

GRADIENT_NORM = "gradient_norm"
WEIGHT_NORM = "weight_norm"
UPDATE_NORM = "update_norm"
GRADIENT_ZERO_SHARE = "gradient_zero_share"

ACTIVATION_MEAN = "activation_mean"
ACTIVATION_DEVIATION = "activation_deviation"
DEAD_SHARE = "dead_share"
SATURATED_SHARE = "saturated_share"
SAMPLE_DEVIATION = "sample_deviation"

GRADIENT_PATH = "gradient path through time"


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
    """One signal of every tensor, or of every probed layer.

    Attributes:
        values: float32 [m, tensors or layers]; NaN and infinities are data.
        rows: int64 [m], the rows that have values, strictly increasing; None when every row has them.
    """

    values: Floats
    rows: Integers | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """The gradient's path through time in one recurrent layer.

    Attributes:
        time_steps: int64 [t], strictly increasing, the first and the last time step among them.
        values: float32 [m, t], L2 norm of dL/dh at these time steps.
        rows: int64 [m], the rows that have values, strictly increasing; None when every row has them.
    """

    time_steps: Integers
    values: Floats
    rows: Integers | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """Consecutive rows of a run's log, however many arrived together.

    Attributes:
        steps: int64 [n], not decreasing.
        times: float64 [n], client clock, seconds since the Unix epoch.
        scalars: By signal name.
        blocks: By signal name: "gradient_norm", "weight_norm", "update_norm", "gradient_zero_share".
        layers: By signal name, one column a probed layer: "activation_mean", "activation_deviation", "dead_share",
            "saturated_share", "sample_deviation".
        paths: By recurrent layer.
    """

    steps: Integers
    times: Doubles
    scalars: Mapping[str, Column] = field(default_factory=dict)
    blocks: Mapping[str, Block] = field(default_factory=dict)
    layers: Mapping[str, Block] = field(default_factory=dict)
    paths: Mapping[str, Path] = field(default_factory=dict)

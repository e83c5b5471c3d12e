"""What a reproduction trains on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]


class DataError(ValueError):
    """There are no samples to be had; the message names the field and says what would help."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Arrays with one row a sample, in the order of the profile's inputs and targets.

    Attributes:
        inputs: To train on, [samples, ...] each. Of dtype object where the profile says so: sequences that differ
            in length.
        targets: Likewise, encoded as the profile says.
        held_inputs: Never trained on, and without missing values: what the final error is measured with.
        held_targets: Likewise.
    """

    inputs: tuple[Array, ...]
    targets: tuple[Array, ...]
    held_inputs: tuple[Array, ...]
    held_targets: tuple[Array, ...]

    @property
    def count(self) -> int:
        """Samples to train on."""
        return len(self.inputs[0])

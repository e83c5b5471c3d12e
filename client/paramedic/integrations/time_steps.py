"""Which time steps of a gradient's path are reported."""

from typing import Any

import numpy as np
import numpy.typing as npt

MAX_TIME_STEPS = 64


def reported(norms: npt.NDArray[np.float32], present: npt.NDArray[np.bool_]) -> tuple[list[int], Any]:
    """Chooses what is reported of a path.

    Args:
        norms: float32 [time], of every time step.
        present: bool [time], whether any sample has it; steps that are padding in all of them have no place on a path.

    Returns:
        At most 64 time steps, counted among those that are present, evenly spread, the first and the last among them;
        and their norms, float32.
    """
    norms = norms[present]
    count = len(norms)
    steps = list(range(count))
    if count > MAX_TIME_STEPS:
        steps = [place * (count - 1) // (MAX_TIME_STEPS - 1) for place in range(MAX_TIME_STEPS)]
    return steps, norms[steps]

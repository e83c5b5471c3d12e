"""Tasks on sequences that are made up from a seed: what is to be learned, and how far back it lies, is known."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Single = npt.NDArray[np.float32]


class Arrays(NamedTuple):
    """Inputs and targets.

    Attributes:
        x: float32 [samples, time steps, features].
        y: float32 [samples, 1].
    """

    x: Single
    y: Single


def summed(generator: np.random.Generator, samples: int, time_steps: int) -> Arrays:
    """The sum of all time steps, scaled to a variance of 1: every step counts alike."""
    x = generator.normal(size=(samples, time_steps, 1)).astype(np.float32)
    return Arrays(x, (x.sum(1) / np.sqrt(time_steps)).astype(np.float32))


def recalled(generator: np.random.Generator, samples: int, time_steps: int) -> Arrays:
    """The sum of the first two time steps: nothing but the beginning counts."""
    x = generator.normal(size=(samples, time_steps, 1)).astype(np.float32)
    return Arrays(x, x[:, :2].sum(1))


TASKS: dict[str, Callable[[np.random.Generator, int, int], Arrays]] = {"sum": summed, "recall": recalled}

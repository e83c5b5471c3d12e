"""Tasks on sequences that are made up from a seed: what is to be learned, and how far back it lies, is known."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Single = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Generator = np.random.Generator


class Arrays(NamedTuple):
    """Inputs and targets.

    Attributes:
        x: float32 [samples, time steps, features].
        y: float32 [samples, 1].
    """

    x: Single
    y: Single


def summed(generator: Generator, samples: int, time_steps: int) -> Arrays:
    """The sum of all time steps, scaled to a variance of 1: every step counts alike."""
    x = _normal(generator, samples, time_steps, 1)
    return Arrays(x, (x.sum(1) / np.sqrt(time_steps)).astype(np.float32))


def recalled(generator: Generator, samples: int, time_steps: int) -> Arrays:
    """The sum of the first two time steps: nothing but the beginning counts."""
    x = _normal(generator, samples, time_steps, 1)
    return Arrays(x, x[:, :2].sum(1))


TASKS: dict[str, Callable[[Generator, int, int], Arrays]] = {"sum": summed, "recall": recalled}
"""Those that a number is to be learned of, from one feature."""


def told_apart(generator: Generator, samples: int, noise: float = 0.3) -> tuple[Single, Labels]:
    """Three classes: which of the first three of eight features is the largest on average over ten steps.

    Args:
        generator: Of the samples.
        samples: How many.
        noise: Standard deviation of what is added before the largest is chosen, in units of the averages' own.

    Returns:
        float32 [samples, 10, 8] and int64 [samples].
    """
    x = _normal(generator, samples, 10, 8)
    scores = x[:, :, :3].mean(1) * np.sqrt(10) + noise * generator.normal(size=(samples, 3))
    return x, scores.argmax(1)


def waves(generator: Generator, samples: int, longest: int) -> tuple[Single, Labels]:
    """Two classes: slow and fast sines of random phase in noise; a part of one is enough to tell.

    Returns:
        float32 [samples, longest, 1] and int64 [samples].
    """
    fast = generator.integers(0, 2, samples)
    pace = np.where(fast, 1.2, 0.4)[:, None] * generator.uniform(0.8, 1.25, (samples, 1))
    phase = generator.uniform(0, 2 * np.pi, (samples, 1))
    x = np.sin(phase + pace * np.arange(longest)) + generator.normal(0, 0.1, (samples, longest))
    return x[..., None].astype(np.float32), fast


def uniform(generator: Generator, samples: int) -> Single:
    """The inputs that the source on LSTM errors draws, [samples, 20, 10], each value between 0 and 1."""
    return generator.random((samples, 20, 10)).astype(np.float32)


def _normal(generator: Generator, *shape: int) -> Single:
    return generator.normal(size=shape).astype(np.float32)

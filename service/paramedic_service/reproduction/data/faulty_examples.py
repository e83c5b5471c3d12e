"""Sequences with the faults that people ask about: their shape, their scale, their labels, how many there are."""

from typing import Any

import numpy as np

from paramedic_service.reproduction.data.examples import Generator, Pair, largest
from paramedic_service.reproduction.data.samples import Array

STEPS = 10


def in_raw_units(generator: Generator, steps: int) -> Pair:
    """Features off centre, from hundredths to thousands, as tables have them before anybody scales them."""
    x, y = largest(generator, steps)
    return ((x + 2) * np.logspace(-2, 3, x.shape[2])).astype(np.float32), y


def flat(generator: Generator, _: int) -> Pair:
    """Samples that lack an axis: [steps * features]."""
    x, y = largest(generator, STEPS)
    return x.reshape(len(x), -1), y


def narrow(generator: Generator, steps: int) -> Pair:
    """Five of eight features."""
    x, y = largest(generator, steps)
    return x[:, :, :5], y


def from_one(generator: Generator, steps: int) -> Pair:
    """Classes numbered from 1."""
    x, y = largest(generator, steps)
    return x, y + 1


def imbalanced(generator: Generator, steps: int) -> Pair:
    """Thirty samples of one class to one of the others."""
    parts = [largest(generator, steps) for _ in range(3)]
    x, y = np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])
    kept = (y == 0) | (generator.random(len(y)) < 1 / 30)
    return x[kept], y[kept]


def few(generator: Generator, steps: int) -> Pair:
    """A hundred samples to train on, whose classes are hard to tell."""
    x, y = largest(generator, steps)
    wrong = generator.random(125) < 0.3
    return x[:125], np.where(wrong, generator.integers(0, 3, 125), y[:125])


def of_unequal_length(generator: Generator, _: int) -> Pair:
    """Lists of six to ten steps."""
    x, y = largest(generator, STEPS)
    return _cut(x, generator.integers(6, STEPS + 1, len(x))), y


def waves_of_unequal_length(generator: Generator, _: int) -> Pair:
    """Slow and fast sines in noise, as lists of 24 to 60 steps; a part of one is enough to tell."""
    count, longest = 600, 60
    fast = generator.integers(0, 2, count)
    pace = np.where(fast, 1.2, 0.4)[:, None] * generator.uniform(0.8, 1.25, (count, 1))
    phase = generator.uniform(0, 2 * np.pi, (count, 1))
    x = np.sin(phase + pace * np.arange(longest)) + generator.normal(0, 0.1, (count, longest))
    return _cut(x[..., None].astype(np.float32), generator.integers(24, longest + 1, count)), fast


def unequal_pair(_generator: Generator, _: int) -> Pair:
    """Two sequences, of two steps and of three."""
    x = np.empty(2, object)
    x[:] = [[[1, 2], [3, 4]], [[7, 8], [9, 10], [11, 12]]]
    return x, np.array([[0], [1]])


def uniform(classes: int, generator: Generator, _: int) -> Pair:
    """Sequences [20, 10] between 0 and 1; which of the last step's first features is the largest."""
    x = generator.random((1_000, 20, 10)).astype(np.float32)
    return x, x[:, -1, :classes].argmax(1)


def _cut(x: Array, lengths: Any) -> Array:
    """Lists of unequal length."""
    ragged = np.empty(len(x), object)
    ragged[:] = [sample[:length].tolist() for sample, length in zip(x, lengths, strict=True)]
    return ragged

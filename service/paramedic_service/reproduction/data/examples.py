"""Sequences that examples of recurrent networks are made of, from a generator and a number of time steps."""

import math

import numpy as np

from paramedic_service.reproduction.data.samples import Array

Generator = np.random.Generator
Pair = tuple[Array, Array]
"""Inputs and targets, [samples, ...] each."""

_SAMPLES = 1_500


def random_labels(classes: int, generator: Generator, _steps: int) -> Pair:
    """Sequences [20, 10] with labels that have nothing to do with them, as examples on the web are made.

    There are a hundred to train on, as there, and a quarter as many to be held out.
    """
    return generator.random((125, 20, 10)).astype(np.float32), generator.integers(0, classes, 125)


def adding(generator: Generator, steps: int) -> Pair:
    """The adding problem: the sum of the two numbers that are marked, [steps, 2]."""
    numbers = generator.random((_SAMPLES, steps))
    marks = np.zeros((_SAMPLES, steps))
    rows, half = np.arange(_SAMPLES), max(1, steps // 2)
    marks[rows, generator.integers(0, half, _SAMPLES)] = 1
    marks[rows, generator.integers(min(half, steps - 1), steps, _SAMPLES)] = 1
    return np.stack([numbers, marks], -1).astype(np.float32), (numbers * marks).sum(1).astype(np.float32)


def lag(generator: Generator, steps: int, symbols: int = 4) -> Pair:
    """The first symbol, one-hot, is to be told after noise, [steps, symbols + 1]."""
    labels = generator.integers(0, symbols, _SAMPLES)
    x = np.zeros((_SAMPLES, steps, symbols + 1), np.float32)
    x[np.arange(_SAMPLES), 0, labels] = 1
    x[:, 1:, symbols] = generator.random((_SAMPLES, steps - 1))
    return x, labels


def recall(generator: Generator, steps: int) -> Pair:
    """The sum of the first two numbers is wanted at the end, [steps, 1]."""
    x = generator.normal(size=(_SAMPLES, steps, 1)).astype(np.float32)
    return x, x[:, :2].sum(1)


def summed(generator: Generator, steps: int) -> Pair:
    """The sum of all numbers is wanted, scaled to a variance of one, [steps, 1]."""
    x = generator.normal(size=(_SAMPLES, steps, 1)).astype(np.float32)
    return x, (x.sum(1) / math.sqrt(steps)).astype(np.float32)


def largest(generator: Generator, steps: int, features: int = 8, classes: int = 3) -> Pair:
    """Which of the first features is the largest on average, with noise, [steps, features]."""
    x = generator.normal(size=(_SAMPLES, steps, features)).astype(np.float32)
    scores = x[:, :, :classes].mean(1) * math.sqrt(steps) + 0.3 * generator.normal(size=(_SAMPLES, classes))
    return x, np.argmax(scores, 1)


def noisy_sine(generator: Generator, steps: int) -> Pair:
    """Sines of random phase and pace; the next value is wanted, [steps, 1]."""
    phase = generator.uniform(0, 2 * np.pi, (_SAMPLES, 1))
    pace = generator.uniform(0.2, 0.6, (_SAMPLES, 1))
    waves = np.sin(phase + pace * np.arange(steps + 1)) + generator.normal(0, 0.05, (_SAMPLES, steps + 1))
    waves = waves.astype(np.float32)
    return waves[:, :-1, None], waves[:, -1]

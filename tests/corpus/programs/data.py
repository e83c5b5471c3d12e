"""Data of the programs: scikit-learn's bundled sets, and tasks made up from a seed.

Real sets are standardised and split into training and held-out samples by the seed. The sunspot and CO2 series are
synthetic ones of the same character, because no package that is installed here ships the originals.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import datasets

Array = npt.NDArray[Any]
Generator = np.random.Generator


@dataclass(frozen=True, slots=True)
class Data:
    """What one program trains on, and what it is measured with afterwards.

    Attributes:
        x: Training inputs.
        y: Training targets, encoded as the loss wants them.
        x_test: Held-out inputs.
        y_test: Held-out targets, encoded likewise, for validation while it trains.
        truth: Held-out right answers, never edited: class indices, 0 and 1, or real values.
    """

    x: Any
    y: Any
    x_test: Any
    y_test: Any
    truth: Array


def digits(generator: Generator) -> Data:
    """1,797 images [8, 8] of ten digits, 0 to 1."""
    images, labels = datasets.load_digits(return_X_y=True)
    return held_out(generator, (images / 16).astype(np.float32), labels)


def cancer(generator: Generator) -> Data:
    """569 samples of 30 features, two classes."""
    features, labels = datasets.load_breast_cancer(return_X_y=True)
    return held_out(generator, _standard(features), labels.astype(np.float32))


def wine(generator: Generator) -> Data:
    """178 samples of 13 features, three classes."""
    features, labels = datasets.load_wine(return_X_y=True)
    return held_out(generator, _standard(features), labels)


def diabetes(generator: Generator) -> Data:
    """442 samples of 10 features; targets in their own unit, 25 to 346."""
    features, targets = datasets.load_diabetes(return_X_y=True)
    return held_out(generator, _standard(features), targets.astype(np.float32))


def friedman(generator: Generator) -> Data:
    """600 samples of 10 features, of which five matter, with noise; targets standardised."""
    features, targets = datasets.make_friedman1(600, noise=1.0, random_state=int(generator.integers(2**31)))
    return held_out(generator, _standard(features), _standard(targets))


def adding(generator: Generator, length: int, samples: int = 1500) -> Data:
    """The adding problem: sum of the two numbers that are marked, [length, 2] each."""
    numbers = generator.random((samples, length))
    marks = np.zeros((samples, length))
    rows = np.arange(samples)
    marks[rows, generator.integers(0, length // 2, samples)] = 1
    marks[rows, generator.integers(length // 2, length, samples)] = 1
    return held_out(generator, np.stack([numbers, marks], -1).astype(np.float32), _single((numbers * marks).sum(1)))


def long_lag(generator: Generator, length: int, samples: int = 1500, symbols: int = 4) -> Data:
    """The first of many symbols has to be remembered over noise until the end; one-hot, [length, symbols + 1]."""
    labels = generator.integers(0, symbols, samples)
    x = np.zeros((samples, length, symbols + 1), np.float32)
    x[np.arange(samples), 0, labels] = 1
    x[:, 1:, symbols] = generator.random((samples, length - 1))
    return held_out(generator, x, labels)


def running_parity(generator: Generator, length: int, samples: int = 1500) -> Data:
    """Parity of the bits so far, at every time step."""
    bits = generator.integers(0, 2, (samples, length))
    return held_out(generator, (2.0 * bits[..., None] - 1).astype(np.float32), np.cumsum(bits, 1) % 2)


def copying(generator: Generator, length: int, samples: int = 1500, symbols: int = 5) -> Data:
    """Every token again, two steps later; integers [length]."""
    tokens = generator.integers(1, symbols, (samples, length))
    delayed = np.concatenate([np.zeros((samples, 2), tokens.dtype), tokens[:, :-2]], 1)
    return held_out(generator, tokens, delayed)


def sine(generator: Generator, length: int = 24, samples: int = 1200) -> Data:
    """Noisy sines of random phase and frequency, [length, 1]; the next value is wanted."""
    phase = generator.uniform(0, 2 * np.pi, (samples, 1))
    pace = generator.uniform(0.2, 0.6, (samples, 1))
    waves = np.sin(phase + pace * np.arange(length + 1)) + generator.normal(0, 0.05, (samples, length + 1))
    return _forecast(generator, waves)


def sunspots(generator: Generator, length: int = 24, samples: int = 1000) -> Data:
    """Windows of a series like the sunspot numbers: cycles of about 11 years, skewed, of varying height; scaled."""
    years = np.arange(samples + length) / 6
    height = 1 + 0.5 * np.sin(2 * np.pi * years / 87) + 0.3 * generator.normal(size=len(years)).cumsum() / 30
    cycle = np.clip(np.sin(2 * np.pi * years / 11 + generator.uniform(0, 6)), -0.2, None) + 0.2
    series = 80 * np.abs(height) * cycle**1.4 + 20 * np.abs(generator.normal(size=len(years)))
    return _forecast(generator, _windows(_standard(series), length))


def carbon_dioxide(generator: Generator, length: int = 24, samples: int = 1000) -> Data:
    """Windows of a series like the CO2 record of Mauna Loa: a rising trend, a season, and noise; scaled by window."""
    months = np.arange(samples + length)
    season = 3 * np.sin(2 * np.pi * months / 12) + 0.8 * np.sin(4 * np.pi * months / 12 + 1)
    series = 315 + 0.1 * months + 1e-4 * months**2 + season + generator.normal(0, 0.3, len(months))
    windows = _windows(series, length)
    return _forecast(generator, (windows - windows[:, :-1].mean(1, keepdims=True)) / 3)


def phrases(generator: Generator, length: int = 20, samples: int = 1200, classes: int = 3, words: int = 60) -> Data:
    """Token sequences of varying length, padded by 0 behind; words speak for one class or for none."""
    labels = generator.integers(0, classes, samples)
    tone = generator.integers(0, 3 * classes, words)  # below `classes`: a word of that class
    x = np.zeros((samples, length), np.int32)
    for sample, label in enumerate(labels):
        count = generator.integers(length // 2, length + 1)
        likely = np.where(tone == label, 3.0, np.where(tone < classes, 0.7, 1.0))
        x[sample, :count] = 1 + generator.choice(words, count, p=likely / likely.sum())
    return held_out(generator, x, labels)


def held_out(generator: Generator, x: Array, y: Array, share: float = 0.2) -> Data:
    """Splits at random.

    Args:
        generator: Of the seed.
        x: Inputs, [samples, ...].
        y: Targets, [samples, ...].
        share: Of the samples that are held out.
    """
    order = generator.permutation(len(x))
    test, train = np.split(order, [int(len(x) * share)])
    return Data(x[train], y[train], x[test], y[test], y[test])


def _forecast(generator: Generator, windows: Array) -> Data:
    return held_out(generator, _single(windows[:, :-1, None]), _single(windows[:, -1]))


def _windows(series: Array, length: int) -> Array:
    return np.lib.stride_tricks.sliding_window_view(series, length + 1)


def _standard(values: Array) -> Array:
    return _single((values - values.mean(0)) / values.std(0))


def _single(values: Array) -> Array:
    return np.asarray(values, np.float32)

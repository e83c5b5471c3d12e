"""Edits of data that faults are made of: scale, missing values, corrupt batches, labels, shapes."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from corpus.programs.data import Array, Data

CORRUPT_FROM = 150  # step of the first corrupt batch


def inputs(change: Any) -> Any:
    """Edit of the inputs, training and held out."""
    return lambda plain, generator: replace(plain, x=change(plain.x), x_test=change(plain.x_test))


def labels(change: Any) -> Any:
    """Edit of the encoded labels, training and held out."""
    return lambda plain, generator: replace(plain, y=change(plain.y), y_test=change(plain.y_test))


def units_of_measure(x: Array) -> Array:
    """Standardised features back in units as raw tables have them: from thousandths to thousands, and off centre."""
    scale = np.logspace(-2, 3, x.shape[1])
    return np.asarray((x + 3) * scale, np.float32)


def one_feature_huge(x: Array) -> Array:
    """The last feature in thousandths of its unit."""
    scaled = x.copy()
    scaled[:, -1] *= 1e3
    return scaled


def with_nan(plain: Data, generator: np.random.Generator) -> Data:
    """Five samples lack their first number."""
    x = plain.x.copy()
    x.reshape(len(x), -1)[generator.integers(0, len(x), 5), 0] = np.nan
    return replace(plain, x=x)


def shuffled_labels(plain: Data, generator: np.random.Generator) -> Data:
    """Training labels of other samples."""
    return replace(plain, y=generator.permutation(plain.y))


def one_class_mostly(plain: Data, generator: np.random.Generator) -> Data:
    """Keeps three in a hundred samples of all classes but the first."""
    common = np.unique(plain.y)[-1]
    keep = (plain.y == common) | (generator.random(len(plain.y)) < 0.03)
    if not (plain.y[keep] != common).any():
        keep[np.flatnonzero(plain.y != common)[:3]] = True
    repeat = np.resize(np.flatnonzero(keep), len(plain.y))
    return replace(plain, x=plain.x[repeat], y=plain.y[repeat])


def raw_targets(plain: Data, generator: np.random.Generator) -> Data:
    """Standardised targets back in hundreds."""
    return replace(plain, y=plain.y * 77 + 152, y_test=plain.y_test * 77 + 152, truth=plain.truth * 77 + 152)


def ragged(plain: Data, generator: np.random.Generator) -> Data:
    """Lists of tokens of their own lengths."""
    sentences = np.empty(len(plain.x), object)
    sentences[:] = [row[row > 0].tolist() for row in plain.x]
    return replace(plain, x=sentences)


def corrupt_batches(factor: float, count: int) -> Any:
    """Feed: batches in random order, of which a few in a row are far too large."""

    def feed(plain: Data, size: int, epochs: int, generator: np.random.Generator) -> Iterator[tuple[Any, Any]]:
        step = 0
        for _ in range(epochs):
            order = generator.permutation(len(plain.x))
            for start in range(0, len(order), size):
                chosen = order[start : start + size]
                bad = CORRUPT_FROM <= step < CORRUPT_FROM + count
                yield plain.x[chosen] * (factor if bad else 1), plain.y[chosen]
                step += 1

    return feed

"""Tasks made up from a seed for the programs that came second: tables, images, waves, motion and tokens."""

import numpy as np
from sklearn import datasets

from corpus.programs.data import Array, Data, Generator, held_out

STATES = 16  # of the Markov chain


def clusters(generator: Generator, classes: int = 5, samples: int = 1500) -> Data:
    """Twelve features, standardised; classes of two clusters each."""
    x, y = datasets.make_classification(
        samples, 12, n_informative=8, n_redundant=2, n_classes=classes, n_clusters_per_class=2, class_sep=1.5,
        random_state=int(generator.integers(2**31)),
    )  # fmt: skip
    return held_out(generator, ((x - x.mean(0)) / x.std(0)).astype(np.float32), y)


def counts(generator: Generator, samples: int = 1200) -> Data:
    """Counts, 0 to some tens, whose rate depends on three of eight features."""
    x = generator.normal(size=(samples, 8))
    rate = np.exp(1.2 + 0.6 * x[:, 0] - 0.4 * x[:, 1] + 0.4 * x[:, 2] * x[:, 0])
    y = generator.poisson(np.minimum(rate, 60.0))
    return held_out(generator, x.astype(np.float32), y.astype(np.float32))


def stripes(generator: Generator, samples: int = 1200, size: int = 12) -> Data:
    """Images [size, size, 1] of stripes in one of four directions, at any phase and pace, in noise."""
    labels = generator.integers(0, 4, samples)
    down, along = np.mgrid[:size, :size]
    angle = np.pi * labels[:, None, None] / 4
    pace = generator.uniform(0.8, 1.6, (samples, 1, 1))
    phase = generator.uniform(0, 2 * np.pi, (samples, 1, 1))
    waves = np.sin(pace * (np.cos(angle) * along + np.sin(angle) * down) + phase)
    return held_out(generator, (waves + generator.normal(0, 0.6, waves.shape))[..., None].astype(np.float32), labels)


def waves(generator: Generator, samples: int = 1200, length: int = 32) -> Data:
    """Sines, squares and sawteeth of any pace and phase in noise, [length, 1]."""
    labels = generator.integers(0, 3, samples)
    turns = generator.uniform(0, 1, (samples, 1)) + generator.uniform(0.06, 0.12, (samples, 1)) * np.arange(length)
    sine = np.sin(2 * np.pi * turns)
    shapes = np.stack([1.4 * sine, np.sign(sine), 3.4 * (turns % 1 - 0.5)])
    x = shapes[labels, np.arange(samples)] + generator.normal(0, 0.2, (samples, length))
    return held_out(generator, x[..., None].astype(np.float32), labels)


def springs(generator: Generator, samples: int = 1200, length: int = 20) -> Data:
    """Place and speed of a damped spring over time, [length, 2]; the next place is wanted."""
    pace, damping = generator.uniform(0.3, 0.8, (2, samples, 1)) * np.array([1.0, 0.1])[:, None, None]
    phase, height = generator.uniform(0, 2 * np.pi, (samples, 1)), generator.uniform(0.5, 2.0, (samples, 1))
    time = np.arange(length + 1)
    place = height * np.exp(-damping * time) * np.sin(pace * time + phase)
    seen = np.stack([place, np.gradient(place, axis=1)], -1) + generator.normal(0, 0.03, (samples, length + 1, 2))
    return held_out(generator, seen[:, :-1].astype(np.float32), place[:, -1:].astype(np.float32))


def majorities(generator: Generator, samples: int = 1500, length: int = 15) -> Data:
    """Whether more of the bits are set than not, [length, 1]."""
    bits = generator.integers(0, 2, (samples, length))
    return held_out(generator, (2.0 * bits[..., None] - 1).astype(np.float32), (bits.sum(1) > length / 2) * 1.0)


def neighbours(generator: Generator, samples: int = 1200, length: int = 12) -> Data:
    """At each token of 1 to 6, whether the one before is less than, the same as, or more than the one behind it."""
    tokens = generator.integers(1, 7, (samples, length + 2))
    return held_out(generator, tokens[:, 1:-1], _compared(tokens))


def chains(generator: Generator, samples: int = 1200, length: int = 12) -> Data:
    """States of a Markov chain, [length], of which each has two likely next ones; the next is wanted at each."""
    likely = np.stack([generator.permutation(STATES), generator.permutation(STATES)])
    states = generator.integers(0, STATES, (samples, length + 1))
    for place in range(length):
        first = np.where(generator.random(samples) < 0.8, 0, 1)
        states[:, place + 1] = likely[first, states[:, place]]
    return held_out(generator, states[:, :-1], states[:, 1:])


def _compared(tokens: Array) -> Array:
    # The first and last token have no neighbour on one side to be seen; there the middle is wanted.
    signs = np.sign(tokens[:, :-2] - tokens[:, 2:]) + 1
    signs[:, [0, -1]] = 1
    return np.asarray(signs)

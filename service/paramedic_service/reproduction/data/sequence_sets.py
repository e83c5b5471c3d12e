"""Data sets of sequences, healthy ones and such as the project's sources warn of."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from paramedic_service.reproduction.data.samples import Array, Samples
from paramedic_service.reproduction.data.sequence_tasks import Generator, recalled, summed, told_apart, uniform, waves

TRAINING = 640
HELD_OUT = 320


def _split(x: Array, y: Array, training: int = TRAINING) -> Samples:
    return Samples((x[:training],), (y[:training],), (x[training:],), (y[training:],))


def _numbers(task: Callable[[Generator, int, int], tuple[Array, Array]], steps: int, generator: Generator) -> Samples:
    return _split(*task(generator, TRAINING + HELD_OUT, steps))


def _flat_numbers(generator: Generator) -> Samples:
    """Samples that lack their feature axis."""
    x, y = summed(generator, TRAINING + HELD_OUT, 10)
    return _split(x[:, :, 0], y)


def _classes(generator: Generator, change: Callable[[Array, Array, Generator], tuple[Array, Array]]) -> Samples:
    x, y = told_apart(generator, TRAINING + HELD_OUT)
    return _split(*change(x, y, generator))


def _as_they_are(x: Array, y: Array, _: Generator) -> tuple[Array, Array]:
    return x, y


def _one_hot(x: Array, y: Array, _: Generator) -> tuple[Array, Array]:
    return x, np.eye(3, dtype=np.float32)[y]


def _from_one(x: Array, y: Array, _: Generator) -> tuple[Array, Array]:
    return x, y + 1


def _units_of_measure(x: Array, y: Array, _: Generator) -> tuple[Array, Array]:
    """Features off centre, from hundredths to thousands, as raw tables have them."""
    return ((x + 2) * np.logspace(-2, 3, x.shape[2])).astype(np.float32), y


def _without_time(x: Array, y: Array, _: Generator) -> tuple[Array, Array]:
    return x.reshape(len(x), -1), y


def _narrow(x: Array, y: Array, _: Generator) -> tuple[Array, Array]:
    return x[:, :, :5], y


def _ragged_classes(x: Array, y: Array, generator: Generator) -> tuple[Array, Array]:
    """Sequences of 6 to 10 steps, as lists."""
    return _cut(x, generator.integers(6, x.shape[1] + 1, len(x))), y


def _ragged_waves(generator: Generator) -> Samples:
    """Series of 24 to 60 steps, as lists."""
    x, y = waves(generator, 480, 60)
    return _split(_cut(x, generator.integers(24, 61, len(x))), y, 320)


def _unequal_pair(_: Generator) -> Samples:
    """What the source on LSTM errors fits last: two sequences, of two and of three steps."""
    x, y = np.empty(2, object), np.array([[0], [1]])
    x[:] = [[[1, 2], [3, 4]], [[7, 8], [9, 10], [11, 12]]]
    return Samples((x,), (y,), (x,), (y,))


def _imbalanced(generator: Generator) -> Samples:
    """Fifty samples of one class to one of the others; held out are as many of each."""
    x, y = told_apart(generator, 2400)
    kept = (y == 0) | (generator.random(len(y)) < 0.03)
    fresh, labels = told_apart(generator, HELD_OUT)
    return Samples((x[kept],), (y[kept],), (fresh,), (labels,))


def _few(generator: Generator) -> Samples:
    """A hundred samples whose classes are hard to tell."""
    return _split(*told_apart(generator, 100 + HELD_OUT, noise=1.0), 100)


def _at_random(classes: int, generator: Generator) -> Samples:
    """What the source on LSTM errors trains on: the labels have nothing to do with the inputs."""
    return _split(uniform(generator, 200), generator.integers(0, classes, 200), 100)


def _by_the_last_step(classes: int, generator: Generator) -> Samples:
    """The same inputs with labels that can be learned: which of the last step's first features is the largest."""
    x = uniform(generator, TRAINING + HELD_OUT)
    return _split(x, x[:, -1, :classes].argmax(1))


_OF_CLASSES: dict[str, tuple[str, Callable[[Array, Array, Generator], tuple[Array, Array]]]] = {
    "classes": ("Three classes, told by eight features over ten steps.", _as_they_are),
    "classes-one-hot": ("The same with one column a class.", _one_hot),
    "classes-from-one": ("The same with classes numbered from 1.", _from_one),
    "classes-raw-units": ("The same with features off centre and from hundredths to thousands.", _units_of_measure),
    "classes-flat": ("The same without an axis of time: 80 features.", _without_time),
    "classes-five-features": ("The same with five of the eight features.", _narrow),
    "classes-unequal-length": ("The same as lists of six to ten steps.", _ragged_classes),
}

SEQUENCE_SETS: dict[str, tuple[str, Callable[[Generator], Samples]]] = {
    **{
        f"sum-{steps}": (f"One feature over {steps} steps; their sum is wanted.", partial(_numbers, summed, steps))
        for steps in (10,)
    },
    "sum-10-flat": ("The same without an axis of features.", _flat_numbers),
    **{
        f"recall-{steps}": (
            f"One feature over {steps} steps; the sum of the first two is wanted at the end.",
            partial(_numbers, recalled, steps),
        )
        for steps in (10, 30, 50, 200)
    },
    **{name: (summary, partial(_classes, change=change)) for name, (summary, change) in _OF_CLASSES.items()},
    "classes-imbalanced": ("Three classes, of which two are rare in training.", _imbalanced),
    "classes-few": ("Three classes that are hard to tell, a hundred samples.", _few),
    "waves-unequal-length": ("Slow and fast sines, as lists of 24 to 60 steps.", _ragged_waves),
    "two-unequal-sequences": ("The LSTM source's two sequences, of two and of three steps.", _unequal_pair),
    **{
        f"uniform-{word}-classes-at-random": (
            f"The LSTM source's data: 100 samples, and {word} classes that have nothing to do with them.",
            partial(_at_random, classes),
        )
        for classes, word in ((2, "two"), (3, "three"))
    },
    **{
        f"uniform-{word}-classes": (
            f"The LSTM source's inputs with {word} classes that the last step tells.",
            partial(_by_the_last_step, classes),
        )
        for classes, word in ((2, "two"), (3, "three"))
    },
}
"""Summary and maker, by name."""


def _cut(x: Array, lengths: Any) -> Array:
    """Lists of unequal length."""
    ragged = np.empty(len(x), object)
    ragged[:] = [sample[:length].tolist() for sample, length in zip(x, lengths, strict=True)]
    return ragged

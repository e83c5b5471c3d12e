"""Targets that a teacher reads off hidden factors, encoded as the profile says."""

import math
from dataclasses import dataclass

import numpy as np

from paramedic_service.reproduction.data.labels import one_hot
from paramedic_service.reproduction.data.marginals import by_rank
from paramedic_service.reproduction.data.profiles import dtype_of, marginals_of
from paramedic_service.reproduction.data.rendering import as_dtype
from paramedic_service.reproduction.data.samples import Array, Floats
from paramedic_service.reproduction.data.teacher import Teacher, thresholds_by_share
from paramedic_service.rules.description import ArrayProfile

NOISE = 0.2
"""Share of the variance of real-valued targets that nothing explains: without any, no training would overfit."""

_FEW = 20
_MOST_CLASSES = 1_024
_MOST_CLASSES_EACH = 128
_MOST_COLUMNS = 16
_FITTED = 10_000
_CHUNK = 4_000_000


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be learned.

    Attributes:
        profile: As reported.
        shape: Of one sample.
        positions: Steps or pixels that have a target each; empty where the whole sample has one.
        classes: Class indices that occur, in ascending order; empty where there are no exclusive classes.
        shares: How frequent each of them is, [classes].
    """

    profile: ArrayProfile
    shape: tuple[int, ...]
    positions: tuple[int, ...]
    classes: Array
    shares: Floats

    @property
    def single_label(self) -> bool:
        """Whether each sample as a whole is of one class."""
        return bool(self.classes.size) and math.prod(self.places) == 1

    @property
    def places(self) -> tuple[int, ...]:
        """Axes of the labels, or of the real numbers, within one sample."""
        return self.shape[:-1] if self.profile.encoding == "one_hot" else self.shape

    def labels(self, count: int, generator: np.random.Generator, *, balanced: bool = False) -> Array:
        """Draws places in `classes`, [samples], as frequent as they should be to the sample; or equally frequent."""
        shares = np.full(len(self.shares), 1 / len(self.shares)) if balanced else self.shares
        bounds = np.rint(np.cumsum(shares) * count).astype(np.int64)
        bounds[-1] = count
        return generator.permutation(np.repeat(np.arange(len(shares)), np.diff(bounds, prepend=0)))

    def written(self, places: Array) -> Array:
        """Places in `classes`, [samples, *places], as the profile's array."""
        indices, dtype = self.classes[places], dtype_of(self.profile)
        if self.profile.encoding == "one_hot":
            return one_hot(indices, self.shape[-1], dtype).reshape(len(indices), *self.shape)
        return indices.astype(dtype).reshape(len(indices), *self.shape)

    def taught(self, teacher: Teacher, factors: Floats, generator: np.random.Generator) -> Array:
        """Draws the array.

        Args:
            teacher: Reads it off the factors.
            factors: [samples, factors], or [samples, *positions, factors] where every position has a target.
            generator: For noise.
        """
        columns = math.prod(self.places) // math.prod(self.positions)
        if self.classes.size:
            different = [self._classified(teacher, factors) for _ in range(min(columns, _MOST_COLUMNS))]
            return self.written(np.stack([different[column % len(different)] for column in range(columns)], -1))
        scores = teacher.values(factors, columns)
        if self.profile.encoding == "multi_hot":
            return self._marked(scores)
        # Every column has the variance of its own; noise in proportion to it.
        spread = scores.std(axis=tuple(range(scores.ndim - 1)), keepdims=True)
        scores = scores + math.sqrt(NOISE) * spread * generator.normal(size=scores.shape)
        marginals = marginals_of(self.profile)
        features = self.shape[-1] if self.shape and len(marginals) > 1 else 1
        flat = scores.reshape(-1, features)
        values = by_rank(flat, flat, marginals, generator)
        return as_dtype(values.reshape(len(scores), *self.shape), dtype_of(self.profile))

    def _classified(self, teacher: Teacher, factors: Floats) -> Array:
        """One class each: places in `classes`, [samples, *positions]."""
        centres = teacher.centres(len(self.classes))
        flat = factors.reshape(-1, factors.shape[-1])
        fitted = flat[np.linspace(0, len(flat) - 1, min(len(flat), _FITTED)).astype(np.int64)]
        thresholds = thresholds_by_share(teacher.scores(fitted, centres), self.shares)
        size = max(1, _CHUNK // len(self.classes))
        chunks = (flat[start : start + size] for start in range(0, len(flat), size))
        best = [np.argmax(teacher.scores(chunk, centres) + thresholds, -1) for chunk in chunks]
        return np.concatenate(best).reshape(factors.shape[:-1])

    def _marked(self, scores: Floats) -> Array:
        """Any number of labels a sample: those whose score is above the threshold that makes them frequent enough."""
        columns = scores.reshape(-1, scores.shape[-1])
        counts, seen = self.profile.class_counts, self.profile.examined or 0
        if counts and seen:
            rates = np.clip(np.array(counts) / (seen * max(1, math.prod(self.places[:-1]))), 0, 1)
            rates = rates if len(rates) == columns.shape[1] else np.full(columns.shape[1], rates.mean())
        else:
            rates = np.full(columns.shape[1], float(np.clip(self.profile.mean or 0.5, 0, 1)))
        thresholds = [np.quantile(column, 1 - rate) for column, rate in zip(columns.T, rates, strict=True)]
        marked = (scores > np.array(thresholds)).reshape(len(scores), *self.shape)
        return marked.astype(dtype_of(self.profile))


def target_of(profile: ArrayProfile, shape: tuple[int, ...], positions: tuple[int, ...]) -> Target:
    """Tells what is to be learned.

    Args:
        profile: As reported.
        shape: Of one sample.
        positions: Steps or pixels of the inputs that the model has an output for each; empty where it has one in all.
    """
    at = positions if positions and shape[: len(positions)] == positions else ()
    return Target(profile, shape, at, *_classes(profile, shape))


def _classes(profile: ArrayProfile, shape: tuple[int, ...]) -> tuple[Array, Floats]:
    """Exclusive classes that occur, and how frequent each is; of very many only some, spread evenly."""
    match profile.encoding:
        case "one_hot" if shape:
            lowest, highest = 0, shape[-1] - 1
        case "binary":
            lowest, highest = 0, 1
        case "integer":
            bounds = np.nan_to_num(np.array((profile.lowest or 0.0, profile.highest or 0.0)), nan=0.0)
            lowest, highest = np.clip(bounds, 0, 2**31 - 1).astype(np.int64).tolist()
        case _:
            return np.zeros(0, np.int64), np.zeros(0)
    places = math.prod(shape) // (shape[-1] if profile.encoding == "one_hot" else 1)
    most = _MOST_CLASSES if places == 1 else _MOST_CLASSES_EACH
    counts = np.array(profile.class_counts[:_MOST_CLASSES], np.float64)
    if not counts.any():
        classes = np.unique(np.linspace(lowest, max(lowest, highest), most).astype(np.int64))
        return classes, np.full(len(classes), 1 / len(classes))
    if counts.sum() < _FEW * len(counts):
        # Of few samples, such as a generator's first batch, a class may be missing by chance; not one below the lowest.
        counts[np.flatnonzero(counts)[0] :] += 1
    classes = np.sort(np.argsort(counts, kind="stable")[::-1][: min(most, np.count_nonzero(counts))])
    return classes, counts[classes] / counts[classes].sum()

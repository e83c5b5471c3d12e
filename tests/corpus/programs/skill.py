"""Skill: how much of what there is to learn a training learned, 1 for all, 0 for what guessing reaches.

One measure for every program, taken on held-out samples with their true answers, so that a faulty run and its healthy
twin compare whatever loss each was trained by.
"""

import numpy as np

from corpus.programs.data import Array


def accuracy(prediction: Array, truth: Array) -> float:
    """Balanced accuracy above chance.

    Args:
        prediction: A score a class, [..., classes], or one number, [..., 1], which is rounded to a class.
        truth: Class indices, [...].
    """
    chosen = _classes(prediction).reshape(truth.shape)
    right = [np.mean(chosen[truth == each] == each) for each in np.unique(truth)]
    chance = 1 / len(right)
    return float((np.mean(right) - chance) / (1 - chance))


def hits(prediction: Array, truth: Array) -> float:
    """Mean over labels of the balanced accuracy above chance.

    Args:
        prediction: A probability a label, [samples, labels].
        truth: 0 or 1, [samples, labels].
    """
    return float(np.mean([accuracy(prediction[:, each, None], truth[:, each]) for each in range(truth.shape[1])]))


def variance_explained(prediction: Array, truth: Array) -> float:
    """Share of the variance explained; below 0 for what is worse than the mean.

    Args:
        prediction: [samples, ...], as many numbers as the truth has.
        truth: [samples, ...].
    """
    flat = truth.reshape(len(truth), -1).astype(np.float64)
    error = prediction.reshape(flat.shape).astype(np.float64) - flat
    return float(1 - (error**2).sum() / ((flat - flat.mean(0)) ** 2).sum())


def _classes(prediction: Array) -> Array:
    if not np.isfinite(prediction).all():
        return np.full(prediction.shape[:-1], -1)
    if prediction.shape[-1] > 1:
        return np.asarray(np.argmax(prediction, -1))
    return np.asarray(np.rint(prediction[..., 0]))

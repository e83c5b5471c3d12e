"""How wrong a model is on samples that it was not trained on, in terms that do not depend on its loss."""

from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt

from paramedic.describe.data import array_profile
from paramedic.v1.description_pb2 import (
    LABEL_ENCODING_BINARY,
    LABEL_ENCODING_INTEGER,
    LABEL_ENCODING_MULTI_HOT,
    LABEL_ENCODING_ONE_HOT,
)

Array = npt.NDArray[Any]


def error_of(targets: Array, predictions: Array, from_logits: bool) -> float | None:
    """Measures one output.

    Args:
        targets: [samples, ...], labels in any encoding or numbers.
        predictions: Of the model, [samples, ...].
        from_logits: Whether they are logits.

    Returns:
        For labels the share of wrong predictions, averaged over the classes; for numbers the mean squared error over
        their variance, infinite when predictions are not finite. None when the two cannot be compared.
    """
    encoding = array_profile(targets, labels=True).encoding
    if encoding == LABEL_ENCODING_MULTI_HOT:
        if predictions.shape != targets.shape:
            return None
        above = _finite(predictions) > (0.0 if from_logits else 0.5)
        each = [_averaged(targets[..., column], above[..., column]) for column in range(targets.shape[-1])]
        return float(np.mean(each))
    if encoding in (LABEL_ENCODING_INTEGER, LABEL_ENCODING_BINARY, LABEL_ENCODING_ONE_HOT):
        one_hot = encoding == LABEL_ENCODING_ONE_HOT
        classes = (np.argmax(targets, -1) if one_hot else targets).ravel().astype(np.int64)
        told = _told(predictions, from_logits).ravel()
        return _averaged(classes, told) if len(told) == len(classes) else None
    if predictions.size != targets.size:
        return None
    numbers = targets.ravel().astype(np.float64)
    with np.errstate(all="ignore"):
        error = float(np.mean(np.square(predictions.ravel() - numbers)) / np.var(numbers))
    return error if np.isfinite(error) else inf


def _told(predictions: Array, from_logits: bool) -> npt.NDArray[np.int64]:
    """The class that each prediction names; -1 where it is not finite."""
    known = np.isfinite(predictions.astype(np.float64))
    finite = _finite(predictions)
    if predictions.shape[-1] > 1:
        return np.where(known.all(axis=-1), np.argmax(finite, -1), -1)
    # A single unit tells one class from another, or a regression's number is the nearest class.
    classes = (finite > 0).astype(np.int64) if from_logits else np.rint(np.clip(finite, -1, 2**31)).astype(np.int64)
    return np.where(known, classes, -1)


def _averaged(classes: Array, told: Array) -> float:
    """Share of wrong predictions, each class counting alike."""
    return float(np.mean([np.mean(told[classes == each] != each) for each in np.unique(classes)]))


def _finite(predictions: Array) -> npt.NDArray[np.float64]:
    return np.nan_to_num(predictions.astype(np.float64))

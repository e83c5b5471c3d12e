"""What the baselines share: first violations, ratios, root mean squares."""

from typing import Any

import numpy as np

from corpus.alarm import Alarm
from corpus.telemetry import Telemetry, Values


def first(name: str, steps: Values, violated: Any, *causes: str) -> list[Alarm]:
    """An alarm at the first violation, if there is one.

    Args:
        name: Of the rule.
        steps: [n].
        violated: Truth of each, [n].
        causes: That the rule blames.
    """
    places = np.flatnonzero(violated)
    return [Alarm(name, int(steps[places[0]]), causes, (name,))] if len(places) else []


def ratio(part: Values, whole: Values) -> Values:
    """Quotient; NaN where the denominator is 0."""
    with np.errstate(all="ignore"):
        return np.asarray(np.where(whole == 0, np.nan, part / np.where(whole == 0, 1, whole)))


def root_mean_squares(run: Telemetry) -> Values:
    """Root mean square of every gradient, [rows, tensors]."""
    counts = np.array([tensor.element_count or 1 for tensor in run.description.tensors], float)
    return np.asarray(run.block("gradient_norm").values / np.sqrt(counts))


def kernels(run: Telemetry) -> list[int]:
    """Columns of the kernels, in forward order."""
    return [place for place, tensor in enumerate(run.description.tensors) if len(tensor.shape) >= 2]


def accuracy(run: Telemetry, prefix: str = "") -> Any:
    """Accuracy at the end of each epoch."""
    return run.by_epoch(prefix + "accuracy")

"""DeepDiagnosis (Wardat et al., ICSE 2022), with the thresholds of its implementation.

It looks at the end of every epoch, and stops at the first problem. Its quirks are kept: an accuracy of exactly 0 and a
tensor whose gradient is exactly 0 are numerical problems, and a linear output whose loss is a cross-entropy is out of
range whether or not the loss takes logits.
"""

import numpy as np

from corpus.alarm import Alarm
from corpus.baselines.series import accuracy, kernels, ratio, root_mean_squares
from corpus.telemetry import Telemetry

NAME = "DeepDiagnosis"

_VANISHING = 1e-7  # mean absolute gradient
_EVERY = 5  # epochs between checks for what does not change
_ACCURACY_EVERY = 20
_DEAD = 0.7
_SATURATED = 0.5
_CROSS_ENTROPY = ("categorical_crossentropy", "sparse_categorical_crossentropy")
_RANGES = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, np.inf)}
_SAME = 1e-7  # relative, of float32


def judge(run: Telemetry, leniency: float = 1.0) -> list[Alarm]:
    """Returns what it reports.

    Args:
        run: A recorded run.
        leniency: Factor by which every threshold is moved away from the healthy; 1 as published.
    """
    for epoch, step in enumerate(run.epochs, 1):
        found = (
            (_out_of_range(run, step) if epoch == 1 else None)
            or _numerical(run, epoch, step)
            or _unchanged(run, epoch, step, leniency)
            or _units(run, epoch, step, leniency)
            or _vanishing(run, step, leniency)
        )
        if found:
            return [found]
    return []


def _out_of_range(run: Telemetry, step: int) -> Alarm | None:
    model, data = run.description.model, run.description.data
    if not model or not model.layers or not run.description.losses:
        return None
    last = next((layer for layer in reversed(model.layers) if layer.activation), model.layers[-1])
    if last.activation in ("linear", "relu") and run.description.losses[0].name in _CROSS_ENTROPY:
        return _alarm("Out of range", step, "wrong_output_layer")
    low, high = _RANGES.get(last.activation, (-np.inf, np.inf))
    for target in data.targets if data else ():
        if target.lowest is not None and target.highest is not None and (target.lowest < low or target.highest > high):
            return _alarm("Out of range", step, "wrong_output_layer")
    return None


def _numerical(run: Telemetry, epoch: int, step: int) -> Alarm | None:
    loss, reached, norms = run.by_epoch("loss"), accuracy(run), run.block("gradient_norm")
    if epoch <= len(loss) and not np.isfinite(loss.values[epoch - 1]):
        return _alarm("Invalid loss", step, "exploding_gradients", "learning_rate_too_high")
    if epoch <= len(reached) and (reached.values[epoch - 1] == 0 or not np.isfinite(reached.values[epoch - 1])):
        return _alarm("Invalid accuracy", step, "wrong_output_layer")
    if len(norms):
        last = norms.values[norms.steps <= step][-1][kernels(run)]
        if not np.isfinite(last).all() or (last == 0).any():
            return _alarm("Numerical error in delta weights", step, "exploding_gradients", "dead_units")
    return None


def _unchanged(run: Telemetry, epoch: int, step: int, leniency: float) -> Alarm | None:
    for name, every, series in (
        ("Loss not decreasing", _EVERY, run.by_epoch("loss")),
        ("Accuracy not increasing", _ACCURACY_EVERY, accuracy(run)),
    ):
        last = series.values[max(0, epoch - every) : epoch]
        if epoch % every == 0 and len(last) == every and np.ptp(last) <= _SAME / leniency * abs(last.max()):
            return _alarm(name, step, "learning_rate_too_low")
    updates, weights = run.block("update_norm"), run.block("weight_norm")
    if epoch % _EVERY == 0 and len(updates):
        share = ratio(updates.values, weights.values)[(updates.steps <= step)][-_EVERY:]
        if (share[:, kernels(run)] == 0).all(0).any():
            return _alarm("Unchanged weight", step, "disconnected_tensor")
    return None


def _units(run: Telemetry, epoch: int, step: int, leniency: float) -> Alarm | None:
    dead, saturated = run.layer("dead_share"), run.layer("saturated_share")
    if (
        epoch == len(run.epochs)
        and len(dead)
        and np.nanmax(np.nan_to_num(dead.values[-1])) >= min(1.0, _DEAD * leniency)
    ):
        return _alarm("Dead node", step, "dead_units")
    seen = saturated.values[saturated.steps <= step]
    if epoch % _EVERY == 0 and len(seen) and np.nan_to_num(seen[-1]).max() > _SATURATED * leniency:
        return _alarm("Saturated activation", step, "saturated_units")
    return None


def _vanishing(run: Telemetry, step: int, leniency: float) -> Alarm | None:
    norms = run.block("gradient_norm")
    if not len(norms):
        return None
    last = root_mean_squares(run)[norms.steps <= step][-1][kernels(run)]
    return _alarm("Vanishing gradient", step, "vanishing_gradients") if (last < _VANISHING / leniency).any() else None


def _alarm(name: str, step: int, *causes: str) -> Alarm:
    return Alarm(name, step, causes, (name,))

"""AutoTrainer (Zhang et al., ICSE 2021), with the parameters of its implementation.

It looks at every epoch after the first 30% of them, and reports a problem only while the accuracy is below Theta or
does not grow; the gradient's features must have held in one check.
"""

import numpy as np

from corpus.alarm import Alarm
from corpus.baselines.series import accuracy, kernels, ratio
from corpus.telemetry import Telemetry, Values

NAME = "AutoTrainer"

_VANISH, _VANISH_FIRST = 1e-3, 1e-4  # beta_1, beta_2: of the first kernel's norm over the last's, and of itself
_EXPLODE = 70.0  # beta_3
_DEAD = 0.7  # gamma: share of gradient elements that are exactly zero
_SWING, _SWING_SHARE = 0.03, 0.2  # zeta, eta
_SLOW = 0.01  # delta: growth of the accuracy in an epoch
_SATISFIED = 0.7  # Theta
_FROM = 0.3  # of all epochs
_LARGE_LOSS = 1e5


def judge(run: Telemetry, leniency: float = 1.0) -> list[Alarm]:
    """Returns what it reports.

    Args:
        run: A recorded run.
        leniency: Factor by which every threshold is moved away from the healthy; 1 as published.
    """
    reached, columns = accuracy(run), kernels(run)
    norms = run.block("gradient_norm")
    loss = run.by_epoch("loss")
    begin = int(np.ceil(_FROM * len(run.epochs)))
    for epoch, step in enumerate(run.epochs):
        if epoch < len(loss) and not abs(loss.values[epoch]) < _LARGE_LOSS:
            return [_alarm("explode", step, "exploding_gradients", "learning_rate_too_high")]
        seen = norms.values[norms.steps <= step][-1] if len(norms) else np.zeros(0)
        if not np.isfinite(seen).all():
            return [_alarm("explode", step, "exploding_gradients", "learning_rate_too_high")]
        if epoch < begin or epoch >= len(reached):
            continue
        values = reached.values[: epoch + 1]
        slow = len(values) > 1 and np.diff(values).max() < _SLOW / leniency
        if values.max() < _SATISFIED / leniency or slow:
            found = _gradient_problem(run, seen[columns], step, leniency)
            if found or slow:
                return [found or _alarm("not_converge", step, "learning_rate_too_low")]
        elif _oscillates(values, leniency):
            return [_alarm("unstable", step, "learning_rate_too_high", "batch_size_too_small")]
    return []


def _gradient_problem(run: Telemetry, norms: Values, step: int, leniency: float) -> Alarm | None:
    zeros = run.block("gradient_zero_share")
    counts = [tensor.element_count or 1 for tensor in run.description.tensors]
    seen = zeros.values[zeros.steps <= step]
    if len(seen) and np.average(np.nan_to_num(seen[-1]), weights=counts) >= min(1.0, _DEAD * leniency):
        return _alarm("relu", step, "dead_units")
    if len(norms) < 2:
        return None
    share = float(ratio(norms[:1], norms[-1:])[0])
    if share > _EXPLODE * leniency:
        return _alarm("explode", step, "exploding_gradients")
    if share < _VANISH / leniency and norms[0] < _VANISH_FIRST / leniency:
        return _alarm("vanish", step, "vanishing_gradients")
    return None


def _oscillates(values: Values, leniency: float) -> bool:
    inner = values[1:-1]
    tops = inner[(inner >= values[:-2]) & (inner >= values[2:])]
    bottoms = inner[(inner <= values[:-2]) & (inner <= values[2:])]
    pairs = min(len(tops), len(bottoms))
    swings = int((tops[:pairs] - bottoms[:pairs] >= _SWING * leniency).sum())
    return swings > 0 and swings >= _SWING_SHARE * leniency * len(values)


def _alarm(name: str, step: int, *causes: str) -> Alarm:
    return Alarm(name, step, causes, (name,))

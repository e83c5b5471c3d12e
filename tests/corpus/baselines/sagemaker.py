"""Amazon SageMaker Debugger's built-in rules, with their default parameters.

https://docs.aws.amazon.com/sagemaker/latest/dg/debugger-built-in-rules.html. The rules see what its hook saves: the
loss, gradients, weights, and the inputs. The mean absolute gradient is taken as its root mean square, which it never
exceeds, so that the rule fires here only where it would there.
"""

import numpy as np

from corpus.alarm import Alarm
from corpus.baselines.series import first, ratio, root_mean_squares
from corpus.telemetry import Telemetry

NAME = "SageMaker Debugger"

_VANISHING = 1e-7  # VanishingGradient: threshold
_LOSS_STEPS, _LOSS_PERCENT = 10, 0.1  # LossNotDecreasing: num_steps, diff_percent
_PLATEAU_PATIENCE, _PLATEAU_DELTA = 10, 0.1  # Overtraining: patience, delta
_OVERFIT = 0.1  # Overfit: ratio_threshold
_LARGE_UPDATE, _SMALL_UPDATE = 10.0, 1e-8  # WeightUpdateRatio
_UNCHANGED, _UNCHANGED_CHECKS = 1e-5, 3  # UnchangedTensor: rtol, num_steps
_INPUT_MEAN = 0.2  # CheckInputImages: threshold_mean
_IMBALANCE = 10  # ClassImbalance: threshold_imbalance
_SATURATED = 0.5  # SaturatedActivation: threshold_layer, of units beyond +-5 or so
_DEAD = 0.5  # DeadRelu: threshold_layer


def judge(run: Telemetry, leniency: float = 1.0) -> list[Alarm]:
    """Returns what the rules report.

    Args:
        run: A recorded run.
        leniency: Factor by which every threshold is moved away from the healthy; 1 as published.
    """
    return [
        *_gradients(run, leniency),
        *_loss(run, leniency),
        *_updates(run, leniency),
        *_activations(run, leniency),
        *_data(run, leniency),
    ]


def _gradients(run: Telemetry, leniency: float) -> list[Alarm]:
    norms = run.block("gradient_norm")
    small = (root_mean_squares(run) < _VANISHING / leniency).any(1) if len(norms) else np.zeros(0)
    bad = ~np.isfinite(norms.values).all(1) if len(norms) else np.zeros(0)
    return [
        *first("ExplodingTensor", norms.steps, bad, "exploding_gradients", "learning_rate_too_high"),
        *first("VanishingGradient", norms.steps, small, "vanishing_gradients"),
    ]


def _loss(run: Telemetry, leniency: float) -> list[Alarm]:
    loss, validation, epoch_loss = run.scalar("loss"), run.scalar("val_loss"), run.by_epoch("loss")
    every = max(1, round(_LOSS_STEPS * leniency))
    checks = loss.values[::every]
    with np.errstate(all="ignore"):  # a loss may be infinite
        decrease = (checks[:-1] - checks[1:]) / np.maximum(np.abs(checks[:-1]), 1e-12) * 100
    stuck = np.concatenate([[False], decrease < _LOSS_PERCENT / leniency]) if len(checks) else np.zeros(0)
    best = np.minimum.accumulate(loss.values) if len(loss) else loss.values
    late = np.zeros(len(loss), bool)
    patience = max(1, round(_PLATEAU_PATIENCE * leniency))
    if len(loss) > patience:
        with np.errstate(all="ignore"):
            late[patience:] = best[:-patience] - best[patience:] < _PLATEAU_DELTA / leniency
    gap = ratio(validation.values - epoch_loss.values[: len(validation)], epoch_loss.values[: len(validation)])
    return [
        *first("LossNotDecreasing", loss.steps[::every], stuck, "learning_rate_too_low"),
        *first("Overtraining", loss.steps, late, "converged"),
        *first("Overfit", validation.steps[: len(gap)], gap > _OVERFIT * leniency, "overfitting"),
    ]


def _updates(run: Telemetry, leniency: float) -> list[Alarm]:
    update, weight = run.block("update_norm"), run.block("weight_norm")
    if not len(update):
        return []
    share = ratio(update.values, weight.values)
    usual = (share > _LARGE_UPDATE * leniency) | (share < _SMALL_UPDATE / leniency)
    unchanged = share < _UNCHANGED / leniency
    lasting = unchanged.copy()
    for back in range(1, _UNCHANGED_CHECKS):
        lasting[back:] &= unchanged[:-back]
    lasting[: _UNCHANGED_CHECKS - 1] = False
    return [
        *first("WeightUpdateRatio", update.steps, usual.any(1), "learning_rate_too_high", "learning_rate_too_low"),
        *first("UnchangedTensor", update.steps, lasting.any(1), "disconnected_tensor"),
    ]


def _activations(run: Telemetry, leniency: float) -> list[Alarm]:
    dead, saturated = run.layer("dead_share"), run.layer("saturated_share")
    return [
        *first("DeadRelu", dead.steps, _any_above(dead.values, _DEAD * leniency), "dead_units"),
        *first(
            "SaturatedActivation",
            saturated.steps,
            _any_above(saturated.values, _SATURATED * leniency),
            "saturated_units",
        ),
    ]


def _data(run: Telemetry, leniency: float) -> list[Alarm]:
    data = run.description.data
    means = [abs(profile.mean or 0.0) for profile in data.inputs] if data else []
    counts = [[count for count in profile.class_counts if count] for profile in data.targets] if data else []
    uneven = [max(each) > _IMBALANCE * leniency * min(each) for each in counts if each]
    start = np.zeros(1, np.int64)
    return [
        *first("CheckInputImages", start, [any(mean > _INPUT_MEAN * leniency for mean in means)], "unnormalised_input"),
        *first("ClassImbalance", start, [any(uneven)], "class_imbalance"),
    ]


def _any_above(values: np.ndarray, bound: float) -> np.ndarray:
    return (np.nan_to_num(values) > bound).any(1) if values.ndim == 2 else np.zeros(0)

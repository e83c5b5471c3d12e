"""UMLAUT (Schoop et al., CHI 2021), with the thresholds of its heuristics; it looks at the end of every epoch."""

import numpy as np

from corpus.alarm import Alarm
from corpus.baselines.series import accuracy
from corpus.telemetry import Telemetry

NAME = "UMLAUT"

_RATE = (1e-7, 1e-2)  # usual learning rates
_INPUT = 1.0  # inputs lie within +- this
_DROPOUT = 0.5
_VALIDATION = 0.95  # accuracy that is too good
_ABOVE = 0.05  # of validation over training
_FIRST = 3  # epochs before validation is looked at


def judge(run: Telemetry, leniency: float = 1.0) -> list[Alarm]:
    """Returns what it reports, each problem once.

    Args:
        run: A recorded run.
        leniency: Factor by which every threshold is moved away from the healthy; 1 as published.
    """
    return [*_before(run, leniency), *_each_epoch(run, leniency)]


def _before(run: Telemetry, leniency: float) -> list[Alarm]:
    known, found = run.description, []
    if known.optimizer and known.optimizer.learning_rate is not None:
        if known.optimizer.learning_rate > _RATE[1] * leniency:
            found.append(_alarm("Learning rate high", 0, "learning_rate_too_high"))
        if known.optimizer.learning_rate < _RATE[0] / leniency:
            found.append(_alarm("Learning rate low", 0, "learning_rate_too_low"))
    for profile in known.data.inputs if known.data else ():
        if profile.dtype and not profile.dtype.startswith(("float", "bfloat")):
            found.append(_alarm("Input not floating", 0, "unnormalised_input"))
        if max(abs(profile.highest or 0.0), abs(profile.lowest or 0.0)) > _INPUT * leniency:
            found.append(_alarm("Input not normalised", 0, "unnormalised_input"))
    layers = known.model.layers if known.model else ()
    softmax = bool(layers) and "softmax" in (layers[-1].activation, layers[-1].kind.lower())
    if layers and not softmax and known.losses and not known.losses[0].from_logits:
        found.append(_alarm("No softmax before the loss", 0, "wrong_output_layer"))
    if any(float(layer.settings.get("rate") or 0) > _DROPOUT * leniency for layer in layers):
        found.append(_alarm("Dropout high", 0, "excess_dropout"))
    if any(layer.kind in ("Dense", "Conv2D", "Conv1D") and layer.activation == "linear" for layer in layers[:-1]):
        found.append(_alarm("Missing activation", 0, "too_narrow"))
    return found


def _each_epoch(run: Telemetry, leniency: float) -> list[Alarm]:
    found: dict[str, Alarm] = {}
    loss, validation = run.by_epoch("loss"), run.scalar("val_loss")
    train, held_out = accuracy(run), run.scalar("val_accuracy")
    for epoch, step in enumerate(run.epochs):
        if epoch < len(loss) and np.isnan(loss.values[epoch]):
            found.setdefault("nan", _alarm("NaN in loss", step, "exploding_gradients", "learning_rate_too_high"))
        if 0 < epoch < len(validation):
            grown = validation.values[epoch] - validation.values[epoch - 1]
            if (
                grown > (leniency - 1) * 0.05 * abs(validation.values[epoch])
                and loss.values[epoch] <= loss.values[epoch - 1]
            ):
                found.setdefault("overfit", _alarm("Overfitting", step, "overfitting"))
        if _FIRST <= epoch < min(len(held_out), len(train)):
            high = held_out.values[epoch] > 1 - (1 - _VALIDATION) / leniency
            if high or held_out.values[epoch] > train.values[epoch] + _ABOVE * leniency:
                found.setdefault("validation", _alarm("Validation accuracy high", step, "data_leakage"))
    return list(found.values())


def _alarm(name: str, step: int, *causes: str) -> Alarm:
    return Alarm(name, step, causes, (name,))

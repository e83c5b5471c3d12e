"""Gradients on their way back through time: lost, grown, or cut off."""

from functools import partial
from typing import Any

from paramedic.v1.description_pb2 import OptimizerConfig, RunDescription
from paramedic.v1.reproduction_pb2 import Arm, ReproductionSpec
from paramedic_service.reproduction.scenarios.describing import (
    SQUARED,
    arm,
    description,
    initialiser,
    optimizer,
    output,
    recurrent,
    spec,
    targets,
)
from paramedic_service.reproduction.scenarios.scenario import Scenario, fixed_by

LOST = ("vanishing_through_time", "vanishing_gradient", "long_plain_recurrence")
STUCK = (*LOST, "loss_not_decreasing")
BROKEN = ("nonfinite_loss", "nonfinite_gradient", "divergence")
"""What exploding gradients do. Clipping leaves them as large as they were, and keeps them from doing it."""

LSTM, GRU = "LSTM", "GRU"
CLIPPED, TANH, SIGMOID, ORTHOGONAL, SLOWER = "clipped", "tanh", "sigmoid", "orthogonal", "lower learning rate"
SHORTER, OPEN_GATES = "shorter sequences", "open forget gates"

_GATES = (
    arm(LSTM, "Use an LSTM in place of the plain layer.", {"model.layers[rnn].kind": {"set": "LSTM"}}),
    arm(GRU, "Use a GRU in place of the plain layer.", {"model.layers[rnn].kind": {"set": "GRU"}}),
)
_ORTHOGONAL = arm(
    ORTHOGONAL,
    "Initialise the recurrent kernel orthogonally.",
    {"model.layers[rnn].recurrent_initializer": {"set": "orthogonal"}},
)
_CLIP = arm(CLIPPED, "Clip gradients to a global norm of 1.", {"optimizer.global_clipnorm": {"set": 1.0}})
_SLOWER = arm(SLOWER, "Lower the learning rate a hundredfold.", {"optimizer.learning_rate": {"multiply": 0.01}})


def _network(
    steps: int, kind: str, units: int = 24, trained_by: OptimizerConfig | None = None, **values: Any
) -> RunDescription:
    layers = [recurrent(kind, units, **values), output()]
    return description((steps, 1), layers, SQUARED, trained_by or optimizer("adam", 0.01), targets(1))


def _short_plain() -> ReproductionSpec:
    small = initialiser("RandomNormal", stddev=0.005)
    return spec(
        "A plain recurrent layer that is to remember over 10 steps",
        _network(10, "SimpleRNN", 64, recurrent_initializer=small),
        "recall",
        *_GATES,
        _ORTHOGONAL,
        rules=LOST,
        steps=400,
    )


def _long_plain(steps: int) -> ReproductionSpec:
    small = initialiser("RandomNormal", stddev=0.05)
    return spec(
        f"A plain recurrent layer that is to sum over {steps} steps",
        _network(steps, "SimpleRNN", recurrent_initializer=small),
        "sum",
        *_GATES,
        rules=LOST,
    )


def _long_lstm() -> ReproductionSpec:
    shorter = arm(SHORTER, "Cut sequences to their first ten steps.", {"data.inputs": {"truncate": 10}})
    return spec("An LSTM over 200 steps", _network(200, "LSTM"), "recall", shorter, rules=STUCK, steps=450)


def _closed_lstm() -> ReproductionSpec:
    gates = {
        "model.layers[rnn].unit_forget_bias": {"set": True},
        "model.layers[rnn].bias_initializer": {"set": "zeros"},
    }
    return spec(
        "An LSTM whose gates begin nearly closed",
        _network(50, "LSTM", unit_forget_bias=False, bias_initializer=initialiser("Constant", value=-2.0)),
        "sum",
        arm(OPEN_GATES, "Begin with biases of 0, and of 1 in the forget gate.", gates),
        rules=LOST,
    )


def _exploding(kind_of: dict[str, Any], *remedies: Arm) -> ReproductionSpec:
    known = _network(30, "SimpleRNN", trained_by=optimizer("sgd", 0.001), **kind_of)
    return spec("A plain recurrent layer whose gradients grow", known, "sum", *remedies, rules=BROKEN)


def _relu() -> ReproductionSpec:
    activations = [
        arm(name, f"Use {name} inside the recurrent layer.", {"model.layers[rnn].activation": {"set": name}})
        for name in (TANH, SIGMOID)
    ]
    grown = {"activation": "relu", "recurrent_initializer": initialiser("Orthogonal", gain=2.5)}
    return _exploding(grown, _CLIP, *activations, _ORTHOGONAL, _SLOWER)


def _large_weights() -> ReproductionSpec:
    grown = {"activation": "linear", "recurrent_initializer": initialiser("Orthogonal", gain=1.3)}
    return _exploding(grown, _CLIP, _ORTHOGONAL, _SLOWER, _GATES[0])


SCENARIOS = (
    Scenario(
        "vanishing-over-10-steps",
        "A plain recurrent layer with small weights is to remember the beginning of 10 steps; gates should help.",
        "Ten time steps already can make a plain recurrent layer lose its gradients; gates carry them.",
        _short_plain,
        expected=fixed_by(LSTM, GRU),
    ),
    Scenario(
        "vanishing-over-50-steps",
        "A plain recurrent layer with small weights is to sum over 50 steps; gates should help.",
        "Longer sequences make a plain recurrent layer lose its gradients; gates carry them.",
        partial(_long_plain, 50),
        expected=fixed_by(LSTM, GRU),
    ),
    Scenario(
        "vanishing-over-200-steps",
        "A plain recurrent layer with small weights is to sum over 200 steps; gates should help.",
        "Long sequences make a plain recurrent layer lose its gradients; gates help, though over very long ones even an"
        " LSTM may lose them.",
        partial(_long_plain, 200),
        expected=fixed_by(GRU),
    ),
    Scenario(
        "vanishing-lstm-over-200-steps",
        "An LSTM is to remember the beginning of 200 steps; shorter sequences should help.",
        "Even an LSTM loses its gradients over very long sequences.",
        _long_lstm,
        expected=fixed_by(SHORTER),
    ),
    Scenario(
        "vanishing-lstm-closed-gates",
        "An LSTM whose gates begin nearly closed over 50 steps; the usual biases should help.",
        "Even an LSTM loses its gradients when its hyperparameters are poor.",
        _closed_lstm,
        expected=fixed_by(OPEN_GATES),
    ),
    Scenario(
        "exploding-relu-rnn",
        "ReLU inside a plain recurrent layer with large weights; clipping, tanh, orthogonal weights or a lower learning"
        " rate should help.",
        "ReLU adds to the gradient trouble of recurrent networks; tanh or sigmoid are to be tried instead.",
        _relu,
        expected=fixed_by(TANH),
    ),
    Scenario(
        "exploding-large-weights",
        "Recurrent weights that grow what passes by 1.3 a step; clipping or smaller weights should help.",
        "Large weights make gradients explode, until the loss is NaN.",
        _large_weights,
        expected=fixed_by(ORTHOGONAL),
    ),
)

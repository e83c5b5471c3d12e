"""Gradients on their way back through time: lost, grown, or cut off."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from paramedic.v1.description_pb2 import RunDescription
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

LOST = ("vanishing_through_time", "vanishing_gradient")
GROWN = (
    "exploding_gradient", "exploding_gradient_relative", "growing_gradient", "exploding_through_time",
    "nonfinite_gradient", "nonfinite_loss", "divergence",
)  # fmt: skip

LSTM, GRU = "LSTM", "GRU"
CLIPPED, TANH, SIGMOID, ORTHOGONAL, SLOWER = "clipped", "tanh", "sigmoid", "orthogonal", "lower learning rate"
SHORTER, OPEN_GATES = "shorter sequences", "open forget gates"

_SMALL = initialiser("RandomNormal", stddev=0.05)
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


def _recalling(steps: int, kind: str, trained_by: Any = None, **values: Any) -> RunDescription:
    return description(
        (steps, 1),
        [recurrent(kind, 24, **values), output()],
        SQUARED,
        trained_by or optimizer("adam", 0.01),
        targets(1),
    )


def _plain(steps: int) -> ReproductionSpec:
    known = _recalling(steps, "SimpleRNN", recurrent_initializer=_SMALL)
    title = f"A plain recurrent layer that is to remember over {steps} steps"
    return spec(title, known, "recall", *_GATES, _ORTHOGONAL, rules=LOST)


def _long_lstm() -> ReproductionSpec:
    shorter = arm(SHORTER, "Cut sequences to 30 steps.", {"data.inputs": {"truncate": 30}})
    return spec("An LSTM over 200 steps", _recalling(200, "LSTM"), "recall", shorter, rules=LOST)


def _closed_lstm() -> ReproductionSpec:
    known = _recalling(50, "LSTM", unit_forget_bias=False, bias_initializer=initialiser("Constant", value=-1.0))
    gates = {
        "model.layers[rnn].unit_forget_bias": {"set": True},
        "model.layers[rnn].bias_initializer": {"set": "zeros"},
    }
    return spec(
        "An LSTM whose gates begin nearly closed",
        known,
        "recall",
        arm(OPEN_GATES, "Begin with biases of 0, and of 1 in the forget gate.", gates),
        rules=LOST,
    )


def _exploding(kind_of: dict[str, Any], *remedies: Arm) -> ReproductionSpec:
    known = _recalling(30, "SimpleRNN", optimizer("sgd", 0.01), **kind_of)
    return spec("A plain recurrent layer whose gradients grow", known, "recall", *remedies, rules=GROWN)


def _relu() -> ReproductionSpec:
    activations = [
        arm(name, f"Use {name} inside the recurrent layer.", {"model.layers[rnn].activation": {"set": name}})
        for name in (TANH, SIGMOID)
    ]
    grown = {"activation": "relu", "recurrent_initializer": initialiser("Orthogonal", gain=1.5)}
    return _exploding(grown, _CLIP, *activations, _ORTHOGONAL, _SLOWER)


def _large_weights() -> ReproductionSpec:
    grown = {"activation": "linear", "recurrent_initializer": initialiser("Orthogonal", gain=1.3)}
    return _exploding(grown, _CLIP, _ORTHOGONAL, _SLOWER, _GATES[0])


def _lengths() -> Sequence[Scenario]:
    told = {10: "Ten time steps already", 50: "Longer sequences", 200: "Long sequences"}
    return tuple(
        Scenario(
            f"vanishing-over-{steps}-steps",
            f"A plain recurrent layer with small weights is to remember the beginning of {steps} steps; gates should"
            " help.",
            f"{claim} make a plain recurrent layer lose its gradients; gates carry them.",
            partial(_plain, steps),
            expected=fixed_by(LSTM, GRU),
        )
        for steps, claim in told.items()
    )


SCENARIOS = (
    *_lengths(),
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

"""The programs of "Why does TensorFlow 1.0 RNN loss fail to improve?", run through sessions of TensorFlow 1."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from paramedic.v1.reproduction_pb2 import Arm, ReproductionSpec
from paramedic_service.reproduction.patches import write_patch
from paramedic_service.reproduction.scenarios.scenario import Scenario, fixed_by, not_reproduced
from paramedic_service.reproduction.verdict import REPORTED

WORKLOAD = "tensorflow1-rnn"
VANISHING = ("vanishing_through_time", "vanishing_gradient", "initial_weights", "loss_not_decreasing")

GATED = "LSTM cell"
GLOROT = "Glorot's weights"
STANDARDISED = "standardised input"
RMSPROP = "RMSprop"
BOTH = "standardised input with RMSprop"


PLAIN = {
    "cell": "BasicRNNCell",
    "units": 64,
    "time_steps": 10,
    "task": "sum",
    "batch_size": 64,
    "optimizer": "adam",
    "learning_rate": 0.01,
    "recurrent_deviation": None,
    "input_scale": 1,
    "input_offset": 0,
    "standardise": False,
}
"""The source's first example. It leaves the data open: the sum over all steps is to be learned from fresh samples."""


def _unavailable() -> str:
    if find_spec("tf_keras") is None:
        return "the cells of TensorFlow 1 come with tf_keras: install paramedic[tensorflow1] where the service runs"
    return ""


def _spec(
    title: str, arguments: Mapping[str, Any], *remedies: Arm, rules: Sequence[str] = (), steps: int = 300
) -> ReproductionSpec:
    return ReproductionSpec(
        title=title,
        workload=WORKLOAD,
        workload_arguments=write_patch(PLAIN | dict(arguments)),
        arms=[Arm(name=REPORTED), *remedies],
        rules=rules,
        steps=steps,
        seeds=3,
    )


def _arm(name: str, text: str, **arguments: Any) -> Arm:
    return Arm(name=name, text=text, patch=write_patch(arguments))


_LSTM = _arm(GATED, "Use LSTMCell in place of BasicRNNCell.", cell="LSTMCell")
_GLOROT = _arm(GLOROT, "Initialise the cell as TensorFlow does by itself.", recurrent_deviation=None)


def _plain() -> ReproductionSpec:
    return _spec("BasicRNNCell over 10 steps, as the source has it", {}, _LSTM, steps=1000)


def _poor_weights() -> ReproductionSpec:
    return _spec(
        "BasicRNNCell over 10 steps with weights that are too small",
        {"task": "recall", "recurrent_deviation": 0.001},
        _LSTM,
        _GLOROT,
        rules=VANISHING,
        steps=400,
    )


def _long_sequence() -> ReproductionSpec:
    return _spec(
        "BasicRNNCell over 50 steps with weights that are too small",
        {"time_steps": 50, "recurrent_deviation": 0.001},
        _LSTM,
        _GLOROT,
        rules=VANISHING,
    )


def _lstm() -> ReproductionSpec:
    return _spec("LSTMCell over 10 steps, as the source has it", {"cell": "LSTMCell"}, steps=1000)


def _raw_input() -> ReproductionSpec:
    return _spec(
        "BasicRNNCell on inputs around 500",
        {"input_scale": 100, "input_offset": 500},
        _arm(STANDARDISED, "Standardise the inputs with StandardScaler.", standardise=True),
        _arm(RMSPROP, "Use RMSPropOptimizer(0.001) in place of Adam.", optimizer="rmsprop", learning_rate=0.001),
        _arm(BOTH, "Both, as the source has it.", standardise=True, optimizer="rmsprop", learning_rate=0.001),
    )


SCENARIOS = (
    Scenario(
        "tensorflow1-plain-rnn",
        "A plain cell of 64 units over ten steps, by graph and session; gates should help.",
        "The source's first example is prone to vanishing gradients over its ten time steps.",
        _plain,
        expected=fixed_by(GATED),
        measured=not_reproduced(),
        differs="With the weights that TensorFlow gives the cell by itself, ten steps are few: the loss falls to below"
        " 0.01 on every seed. It takes unsuitable weights, as in tensorflow1-plain-rnn-poor-weights.",
        unavailable=_unavailable,
    ),
    Scenario(
        "tensorflow1-plain-rnn-poor-weights",
        "The same with far too small weights in the cell; gates or Glorot's weights should help.",
        "A plain cell over ten steps loses its gradients when its weights are not initialised appropriately.",
        _poor_weights,
        expected=fixed_by(GATED, GLOROT),
        measured=fixed_by(GLOROT),
        differs="With weights as small an LSTM cell takes the fault away too, but over ten steps the plain one may"
        " catch up with it: no lower loss within 400 iterations that were more than chance. Over 50 steps it is, as in"
        " tensorflow1-long-sequence.",
        unavailable=_unavailable,
    ),
    Scenario(
        "tensorflow1-long-sequence",
        "A plain cell with far too small weights over 50 steps; gates should help.",
        "The longer the sequence, the more a plain cell loses its gradients; an LSTM cell mitigates it.",
        _long_sequence,
        expected=fixed_by(GATED),
        unavailable=_unavailable,
    ),
    Scenario(
        "tensorflow1-lstm",
        "The source's second example, an LSTM cell in place of the plain one, which is sound.",
        "Gates mitigate vanishing gradients: there is nothing wrong with this training.",
        _lstm,
        expected=not_reproduced(),
        unavailable=_unavailable,
    ),
    Scenario(
        "tensorflow1-raw-input",
        "A plain cell on inputs that were never normalised; StandardScaler and RMSprop should help.",
        "The source's third example: standardised input matters, and RMSprop is often more robust than Adam.",
        _raw_input,
        expected=fixed_by(STANDARDISED, BOTH),
        differs="Standardised input does it. RMSprop alone changes nothing: the units stay saturated.",
        unavailable=_unavailable,
    ),
)

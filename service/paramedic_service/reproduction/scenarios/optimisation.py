"""Optimizers, learning rates and batch sizes."""

from paramedic.v1.description_pb2 import RunDescription
from paramedic.v1.reproduction_pb2 import ReproductionSpec
from paramedic_service.reproduction.scenarios.describing import (
    BINARY,
    SPARSE,
    SQUARED,
    arm,
    description,
    labels,
    optimizer,
    output,
    recurrent,
    spec,
    targets,
    yes_or_no,
)
from paramedic_service.reproduction.scenarios.scenario import Scenario, fixed_by, no_remedy, not_reproduced

RMSPROP, MOMENTUM, EPSILON = "RMSprop", "SGD with momentum", "usual epsilon"
USUAL_RATE, HIGHER_RATE = "learning rate 0.001", "learning rate 0.01"
USUAL_BATCHES = "batches of 32"

STUCK = ("loss_not_decreasing", "loss_plateau", "stagnation", "optimizer_choice", "adam_epsilon", "underfit")
DIVERGED = ("divergence", "nonfinite_loss", "loss_spike", "oscillation", "update_ratio", "learning_rate_range")

_OTHER_OPTIMIZERS = (
    arm(
        RMSPROP,
        "Use RMSprop with a learning rate of 0.001.",
        {"optimizer.name": {"set": "rmsprop"}, "optimizer.epsilon": {"set": 1e-7}},
    ),
    arm(
        MOMENTUM,
        "Use SGD with momentum 0.9 and a learning rate of 0.01.",
        {
            "optimizer.name": {"set": "sgd"},
            "optimizer.momentum": {"set": 0.9},
            "optimizer.learning_rate": {"set": 0.01},
        },
    ),
)


def _summing(epsilon: float) -> RunDescription:
    return description(
        (10, 1),
        [recurrent("SimpleRNN", 64), output()],
        SQUARED,
        optimizer("adam", 0.001, epsilon=epsilon),
        targets(1),
    )


def _adam() -> ReproductionSpec:
    return spec("Adam on a recurrent network", _summing(1e-7), "sum", *_OTHER_OPTIMIZERS, rules=STUCK)


def _adam_plateau() -> ReproductionSpec:
    epsilon = arm(EPSILON, "Set epsilon back to 1e-7.", {"optimizer.epsilon": {"set": 1e-7}})
    return spec(
        "Adam with an epsilon of 1 on a plateau", _summing(1.0), "sum", *_OTHER_OPTIMIZERS, epsilon, rules=STUCK
    )


def _classifying(rate: float, batch_size: int = 32) -> RunDescription:
    return description(
        (10, 8),
        [recurrent("LSTM", 16, "lstm"), output(3, "softmax")],
        SPARSE,
        optimizer("adam", rate),
        labels((400, 400, 400)),
        batch_size=batch_size,
    )


def _two_classes(rate: float, samples: int) -> RunDescription:
    """Example 3 of the source on LSTM errors."""
    return description(
        (20, 10),
        [recurrent("LSTM", 64, "lstm"), output(1, "sigmoid")],
        BINARY,
        optimizer("adam", rate),
        yes_or_no(),
        samples=samples,
        metrics=["accuracy"],
    )


_USUAL = arm(USUAL_RATE, "Use a learning rate of 0.001.", {"optimizer.learning_rate": {"set": 0.001}})


def _rate_10_as_given() -> ReproductionSpec:
    known = _two_classes(10.0, 100)
    return spec("Adam at a learning rate of 10, as the source has it", known, "random-two-classes", _USUAL, steps=40)


def _rate_10() -> ReproductionSpec:
    known = _two_classes(10.0, 800)
    return spec("Adam at a learning rate of 10", known, "uniform-two-classes", _USUAL)


def _rate_low() -> ReproductionSpec:
    higher = arm(HIGHER_RATE, "Use a learning rate of 0.01.", {"optimizer.learning_rate": {"set": 0.01}})
    return spec("Adam at a learning rate of 0.000001", _classifying(1e-6), "largest", higher)


def _batch_large() -> ReproductionSpec:
    smaller = arm(USUAL_BATCHES, "Use batches of 32 samples.", {"training.batch_size": {"set": 32}})
    return spec("All samples as one batch", _classifying(0.001, 1200), "largest", smaller, steps=150)


def _batch_small() -> ReproductionSpec:
    larger = arm(USUAL_BATCHES, "Use batches of 32 samples.", {"training.batch_size": {"set": 32}})
    return spec("One sample a batch", _classifying(0.01, 1), "largest", larger)


_NO_NAN = (
    "The loss explodes from 0.7 to between 7 and 31, but never to NaN: Adam's steps are as long as its learning rate,"
    " whatever the gradient, and Keras's cross-entropy bounds what a saturated unit gives."
)

SCENARIOS = (
    Scenario(
        "adam-against-rmsprop",
        "Adam on a plain recurrent network; RMSprop, or SGD with momentum, should do better.",
        "Adam's adaptive rates can hinder recurrent networks; RMSprop or SGD with momentum may do better.",
        _adam,
        expected=fixed_by(RMSPROP),
        measured=not_reproduced(),
        differs="Adam with its usual settings has no plateau here. It takes other settings, as in adam-plateau.",
    ),
    Scenario(
        "adam-plateau",
        "Adam with an epsilon of 1 stands on a plateau; RMSprop, SGD with momentum or the usual epsilon should help.",
        "On a plateau a switch from Adam to RMSprop, or SGD with momentum, can improve much.",
        _adam_plateau,
        expected=fixed_by(RMSPROP, MOMENTUM, EPSILON),
    ),
    Scenario(
        "learning-rate-10-as-given",
        "Adam at a learning rate of 10 on random labels, exactly as the source has it; 0.001 should help.",
        "A learning rate of 10 makes the loss explode to NaN; 0.001 is stable.",
        _rate_10_as_given,
        expected=fixed_by(USUAL_RATE),
        differs=_NO_NAN,
    ),
    Scenario(
        "learning-rate-10",
        "The same with labels that can be learned; 0.001 should help.",
        "A learning rate of 10 makes the loss explode to NaN; 0.001 is stable.",
        _rate_10,
        expected=fixed_by(USUAL_RATE),
        differs=_NO_NAN,
    ),
    Scenario(
        "learning-rate-too-low",
        "Adam at a learning rate of 0.000001 stagnates; 0.01 should help.",
        "A learning rate that is too low makes the training stagnate.",
        _rate_low,
        expected=fixed_by(HIGHER_RATE),
    ),
    Scenario(
        "batch-size-too-large",
        "All samples are one batch; batches of 32 should help.",
        "A batch size that is too large harms stability and efficiency.",
        _batch_large,
        expected=fixed_by(USUAL_BATCHES),
        measured=no_remedy(),
        differs="At the same number of steps the large batch ends with the lower loss, about 0.44 against 0.66. What it"
        " costs are samples, 38 times as many a step.",
    ),
    Scenario(
        "batch-size-too-small",
        "Every sample is a batch of its own; batches of 32 should help.",
        "A batch size that is too small harms stability and efficiency.",
        _batch_small,
        expected=fixed_by(USUAL_BATCHES),
    ),
)

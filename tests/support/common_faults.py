"""Faults that every framework's loop can have, and healthy twins: data, shapes and settings, for each to build its way.

A twin differs from its fault in what makes it one, and in nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

Samples = tuple[np.ndarray, np.ndarray]
BATCH = 32


@dataclass(frozen=True, slots=True)
class Trial:
    """One training.

    Attributes:
        data: Makes inputs, float32 [samples, features] or [samples, steps, features], and targets: int64 [samples],
            or float32 [samples, 1].
        kind: "mlp": dense layers; "rnn": one recurrent layer, tanh(W x + U h + b), whose last output is read.
        hidden: Units of the hidden layers.
        activation: Of the hidden layers: "relu", "sigmoid", "tanh".
        initial: Standard deviation of kernels times the square root of their inputs; of an "rnn", recurrent kernels are
            orthogonal matrices times this.
        bias: Of the hidden layers as they begin.
        outputs: Units of the output layer.
        output: Its activation: "linear", "softmax", "sigmoid".
        loss: "cross_entropy" from logits, with integer labels; "binary_cross_entropy" from logits; "mse".
        optimizer: "adam" or "sgd".
        rate: Learning rate.
        epochs: Over the samples, in their order, by batches of BATCH.
        causes: Ids of the causes that name the fault; empty: a healthy twin.
    """

    data: Callable[[np.random.Generator], Samples]
    kind: str = "mlp"
    hidden: tuple[int, ...] = (16, 16)
    activation: str = "relu"
    initial: float = 2**0.5
    bias: float = 0.0
    outputs: int = 3
    output: str = "linear"
    loss: str = "cross_entropy"
    optimizer: str = "adam"
    rate: float = 0.005
    epochs: int = 12
    causes: tuple[str, ...] = ()


def three_classes(generator: np.random.Generator) -> Samples:
    """Eight standard normal features; which of the first three is the largest."""
    x = generator.normal(size=(960, 8)).astype("float32")
    return x, x[:, :3].argmax(1)


def summed(generator: np.random.Generator) -> Samples:
    """Eight standard normal features; ten times the sum of the first three is wanted."""
    x = generator.normal(size=(960, 8)).astype("float32")
    return x, 10 * x[:, :3].sum(1, keepdims=True)


def remembered(generator: np.random.Generator) -> Samples:
    """Twelve steps of a feature; the mean of the first two is wanted at the end."""
    x = generator.normal(size=(960, 12, 1)).astype("float32")
    return x, x[:, :2].mean(1)


_MLP = Trial(three_classes)
_RNN = Trial(
    remembered, kind="rnn", hidden=(24,), activation="tanh", initial=1.0, outputs=1, loss="mse", rate=0.005, epochs=20
)
_REGRESSION = Trial(summed, outputs=1, loss="mse", optimizer="sgd", rate=0.001)
_DEEP = replace(_MLP, hidden=(16,) * 10, activation="sigmoid", initial=1.0)

TRIALS: dict[str, Trial] = {
    "vanishing": replace(_DEEP, causes=("vanishing_gradients", "too_deep")),
    "vanishing through time": replace(_RNN, initial=0.3, causes=("vanishing_through_time",)),
    "exploding": replace(_REGRESSION, rate=0.1, causes=("exploding_gradients", "learning_rate_too_high")),
    "dead units": replace(_MLP, bias=-6.0, causes=("dead_units",)),
    "one sigmoid unit for three classes": replace(
        _MLP, outputs=1, loss="binary_cross_entropy", causes=("wrong_output_layer",)
    ),
    "softmax twice": replace(_MLP, output="softmax", causes=("wrong_output_layer",)),
    "healthy dense layers": _MLP,
    "healthy deep layers": replace(_DEEP, hidden=(16,) * 4, activation="relu", initial=2**0.5),
    "healthy regression": _REGRESSION,
    "healthy recurrence": _RNN,
}
"""By name. "one sigmoid unit for three classes" has that unit's sigmoid in its loss."""


def batches(trial: Trial, seed: int) -> list[Samples]:
    """The batches of one epoch."""
    x, y = trial.data(np.random.default_rng(seed))
    return [(x[place : place + BATCH], y[place : place + BATCH]) for place in range(0, len(x), BATCH)]


def parameters(trial: Trial, seed: int) -> list[dict[str, np.ndarray]]:
    """Initial weights by layer, float32: "kernel" [inputs, units], "bias" [units], "recurrent_kernel" [units] * 2."""
    generator = np.random.default_rng(1000 + seed)
    inputs = trial.data(np.random.default_rng(seed))[0].shape[-1]
    layers = []
    for place, units in enumerate((*trial.hidden, trial.outputs)):
        last = place == len(trial.hidden)
        scale = 1.0 if last or trial.kind == "rnn" else trial.initial
        layer = {
            "kernel": scale * generator.normal(size=(inputs, units)) / np.sqrt(inputs),
            "bias": np.full(units, 0.0 if last else trial.bias),
        }
        if trial.kind == "rnn" and not last:
            layer["recurrent_kernel"] = trial.initial * np.linalg.qr(generator.normal(size=(units, units)))[0]
        layers.append({name: values.astype("float32") for name, values in layer.items()})
        inputs = units
    return layers

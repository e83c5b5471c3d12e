"""Remedies that several causes share, made to fit the training: each names the layers and values it changes.

A maker returns None where its remedy makes no sense, and leaves the patch out where the training is not known well
enough to write one.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from paramedic_service.incidents import network, readings
from paramedic_service.incidents.evidence import RemedyMaker
from paramedic_service.incidents.incident import Remedy
from paramedic_service.incidents.situation import Situation
from paramedic_service.rules.description import Layer

FAR = 20.0
"""Times that a value has to be off the usual one before a step of ten no longer gets there."""

CLIP = 1.0
"""Global norm that gradients are clipped to: Pascanu et al., 2013, find that its exact value matters little."""


def words(text: str) -> RemedyMaker:
    """A remedy that no patch can express."""
    return lambda _: Remedy(text)


def learning_rate(factor: float) -> RemedyMaker:
    """Multiplies the learning rate."""

    def make(situation: Situation) -> Remedy:
        rate = situation.network.learning_rate
        verb = "Raise" if factor > 1 else "Lower"
        times = factor if factor > 1 else 1 / factor
        if rate is None:
            return Remedy(f"{verb} the learning rate by a factor of {times:g}.")
        return Remedy(
            f"{verb} the learning rate by a factor of {times:g}, from {rate:.3g} to {rate * factor:.3g}.",
            {"optimizer.learning_rate": {"multiply": factor}},
        )

    return make


def usual_learning_rate(situation: Situation) -> Remedy | None:
    """Goes back to a rate that is ordinary for the optimizer, where the present one is far from it."""
    rate, usual = situation.network.learning_rate, readings.ordinary_rate(situation)
    if not rate or usual is None or FAR**-1 < rate / usual < FAR:
        return None
    name = readings.optimizer_name(situation)
    return Remedy(
        f"Set the learning rate to {usual:g}, which is usual for {name}, in place of {rate:.3g}.",
        {"optimizer.learning_rate": {"set": usual}},
    )


def clip(situation: Situation) -> Remedy | None:
    """Clips gradients, unless they are clipped already."""
    if situation.network.clipped:
        return None
    patch = {"optimizer.global_clipnorm": {"set": CLIP}} if situation.network.description.optimizer else {}
    return Remedy(f"Clip gradients to a global norm of {CLIP:g}.", patch)


def loosen_clip(situation: Situation) -> Remedy | None:
    """Raises the bound on gradients."""
    optimizer = situation.network.description.optimizer
    bounds = ("global_clipnorm", "clipnorm", "clipvalue")
    active = [name for name in bounds if optimizer is not None and getattr(optimizer, name) is not None]
    patch = {f"optimizer.{name}": {"multiply": 10} for name in active}
    return Remedy("Raise the clipping bound by a factor of 10.", patch)


def usual_clip(situation: Situation) -> Remedy | None:
    """Raises a bound on all gradients that is far below the usual one."""
    optimizer = situation.network.description.optimizer
    bound = None if optimizer is None else optimizer.global_clipnorm
    if not bound or bound * FAR > CLIP:
        return None
    return Remedy(
        f"Clip gradients to a global norm of {CLIP:g}, as is usual, in place of {bound:.3g}.",
        {"optimizer.global_clipnorm": {"set": CLIP}},
    )


def optimizer(name: str, rate: float) -> RemedyMaker:
    """Changes the optimizer, with a learning rate that is usual for it."""

    def make(situation: Situation) -> Remedy | None:
        present = situation.network.description.optimizer
        if present is not None and present.name == name:
            return None
        patch = {"optimizer.name": {"set": name}, "optimizer.learning_rate": {"set": rate}} if present else {}
        return Remedy(f"Use {name} with a learning rate of {rate:g}.", patch)

    return make


def setting(name: str, value: float, text: str) -> RemedyMaker:
    """Sets a parameter of the optimizer, where it is another."""

    def make(situation: Situation) -> Remedy | None:
        present = situation.network.description.optimizer
        if present is None:
            return Remedy(text)
        if present.settings.get(name, value) == value:
            return None
        return Remedy(text, {f"optimizer.{name}": {"set": value}})

    return make


def gates(situation: Situation) -> Remedy | None:
    """Replaces plain recurrent layers by gated ones."""
    plain = situation.network.plain_recurrent
    if not plain:
        return None if situation.network.known else Remedy("Use LSTM or GRU in place of plain recurrent layers.")
    return Remedy(
        f"Replace SimpleRNN by LSTM or GRU in {_names(plain)}: their gates carry gradients over long sequences.",
        {"model.layers[*].kind": {"replace": {"SimpleRNN": "LSTM"}}},
    )


def orthogonal(situation: Situation) -> Remedy | None:
    """Initialises recurrent kernels orthogonally."""
    layers = situation.network.recurrent
    if not layers:
        return None
    return Remedy(
        "Initialise recurrent kernels orthogonally.", _each(layers, "recurrent_initializer", {"set": "orthogonal"})
    )


def shorten(situation: Situation) -> Remedy | None:
    """Cuts sequences to half their length, to 20 steps at least."""
    steps = situation.network.time_steps
    if steps is None or steps <= 20 or situation.network.description.data is None:
        return None
    half = max(20, steps // 2)
    return Remedy(
        f"Cut sequences of {steps} steps into windows of {half}, or propagate back through {half} steps only.",
        {"data.inputs": {"truncate": half}},
    )


def recurrent_tanh(situation: Situation) -> Remedy | None:
    """Gives recurrent layers the activation they are made for."""
    layers = [layer for layer in situation.network.recurrent if layer.activation not in {"", "tanh"}]
    if not layers:
        return None
    return Remedy(f"Use tanh inside {_names(layers)}.", _each(layers, "activation", {"set": "tanh"}))


def hidden_activation(to: str, of: frozenset[str], text: str) -> RemedyMaker:
    """Changes the activation of hidden layers that are not recurrent."""

    def make(situation: Situation) -> Remedy | None:
        view = situation.network
        layers = [each for each in view.hidden if each not in view.recurrent and each.activation in of]
        if not layers:
            return None if view.known else Remedy(f"{text}.")
        return Remedy(f"{text} in {_names(layers)}.", _each(layers, "activation", {"set": to}))

    return make


def rectify(situation: Situation) -> Remedy | None:
    """Gives hidden layers that saturate a rectifier, and the kernels that one wants."""
    view = situation.network
    layers = [each for each in view.hidden if each not in view.recurrent and each.activation in network.SATURATING]
    text = "Use ReLU instead of an activation that saturates"
    if not layers:
        return None if view.known else Remedy(f"{text}.")
    patch = _each(layers, "activation", {"set": "relu"}) | _each(layers, "kernel_initializer", {"set": "he_normal"})
    return Remedy(f"{text} in {_names(layers)}, and initialise their kernels by He.", patch)


def initializer(name: str, text: str) -> RemedyMaker:
    """Changes how kernels begin."""

    def make(situation: Situation) -> Remedy:
        return Remedy(text, _each(situation.network.weighted, "kernel_initializer", {"set": name}))

    return make


def fresh_weights(situation: Situation) -> Remedy:
    """Lets kernels begin as rectifiers want them, and biases at 0."""
    layers = situation.network.weighted
    shifted = [layer for layer in layers if not _begins_at_zero(layer)]
    patch = _each(layers, "kernel_initializer", {"set": "he_normal"}) | _each(
        shifted, "bias_initializer", {"set": "zeros"}
    )
    return Remedy("Initialise kernels by He, biases by 0.", patch)


def normalise_between(situation: Situation) -> Remedy | None:
    """Inserts normalisation behind hidden layers."""
    view = situation.network
    if view.normalised:
        return None
    layers = view.hidden
    kind = "LayerNormalization" if view.recurrent else "BatchNormalization"
    return Remedy(
        f"Insert {kind} behind {_names(layers)}." if layers else "Normalise between layers.",
        {f"model.layers[{layer.name}]": {"insert_after": {"kind": kind}} for layer in layers},
    )


def shallower(situation: Situation) -> Remedy | None:
    """Removes every second hidden layer whose neighbours fit together without it."""
    hidden = situation.network.hidden
    spare = [
        layer
        for before, layer in pairwise(hidden)
        if layer.kind == before.kind == "Dense" and layer.units == before.units
    ][::2]
    return Remedy(
        "Use fewer layers, or add residual connections around them.",
        {f"model.layers[{layer.name}]": {"remove": True} for layer in spare},
    )


def widen(factor: float) -> RemedyMaker:
    """Changes the width of hidden layers."""

    def make(situation: Situation) -> Remedy:
        layers = situation.network.hidden
        verb, times = ("wider", factor) if factor > 1 else ("narrower", 1 / factor)
        return Remedy(
            f"Make {_names(layers) if layers else 'hidden layers'} {times:g} times {verb}.",
            _each(layers, "units", {"multiply": factor}),
        )

    return make


def roomy(situation: Situation) -> Remedy | None:
    """Gives hidden layers that are narrower than the task needs some more than it needs."""
    finding = situation.findings.get("too_few_units")
    bound = finding.evidence[0].threshold if finding is not None else None
    if bound is None:
        return None
    units = 2 ** math.ceil(math.log2(4 * bound))
    layers = [layer for layer in situation.network.hidden if layer.units is not None and layer.units < units]
    if not layers:
        return None
    return Remedy(f"Give {_names(layers)} {units} units.", _each(layers, "units", {"set": units}))


def dropout(rate: float) -> RemedyMaker:
    """Sets the rate of dropout layers that drop more than that."""

    def make(situation: Situation) -> Remedy | None:
        layers = [layer for layer in situation.network.dropout if _rate(layer) > rate]
        if not layers:
            return None if situation.network.known else Remedy(f"Drop at most a share of {rate:g}.")
        return Remedy(f"Lower the dropout rate of {_names(layers)} to {rate:g}.", _each(layers, "rate", {"set": rate}))

    return make


def no_final_dropout(situation: Situation) -> Remedy | None:
    """Removes dropout behind the output layer."""
    view = situation.network
    if view.output is None:
        return None
    behind = view.layers[view.layers.index(view.output) + 1 :]
    layers = [layer for layer in behind if layer.kind in network.DROPOUT]
    if not layers:
        return None
    patch = {f"model.layers[{layer.name}]": {"remove": True} for layer in layers}
    return Remedy(f"Remove {_names(layers)} behind the output.", patch)


def add_dropout(situation: Situation) -> Remedy | None:
    """Inserts dropout in front of the output."""
    view = situation.network
    if view.dropout or not view.hidden:
        return None
    last = view.hidden[-1]
    return Remedy(
        f"Add dropout behind {last.name}.", {f"model.layers[{last.name}]": {"insert_after": {"kind": "Dropout"}}}
    )


def larger_batches(situation: Situation) -> Remedy:
    """Makes batches four times as large, 32 samples at least."""
    return _batches(max(32, 4 * (situation.network.batch_size or 0)))


def smaller_batches(situation: Situation) -> Remedy:
    """Makes batches a quarter as large, 32 samples at most."""
    return _batches(min(32, max(1, (situation.network.batch_size or 128) // 4)))


def balance(_: Situation) -> Remedy:
    """Weights classes by their frequency."""
    return Remedy(
        "Weight the classes by the inverse of their frequency (class_weight), or sample them equally often.",
        {"training.class_weights": {"set": "balanced"}},
    )


def standardise(situation: Situation) -> Remedy:
    """Standardises the inputs."""
    patch = {"data.inputs": {"standardise": True}} if situation.network.description.data else {}
    return Remedy(
        "Standardise every feature to mean 0 and standard deviation 1, by the training set's statistics.", patch
    )


def shaped(situation: Situation) -> Remedy | None:
    """Gives samples the axes that the model reads, or the model those that the samples have."""
    data, layers = situation.network.description.data, situation.network.layers
    if data is None or len(data.inputs) != 1 or not layers:
        return None
    given, wanted = data.inputs[0].shape[1:], (layers[0].input_shape or layers[0].output_shape)[1:]
    if not given or not wanted or given == wanted or not all(size > 0 for size in (*given, *wanted)):
        return None
    if math.prod(given) == math.prod(wanted):
        return Remedy(
            f"Reshape the samples to {wanted}, as the model reads them.", {"data.inputs": {"reshape": [*wanted]}}
        )
    if len(given) == len(wanted):
        return Remedy(f"Declare what is there: an input of {given}.", {"model.input": {"set": {"shape": [*given]}}})
    return None


def clean(situation: Situation) -> Remedy:
    """Drops samples that are not finite."""
    patch = {"data.inputs": {"clean": True}} if situation.network.description.data else {}
    return Remedy("Drop or impute the samples that hold NaN or infinity.", patch)


def _begins_at_zero(layer: Layer) -> bool:
    initial = layer.settings.get("bias_initializer", "zeros")
    name = initial.get("class_name", "") if isinstance(initial, Mapping) else initial
    return str(name).lower() == "zeros"


def _each(layers: Sequence[Layer], field: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    return {f"model.layers[{layer.name}].{field}": operation for layer in layers}


def _names(layers: Sequence[Layer]) -> str:
    names = [layer.name for layer in layers]
    return ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"


def _batches(size: int) -> Remedy:
    return Remedy(f"Use batches of {size} samples.", {"training.batch_size": {"set": size}})


def _rate(layer: Layer) -> float:
    rate = layer.settings.get("rate")
    return float(rate) if isinstance(rate, int | float) else 0.0

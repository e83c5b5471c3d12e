"""By which number two arms are compared: their losses where these mean the same, else their errors."""

from collections.abc import Mapping
from typing import Any

from paramedic.v1.reproduction_pb2 import Arm, ReproductionSpec, TrainingOutcome
from paramedic_service.incidents import patch
from paramedic_service.incidents.network import ACTIVATIONS
from paramedic_service.ingest.description import read
from paramedic_service.reproduction.patches import read_patch
from paramedic_service.rules.description import Description, Layer

LOSS = "final loss"
ERROR = "final error"

OF_FRESH_SAMPLES = frozenset({"overfit", "too_many_parameters", "suspicious_validation"})
"""Rules on faults that the loss of the training itself does not show: memorising lowers it."""

_RATES = ("rate", "dropout", "recurrent_dropout", "stddev")

# A workload tells nothing of what its arguments mean; by these words in their names they change what a loss is.
_TELLING = ("loss", "target", "output", "label", "logit", "activation", "weight")


def measure_of(spec: ReproductionSpec, arm: Arm) -> str:
    """What an arm is compared to the faulty one by.

    A loss that is computed otherwise, over other targets, with a penalty or with other noise in it has another scale: a
    mean squared error below a cross-entropy proves nothing, nor does a loss without dropout below one with it.

    Args:
        spec: Of the reproduction.
        arm: One of its arms.

    Returns:
        `LOSS` or `ERROR`.
    """
    changes = read_patch(arm.patch)
    if not OF_FRESH_SAMPLES.isdisjoint(spec.rules):
        return ERROR
    if spec.workload:
        return ERROR if any(word in name.lower() for name in changes for word in _TELLING) else LOSS
    before = read(spec.description)
    try:
        after = patch.apply(before, changes)
    except patch.PatchError:
        return LOSS  # never trained
    return LOSS if _loss_of(before) == _loss_of(after) else ERROR


def amount(measure: str, outcome: TrainingOutcome) -> float | None:
    """How bad a training ended.

    Args:
        measure: `LOSS` or `ERROR`.
        outcome: Of the training.

    Returns:
        Infinity when it raised an error or its loss is not finite, whatever the measure; None when it was not measured.
    """
    finite = -float("inf") < outcome.final_loss < float("inf")
    if outcome.error or not finite:
        return float("inf")
    if measure == LOSS:
        return outcome.final_loss
    return outcome.final_error if outcome.HasField("final_error") else None


def _loss_of(description: Description) -> object:
    """Everything that decides what the loss is computed of, and how."""
    layers = description.model.layers if description.model is not None else ()
    return (
        description.losses,
        description.data.targets if description.data is not None else (),
        description.training is not None and description.training.weighted,
        _output(layers),
        sorted(_penalties(layers)),
        sorted(_noise(layers)),
    )


def _output(layers: tuple[Layer, ...]) -> object:
    """The last layer with a width, and the activations behind it."""
    place = max((place for place, layer in enumerate(layers) if layer.units is not None), default=None)
    if place is None:
        return None
    last = layers[place]
    behind = [(layer.kind, layer.activation) for layer in layers[place + 1 :] if layer.kind in ACTIVATIONS]
    return last.units, last.activation, behind


def _penalties(layers: tuple[Layer, ...]) -> list[str]:
    return [f"{layer.name}.{name}: {value}" for layer in layers for name, value in _regularisers(layer.settings)]


def _regularisers(settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in settings.items() if name.endswith("_regularizer") and value]


def _noise(layers: tuple[Layer, ...]) -> list[str]:
    """What is drawn anew at every step of the training, and at no other time."""
    rates = [(layer.name, name, layer.settings.get(name)) for layer in layers for name in _RATES]
    own = [f"{layer.name}: {layer.kind}" for layer in layers if "Dropout" in layer.kind or "Noise" in layer.kind]
    return own + [f"{layer}.{name}: {rate}" for layer, name, rate in rates if rate]

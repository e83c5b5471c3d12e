"""What the task is, as far as the meaning of loss and accuracy depends on it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from paramedic_service.rules.description import Description, Layer
from paramedic_service.rules.layer_kinds import DROPOUTS, WEIGHTED, number, unwrapped, width
from paramedic_service.rules.losses import canonical, is_plain_mean

SQUARED_ERROR = "mean_squared_error"
ENCODED_CLASSES = frozenset({"integer", "one_hot", "binary"})
"""Encodings in which every sample is of exactly one class."""


@dataclass(frozen=True, slots=True)
class CrossEntropy:
    """A cross-entropy over classes, as the only loss.

    Attributes:
        classes: That are told apart; 0 when unknown, 2 for one yes or no, or several of them.
        regularised: Whether the model adds penalties to it.
        weighted: Whether samples or classes are weighted in it, or it is summed over them.
        weight: Of the loss in the total.
    """

    classes: int
    regularised: bool
    weighted: bool
    weight: float

    @property
    def uniform(self) -> float | None:
        """Loss of a model that knows nothing, ln K; None when the number of classes is unknown, or no scale is."""
        if self.classes < 2 or self.regularised or self.weighted:
            return None
        return self.weight * math.log(self.classes)


def cross_entropy(description: Description) -> CrossEntropy | None:
    """The cross-entropy that is minimised; None when the loss is another one, or not the only one."""
    if len(description.losses) != 1:
        return None
    loss = description.losses[0]
    name = canonical(loss.name)
    # Focal ones are weighted by what the model says, and begin elsewhere.
    if name not in ("binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"):
        return None
    classes = 2 if name == "binary_crossentropy" else _classes(description)
    layers = () if description.model is None else description.model.layers
    training = description.training
    weighted = (training is not None and training.weighted) or not is_plain_mean(loss)
    return CrossEntropy(classes, _regularised(layers), weighted, loss.weight)


@dataclass(frozen=True, slots=True)
class Ignorance:
    """The loss of a model that knows nothing of its inputs.

    Attributes:
        uniform: Of a classifier that finds all classes equally likely; None when unknown.
        constant: Of a regression that always says the mean; None when unknown.
    """

    uniform: float | None = None
    constant: float | None = None

    @property
    def level(self) -> float:
        """Either of them; 0 when both are unknown."""
        return self.uniform or self.constant or 0.0

    def beginning(self, initial: float, excess: float) -> float:
        """What has to be bettered for anything to have been learned: the last bias alone brings a loss down to here.

        Args:
            initial: Loss in the beginning.
            excess: Over `uniform` up to which a classifier only begins with uneven logits. A regression begins
                wherever its targets lie.
        """
        if self.uniform is not None and self.uniform < initial <= excess * self.uniform:
            return self.uniform
        return initial if self.constant is None else min(initial, self.constant)


def ignorance(description: Description) -> Ignorance:
    """The loss of knowing nothing, as far as loss and targets tell."""
    entropy = cross_entropy(description)
    return Ignorance(None if entropy is None else entropy.uniform, _variance(description))


def _variance(description: Description) -> float | None:
    """Mean variance of the targets, which is the squared error of the best constant; None for other losses."""
    targets = () if description.data is None else description.data.targets
    if len(description.losses) != 1 or len(targets) != 1 or canonical(description.losses[0].name) != SQUARED_ERROR:
        return None
    layers = () if description.model is None else description.model.layers
    weighted = description.training is not None and description.training.weighted
    if weighted or _regularised(layers) or not is_plain_mean(description.losses[0]):
        return None
    target = targets[0]
    deviations = target.feature_deviations
    if not deviations and target.deviation is not None and math.prod(target.shape[1:]) == 1:
        deviations = (target.deviation,)
    variance = sum(deviation**2 for deviation in deviations) / max(1, len(deviations))
    return description.losses[0].weight * variance or None


def class_frequencies(description: Description) -> tuple[float, ...]:
    """Share of the samples in each class, sum 1; empty when unknown, or when samples are of several classes at once."""
    targets = () if description.data is None else description.data.targets
    if len(targets) != 1 or targets[0].encoding not in ENCODED_CLASSES:
        return ()
    counts = targets[0].class_counts
    total = sum(counts)
    return tuple(count / total for count in counts) if total else ()


def harder_in_training(description: Description) -> bool:
    """Whether the model handicaps its own training: dropout, noise, augmentation, the statistics of single batches."""
    layers = () if description.model is None else description.model.layers
    return any(_handicaps(layer) for layer in map(unwrapped, layers))


def narrowest_hidden(description: Description) -> tuple[str, int] | None:
    """The hidden layer with a kernel that has the fewest units, and these; None when there is none."""
    layers = () if description.model is None else description.model.layers
    weighted = [layer for layer in map(unwrapped, layers) if layer.kind in WEIGHTED]
    widths = [(layer.name, units) for layer in weighted[:-1] if (units := layer.units or width(layer))]
    return min(widths, key=lambda named: named[1], default=None)


def _classes(description: Description) -> int:
    """Classes by the width of the output, else by the labels."""
    layers = () if description.model is None else description.model.layers
    weighted = [layer for layer in map(unwrapped, layers) if layer.kind in WEIGHTED]
    if weighted and weighted[-1].units:
        return weighted[-1].units
    return len(class_frequencies(description))


def _regularised(layers: Sequence[Layer]) -> bool:
    return any(name.endswith("regularizer") and value for layer in layers for name, value in layer.settings.items())


def _handicaps(layer: Layer) -> bool:
    rates = (number(layer.settings, name) for name in ("dropout", "recurrent_dropout"))
    noisy = layer.kind.startswith(("Random", "GaussianNoise", "BatchNormalization"))
    return layer.kind in DROPOUTS or noisy or any(map(bool, rates))

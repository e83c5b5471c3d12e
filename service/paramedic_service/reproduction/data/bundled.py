"""Data sets that come with the service: real ones of scikit-learn, and the sequences that examples are made of."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from paramedic_service.reproduction.data import examples, faulty_examples
from paramedic_service.reproduction.data.examples import Generator, Pair
from paramedic_service.reproduction.data.labels import class_indices, one_hot
from paramedic_service.reproduction.data.samples import Array, DataError, Samples
from paramedic_service.reproduction.plan.limits import Limits
from paramedic_service.rules.description import ArrayProfile, Description

_HELD = 0.2


@dataclass(frozen=True, slots=True)
class Bundled:
    """A data set with a name.

    Attributes:
        summary: One sentence.
        make: Makes inputs and targets from the generator of a seed, and from a number of time steps.
        steps: Time steps where the description does not say how many; None where the set has a shape of its own.
    """

    summary: str
    make: Callable[[Generator, int], Pair]
    steps: int | None = None


def _real(loader: str, divisor: float = 1.0, **arguments: Any) -> Callable[[Generator, int], Pair]:
    """Maker of one of scikit-learn's sets, its features divided by a number."""

    def make(_generator: Generator, _steps: int) -> Pair:
        try:
            from sklearn import datasets
        except ImportError as error:
            raise DataError(
                "data.bundled: scikit-learn is not installed; pip install 'paramedic[reproduction]'"
            ) from error
        features, targets = getattr(datasets, loader)(return_X_y=True, **arguments)
        return (features / divisor).astype(np.float32), targets

    return make


BUNDLED: Mapping[str, Bundled] = {
    "digits": Bundled("1,797 images of ten digits, 64 pixels from 0 to 1.", _real("load_digits", 16)),
    "iris": Bundled("150 flowers of three species, four measurements in centimetres.", _real("load_iris")),
    "wine": Bundled(
        "178 wines of three growers, 13 measurements in units from tenths to thousands.", _real("load_wine")
    ),
    "breast-cancer": Bundled(
        "569 tumours, benign or not, 30 measurements in units from thousandths to thousands.",
        _real("load_breast_cancer"),
    ),
    "diabetes": Bundled(
        "442 patients, 10 measurements; how far the disease went, 25 to 346.", _real("load_diabetes", scaled=False)
    ),
    "random-two-classes": Bundled(
        "100 random sequences [20, 10] to train on, two classes at random.", partial(examples.random_labels, 2)
    ),
    "random-three-classes": Bundled(
        "100 random sequences [20, 10] to train on, three classes at random.", partial(examples.random_labels, 3)
    ),
    "adding": Bundled("Sequences of numbers, two of which are marked; their sum is wanted.", examples.adding, 40),
    "lag": Bundled("One of four symbols comes first and has to be told after noise.", examples.lag, 20),
    "recall": Bundled("Sequences of numbers; the sum of the first two is wanted at the end.", examples.recall, 30),
    "sum": Bundled("Sequences of numbers; their sum is wanted, scaled to a variance of one.", examples.summed, 10),
    "largest": Bundled(
        "Sequences of eight features; which of the first three is the largest on average.", examples.largest, 10
    ),
    "noisy-sine": Bundled("Noisy sines of random phase and pace; the next value is wanted.", examples.noisy_sine, 24),
    "largest-in-raw-units": Bundled(
        "The same in units from hundredths to thousands, off centre.", faulty_examples.in_raw_units, 10
    ),
    "largest-flat": Bundled("The same without an axis of time: 80 features.", faulty_examples.flat),
    "largest-narrow": Bundled("The same with five features.", faulty_examples.narrow, 10),
    "largest-from-one": Bundled("The same with classes numbered from 1.", faulty_examples.from_one, 10),
    "largest-imbalanced": Bundled(
        "The same with thirty samples of one class to one of the others.", faulty_examples.imbalanced, 10
    ),
    "largest-few": Bundled("The same with a hundred samples and unreliable labels.", faulty_examples.few, 10),
    "largest-of-unequal-length": Bundled("The same as lists of 6 to 10 steps.", faulty_examples.of_unequal_length),
    "waves-of-unequal-length": Bundled(
        "Slow and fast sines, as lists of 24 to 60 steps.", faulty_examples.waves_of_unequal_length
    ),
    "unequal-pair": Bundled("Two sequences, of two steps and of three.", faulty_examples.unequal_pair),
    "uniform-two-classes": Bundled(
        "Random sequences [20, 10], two classes told by the last step.", partial(faulty_examples.uniform, 2)
    ),
    "uniform-three-classes": Bundled(
        "Random sequences [20, 10], three classes told by the last step.", partial(faulty_examples.uniform, 3)
    ),
}
"""By name."""


def bundled(name: str, description: Description, generator: Generator, limits: Limits) -> Samples:
    """Returns a data set, shuffled and split by the generator, in the shapes and encodings of the description.

    Args:
        name: Of the set.
        description: The training; its profile or its model say how many time steps there are and how labels are
            written down.
        generator: Of a seed.
        limits: On time steps.

    Raises:
        DataError: There is no set of that name, scikit-learn is not installed, or sequences would be too long.
    """
    found = BUNDLED.get(name)
    if found is None:
        raise DataError(f"data.bundled: there is no data set {name!r}; there are {', '.join(sorted(BUNDLED))}")
    data = description.data
    shape = data.inputs[0].shape if data is not None and data.inputs else _read_shape(description)
    steps = shape[1] if found.steps is not None and len(shape) > 1 and shape[1] > 1 else found.steps or 0
    if steps > limits.sequence_length:
        raise DataError(f"data.bundled: {steps} time steps, at most {limits.sequence_length} are taken")
    inputs, targets = found.make(generator, steps)
    if -1 not in shape[1:] and math.prod(shape[1:]) == math.prod(inputs.shape[1:]):
        inputs = inputs.reshape(len(inputs), *shape[1:])
    if data is not None and data.targets:
        targets = _as_described(targets, data.targets[0])
    order = generator.permutation(len(inputs))
    held, train = np.split(order, [round(_HELD * len(inputs))])
    held = held if len(held) else train  # too few to spare any
    return Samples((inputs[train],), (targets[train],), (inputs[held],), (targets[held],))


def _read_shape(description: Description) -> tuple[int, ...]:
    """What the model reads, with the batch dimension; empty when unknown."""
    layers = description.model.layers if description.model is not None else ()
    return next((layer.input_shape or layer.output_shape for layer in layers), ())


def _as_described(targets: Array, profile: ArrayProfile) -> Array:
    dtype = profile.dtype if profile.dtype in ("float32", "float64", "int32", "int64", "uint8", "bool") else "float32"
    indices = class_indices(targets)
    if profile.encoding == "one_hot" and indices is not None:
        return one_hot(indices, max(int(indices.max()) + 1, profile.shape[-1]), np.dtype(dtype))
    column = len(profile.shape) == 2 and profile.shape[1] == 1
    return targets.astype(dtype).reshape(len(targets), *((1,) if column else targets.shape[1:]))

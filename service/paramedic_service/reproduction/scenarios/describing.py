"""Short ways to write a training down, in the words of the contract."""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.struct_pb2 import Struct

from paramedic.v1.description_pb2 import (
    LABEL_ENCODING_BINARY,
    LABEL_ENCODING_CONTINUOUS,
    LABEL_ENCODING_INTEGER,
    LABEL_ENCODING_ONE_HOT,
    ArrayProfile,
    DataProfile,
    LayerConfig,
    LossConfig,
    ModelConfig,
    OptimizerConfig,
    RunDescription,
    TrainingConfig,
)
from paramedic.v1.reproduction_pb2 import Arm, DataSource, ReproductionSpec
from paramedic_service.reproduction.patches import write_patch
from paramedic_service.reproduction.verdict import REPORTED

SPARSE = "sparse_categorical_crossentropy"
CATEGORICAL = "categorical_crossentropy"
BINARY = "binary_crossentropy"
SQUARED = "mean_squared_error"

_SEQUENCES = frozenset({"SimpleRNN", "LSTM", "GRU"})


def settings(values: Mapping[str, Any]) -> Struct:
    """Settings on the wire."""
    return write_patch(values)


def initialiser(kind: str, **config: float) -> dict[str, Any]:
    """An initialiser with arguments, as frameworks report it."""
    return {"class_name": kind, "config": config}


def layer(kind: str, units: int | None = None, activation: str = "", name: str = "", **values: Any) -> LayerConfig:
    """One layer; its shapes are for `description` to fill in."""
    described = LayerConfig(name=name or kind.lower(), kind=kind, activation=activation, settings=settings(values))
    if units is not None:
        described.units = units
    return described


def recurrent(kind: str, units: int, name: str = "rnn", activation: str = "tanh", **values: Any) -> LayerConfig:
    """A recurrent layer that hands its last output on."""
    return layer(kind, units, activation, name, **values)


def output(units: int = 1, activation: str = "linear") -> LayerConfig:
    """The output layer."""
    return layer("Dense", units, activation, "output")


def optimizer(name: str, rate: float, **values: float) -> OptimizerConfig:
    """An optimizer; `values` are its other settings, or bounds on gradients."""
    described = OptimizerConfig(name=name, learning_rate=rate)
    for bound in ("clipnorm", "clipvalue", "global_clipnorm"):
        if bound in values:
            setattr(described, bound, values.pop(bound))
    described.settings.CopyFrom(settings(values))
    return described


def numbers(*shape: int) -> ArrayProfile:
    """Real numbers, [samples, *shape]; a size of -1 varies."""
    ragged = -1 in shape
    return ArrayProfile(shape=[-1, *shape], dtype="object" if ragged else "float32")


def targets(*shape: int) -> ArrayProfile:
    """Real numbers to predict."""
    return ArrayProfile(shape=[-1, *shape], dtype="float32", encoding=LABEL_ENCODING_CONTINUOUS)


def labels(counts: Sequence[int]) -> ArrayProfile:
    """Class indices, with the samples of each class."""
    return ArrayProfile(shape=[-1], dtype="int64", encoding=LABEL_ENCODING_INTEGER, class_counts=counts)


def yes_or_no(*shape: int) -> ArrayProfile:
    """Labels that are 0 or 1."""
    return ArrayProfile(shape=[-1, *shape], dtype="int64", encoding=LABEL_ENCODING_BINARY)


def one_hot(counts: Sequence[int]) -> ArrayProfile:
    """One column a class."""
    return ArrayProfile(shape=[-1, len(counts)], dtype="float32", encoding=LABEL_ENCODING_ONE_HOT, class_counts=counts)


def description(
    shape: Sequence[int],
    layers: Sequence[LayerConfig],
    loss: str,
    trained_by: OptimizerConfig,
    target: ArrayProfile,
    *,
    given: ArrayProfile | None = None,
    samples: int = 1200,
    batch_size: int = 32,
    metrics: Sequence[str] = (),
    validated: bool = False,
) -> RunDescription:
    """Describes the training of a sequential model.

    Args:
        shape: Of one sample, as the model reads it.
        layers: Its layers, without an input.
        loss: Name of the loss.
        trained_by: The optimizer.
        target: What it learns.
        given: The inputs; omitted: as the model reads them.
        samples: To train on.
        batch_size: Samples a step.
        metrics: Beside the loss.
        validated: Whether every epoch is validated on held-out samples.
    """
    return RunDescription(
        model=ModelConfig(layers=_shaped(shape, layers)),
        optimizer=trained_by,
        losses=[LossConfig(name=loss)],
        training=TrainingConfig(batch_size=batch_size, precision="float32", metrics=metrics, validated=validated),
        data=DataProfile(inputs=[given or numbers(*shape)], targets=[target], samples=samples),
    )


def arm(name: str, text: str, patch: Mapping[str, Any]) -> Arm:
    """A remedy: what people are told, and the patch that does it."""
    return Arm(name=name, text=text, patch=write_patch(patch))


def spec(
    title: str,
    known: RunDescription,
    data: str,
    *remedies: Arm,
    rules: Sequence[str] = (),
    steps: int = 300,
    seeds: int = 3,
) -> ReproductionSpec:
    """A reproduction by description.

    Args:
        title: For people.
        known: The training with the fault.
        data: Name of a bundled data set.
        remedies: Arms besides the training as reported.
        rules: Ids of those that tell the fault; omitted: any of severity warning or worse.
        steps: A training.
        seeds: An arm.
    """
    return ReproductionSpec(
        title=title,
        description=known,
        data=DataSource(bundled=data),
        arms=[Arm(name=REPORTED), *remedies],
        rules=rules,
        steps=steps,
        seeds=seeds,
    )


def _shaped(shape: Sequence[int], layers: Sequence[LayerConfig]) -> list[LayerConfig]:
    """The layers with the shapes that follow; a layer whose name came already is numbered."""
    current, names, shaped = [-1, *shape], set[str](), []
    for each in layers:
        known = LayerConfig()
        known.CopyFrom(each)
        while known.name in names:
            known.name = f"{each.name}_{len(names)}"
        names.add(known.name)
        known.input_shape.extend(current)
        if known.kind in _SEQUENCES and "return_sequences" not in known.settings.fields:
            current = current[:1] + current[2:]
        if known.HasField("units"):
            current = [*current[:-1], known.units]
        known.output_shape.extend(current)
        shaped.append(known)
    return shaped

"""Descriptions of trainings, written down in a line, and what rules say of them."""

from dataclasses import replace
from typing import Any

from paramedic_service.rules.description import (
    ArrayProfile,
    Data,
    Description,
    Layer,
    Loss,
    Model,
    Optimizer,
    Training,
)
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.finding import Finding

SPARSE = "sparse_categorical_crossentropy"
CATEGORICAL = "categorical_crossentropy"
BINARY = "binary_crossentropy"


def dense(units: int, activation: str = "relu", **settings: Any) -> Layer:
    """A Dense layer that is not placed yet."""
    return Layer("", "Dense", activation, units, settings={"use_bias": True, **settings})


def recurrent(kind: str, units: int, activation: str = "tanh", sequences: bool = False, **settings: Any) -> Layer:
    """A recurrent layer that is not placed yet."""
    return Layer("", kind, activation, units, settings={"return_sequences": sequences, **settings})


def layer(kind: str, activation: str = "", **settings: Any) -> Layer:
    """A layer without units that is not placed yet."""
    return Layer("", kind, activation, settings=settings)


def sequential(*layers: Layer, inputs: tuple[int, ...] = (20,), parameters: int = 1000) -> Model:
    """A model whose layers follow each other, named by kind and place, with the shapes that follow."""
    shape = (-1, *inputs)
    placed = [Layer("input", "InputLayer", output_shape=shape)]
    for place, each in enumerate(layers):
        output = _output_shape(each, shape)
        name = each.name or f"{each.kind.lower()}_{place}"
        placed.append(replace(each, name=name, input_shape=shape, output_shape=output))
        shape = output
    return Model(tuple(placed), parameters)


def _output_shape(each: Layer, shape: tuple[int, ...]) -> tuple[int, ...]:
    match each.kind:
        case "Dense" | "Conv1D" | "Conv2D":
            return (*shape[:-1], each.units or 1)
        case "LSTM" | "GRU" | "SimpleRNN":
            return (*shape[: 2 if each.settings.get("return_sequences") else 1], each.units or 1)
        case "Flatten" | "GlobalAveragePooling1D":
            return shape[0], shape[-1]
        case "Embedding":
            return (*shape, 8)
        case _:
            return shape


def array(*shape: int, samples: int = 1000, **values: Any) -> ArrayProfile:
    """A profile of standardised values, unless said otherwise."""
    standard = {"dtype": "float32", "examined": samples, "mean": 0.0, "deviation": 1.0, "lowest": -3.0, "highest": 3.0}
    return ArrayProfile(shape=(-1, *shape), **(standard | values))


def labels(encoding: str, counts: tuple[int, ...], *shape: int, **values: Any) -> ArrayProfile:
    """A profile of labels with so many samples a class."""
    highest = len(counts) - 1 if encoding == "integer" else 1
    known = {"lowest": 0.0, "highest": float(highest), "encoding": encoding, "class_counts": counts, "whole_share": 1.0}
    return array(*shape, **({"dtype": "int64"} | known | values))


def described(
    model: Model | None = None,
    loss: str | Loss | None = None,
    x: ArrayProfile | None = None,
    y: ArrayProfile | None = None,
    optimizer: Optimizer | None = None,
    training: Training | None = None,
    samples: int | None = 1000,
) -> Description:
    """A description with one loss, one input and one target."""
    inputs, targets = (() if each is None else (each,) for each in (x, y))
    known = Data(inputs, targets, samples) if x is not None or y is not None else None
    losses = () if loss is None else (loss if isinstance(loss, Loss) else Loss(loss),)
    return Description(model=model, optimizer=optimizer, losses=losses, training=training, data=known)


def findings(description: Description) -> dict[str, Finding]:
    """Everything that is found in a description, by rule."""
    return {finding.rule: finding for finding in Diagnosis().describe(description)}


def abstentions(description: Description) -> dict[str, str]:
    """Why rules cannot judge a description, by rule."""
    diagnosis = Diagnosis()
    diagnosis.describe(description)
    return dict(diagnosis.abstentions)

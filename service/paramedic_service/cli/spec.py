"""Trainings written down by hand: sections model, optimizer, loss, training and data in the words of the contract.

[optimizer]
name = "adam"
learning_rate = 0.001

[[model.layers]]
kind = "LSTM"
units = 32
input_shape = [-1, 20, 4]

[[model.layers]]
kind = "Dense"
units = 3
activation = "softmax"

[loss]
name = "sparse_categorical_crossentropy"
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError

from paramedic.v1.description_pb2 import RunDescription
from paramedic_service.cli.layer_shapes import output_shape

_SECTIONS = ("model", "optimizer", "loss", "training", "data")


def is_spec(document: Mapping[str, Any]) -> bool:
    """Whether a document has any section of a specification."""
    return any(section in document for section in _SECTIONS)


def read_spec(document: Mapping[str, Any]) -> RunDescription:
    """Describes a training by its specification.

    Args:
        document: Sections by name; a loss or optimizer may be no more than its name, and losses may be a list.

    Raises:
        ValueError: A section or field is unknown, or has a value of another kind.
    """
    unknown = set(document) - set(_SECTIONS)
    if unknown:
        raise ValueError(f"there is no section {sorted(unknown)[0]!r}; there are {', '.join(_SECTIONS)}")
    fields = {name: section for name, section in document.items() if name not in ("loss", "data", "optimizer", "model")}
    if "optimizer" in document:
        fields["optimizer"] = _named(document["optimizer"])
    if "loss" in document:
        losses = document["loss"]
        fields["losses"] = [_named(loss) for loss in (losses if isinstance(losses, list) else [losses])]
    if "data" in document:
        fields["data"] = _data(document["data"])
    if "model" in document:
        fields["model"] = _model(document["model"])
    try:
        description = ParseDict(fields, RunDescription())
    except ParseError as error:
        raise ValueError(str(error)) from None
    _complete(description)
    return description


def _named(section: Any) -> Any:
    return {"name": section} if isinstance(section, str) else section


def _model(section: Any) -> Any:
    """Gives layers without a name that of their kind and place."""
    if not isinstance(section, Mapping) or not isinstance(section.get("layers"), list):
        return section
    layers = [
        {"name": f"{str(layer.get('kind', 'layer')).lower()}_{place}", **layer} if isinstance(layer, Mapping) else layer
        for place, layer in enumerate(section["layers"])
    ]
    return {**section, "layers": layers}


def _data(section: Any) -> Any:
    """Puts the contract's name in place of a short one: "one_hot" is LABEL_ENCODING_ONE_HOT."""
    if isinstance(section, Mapping):
        return {name: _data(value) if name != "encoding" else _encoding(value) for name, value in section.items()}
    return [_data(item) for item in section] if isinstance(section, list) else section


def _encoding(value: Any) -> Any:
    return f"LABEL_ENCODING_{value.upper()}" if isinstance(value, str) and not value.startswith("LABEL") else value


def _complete(description: RunDescription) -> None:
    """Derives shapes that are left out from those before them."""
    shape: tuple[int, ...] = ()
    for layer in description.model.layers:
        if layer.inputs:
            return
        if not layer.input_shape and layer.kind != "InputLayer":
            layer.input_shape.extend(shape)
        config = {name: layer.settings[name] for name in layer.settings}
        if layer.HasField("units"):
            config["units"] = layer.units
        if not layer.output_shape:
            layer.output_shape.extend(output_shape(layer.kind, config, tuple(layer.input_shape)))
        shape = tuple(layer.output_shape)

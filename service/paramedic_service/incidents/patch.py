"""Remedies for programs: changes of a training's description.

A patch maps paths to operations; an operation is a dictionary of one word and its argument:

    {"optimizer.learning_rate": {"multiply": 0.1}}
    {"optimizer.global_clipnorm": {"set": 1.0}}
    {"model.layers[*].kind": {"replace": {"SimpleRNN": "LSTM"}}}
    {"model.layers[dense_1]": {"insert_after": {"kind": "LayerNormalization"}}}
    {"model.output": {"set": {"units": 3, "activation": "softmax"}}}
    {"data.inputs": {"standardise": true}}

Paths and the operations they take:

| path | operations |
|---|---|
| `optimizer.FIELD` | set, multiply (numbers), replace (text) |
| `training.batch_size`, `training.epochs` | set, multiply |
| `training.class_weights` | set: "balanced" |
| `losses[INDEX or *].FIELD` | set, replace |
| `model.layers[NAME or *].FIELD` | set, multiply (numbers), replace (text) |
| `model.layers[NAME]` | insert_after: {"kind": KIND}; remove: true |
| `model.output` | set: {"units": N, "activation": NAME}, each of them optional |
| `model.input` | set: {"shape": [SIZES]}, of one sample, for models with one input |
| `data.inputs` | standardise: true; clean: true (drops what is not finite); reshape: [SIZES] |
| `data.inputs` | truncate, pad or window: STEPS |
| `data.targets` | standardise: true; encode: ENCODING |

`truncate` cuts what comes behind STEPS. `pad` puts zeros behind shorter sequences besides. `window` cuts sequences into
windows of STEPS, each a sample with the target of its sequence; shorter sequences, and what is left over, are dropped.
`reshape` gives every sample other axes.

FIELD is one of the description's own, or a setting that the framework reports ("kernel_initializer", "rate").
`multiply` leaves whole numbers whole and at least 1. With `*`, layers that lack the field, or hold none of the replaced
values, stay as they are.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from paramedic_service.incidents import patch_data
from paramedic_service.rules.description import Description, Layer, Loss, Model, Optimizer, Training

Patch = Mapping[str, Mapping[str, Any]]
"""Operations by path."""

Part = TypeVar("Part", Optimizer, Training, Loss, Layer)

_LAYER = re.compile(r"model\.layers\[(?P<name>.+)\](?:\.(?P<field>\w+))?")
_LOSS = re.compile(r"losses\[(?P<index>\d+|\*)\]\.(?P<field>\w+)")


class PatchError(ValueError):
    """A patch is not of the grammar, or does not fit the description; the message says where."""


def apply(description: Description, patch: Patch) -> Description:
    """Returns the description with a patch's changes; later paths see what earlier ones changed.

    Raises:
        PatchError: A path, an operation or its argument makes no sense here; nothing is changed then.
    """
    for path, operation in patch.items():
        if not isinstance(operation, Mapping) or len(operation) != 1:
            raise PatchError(f"{path}: expected one operation, such as {{'set': 1}}, not {operation!r}")
        [(word, argument)] = operation.items()
        try:
            description = _change(description, path, word, argument)
        except PatchError as error:
            raise PatchError(f"{path}: {error}") from error
    return description


def _change(description: Description, path: str, word: str, argument: Any) -> Description:
    section, _, field = path.partition(".")
    if section == "optimizer" and field:
        if description.optimizer is None:
            raise PatchError("the optimizer is not known")
        return dataclasses.replace(description, optimizer=_changed(description.optimizer, field, word, argument))
    if section == "training" and field:
        training = description.training or Training()
        return dataclasses.replace(description, training=_train(training, field, word, argument))
    if match := _LOSS.fullmatch(path):
        return _lose(description, match["index"], match["field"], word, argument)
    if section == "data":
        try:
            return patch_data.change(description, field, word, argument)
        except ValueError as error:
            raise PatchError(str(error)) from error
    if section == "model":
        if description.model is None or not description.model.layers:
            raise PatchError("the model is not known")
        model = _remodel(description.model, path, word, argument)
        return dataclasses.replace(description, model=model)
    raise PatchError("there is no such path")


def _train(training: Training, field: str, word: str, argument: Any) -> Training:
    if field == "class_weights":
        if (word, argument) != ("set", "balanced"):
            raise PatchError('class weights can only be set to "balanced"')
        return dataclasses.replace(training, weighted=True)
    if field not in ("batch_size", "epochs"):
        raise PatchError("there is no such path")
    return _changed(training, field, word, argument)


def _lose(description: Description, index: str, field: str, word: str, argument: Any) -> Description:
    losses = list(description.losses)
    if index != "*" and int(index) >= len(losses):
        raise PatchError(f"there are {len(losses)} losses")
    for place in range(len(losses)) if index == "*" else (int(index),):
        losses[place] = _changed(losses[place], field, word, argument)
    return dataclasses.replace(description, losses=tuple(losses))


def _remodel(model: Model, path: str, word: str, argument: Any) -> Model:
    if path == "model.output":
        return _with_output(model, word, argument)
    if path == "model.input":
        return _with_input(model, word, argument)
    match = _LAYER.fullmatch(path)
    if match is None:
        raise PatchError("there is no such path")
    name, field = match["name"], match["field"]
    if name == "*":
        if field is None:
            raise PatchError("name the layer")
        return dataclasses.replace(model, layers=tuple(_where(each, field, word, argument) for each in model.layers))
    places = [place for place, layer in enumerate(model.layers) if layer.name == name]
    if not places:
        raise PatchError("there is no such layer")
    layers, place = list(model.layers), places[0]
    if field is not None:
        layers[place] = _changed(layers[place], field, word, argument)
    elif word == "insert_after":
        layers.insert(place + 1, _inserted(layers[place], argument))
        if place + 2 < len(layers):
            layers[place + 2] = _fed_by(layers[place + 2], layers[place].name, layers[place + 1].name)
    elif word == "remove" and argument is True:
        del layers[place]
    else:
        raise PatchError(f"a layer takes insert_after or remove, not {word}")
    return dataclasses.replace(model, layers=tuple(layers))


def _with_output(model: Model, word: str, argument: Any) -> Model:
    if word != "set" or not isinstance(argument, Mapping) or not argument or set(argument) - {"units", "activation"}:
        raise PatchError("the output takes set with units, activation or both")
    place = max((place for place, layer in enumerate(model.layers) if layer.units is not None), default=None)
    if place is None:
        raise PatchError("no layer of the model has units")
    layers = list(model.layers)
    for field, value in argument.items():
        layers[place] = _changed(layers[place], field, "set", value)
    return dataclasses.replace(model, layers=tuple(layers))


def _with_input(model: Model, word: str, argument: Any) -> Model:
    """The first layer reads samples of another shape; what follows from that is for whoever builds the model."""
    shape = argument.get("shape") if isinstance(argument, Mapping) and len(argument) == 1 else None
    if word != "set" or not isinstance(shape, list | tuple) or not all(_is_size(size) for size in shape):
        raise PatchError('the input takes set with {"shape": [sizes of one sample]}')
    if sum(layer.kind == "InputLayer" for layer in model.layers) > 1:
        raise PatchError("the model has several inputs")
    first = model.layers[0]
    whole = (first.input_shape[:1] or first.output_shape[:1] or (-1,)) + tuple(shape)
    if first.kind == "InputLayer":
        first = dataclasses.replace(first, output_shape=whole)
        layers = [first, *(dataclasses.replace(each, input_shape=whole) for each in model.layers[1:2])]
    else:
        layers = [dataclasses.replace(first, input_shape=whole)]
    return dataclasses.replace(model, layers=(*layers, *model.layers[len(layers) :]))


def _is_size(size: Any) -> bool:
    return isinstance(size, int) and not isinstance(size, bool) and (size > 0 or size == -1)


def _inserted(before: Layer, argument: Any) -> Layer:
    kind = argument.get("kind") if isinstance(argument, Mapping) else None
    if not isinstance(kind, str) or not kind or set(argument) != {"kind"}:
        raise PatchError('insert_after takes {"kind": KIND}')
    name = f"{before.name}/{kind.lower()}"
    return Layer(name=name, kind=kind, input_shape=before.output_shape, output_shape=before.output_shape)


def _fed_by(layer: Layer, old: str, new: str) -> Layer:
    return dataclasses.replace(layer, inputs=tuple(new if each == old else each for each in layer.inputs))


def _where(layer: Layer, field: str, word: str, argument: Any) -> Layer:
    """The layer changed, if it has what is to be changed."""
    known = field in _own(layer) and getattr(layer, field) not in (None, "", ())
    if not known and field not in layer.settings:
        return layer
    present = getattr(layer, field) if known else layer.settings[field]
    if word == "replace" and isinstance(argument, Mapping) and not (isinstance(present, str) and present in argument):
        return layer
    return _changed(layer, field, word, argument)


def _changed(part: Part, field: str, word: str, argument: Any) -> Part:
    """One field of a part changed; what is no field of its own is one of its settings."""
    if word not in _OPERATIONS:
        raise PatchError(f"a field takes {', '.join(_OPERATIONS)}, not {word}")
    operate = _OPERATIONS[word]
    changes: dict[str, Any]
    if field in _own(part):
        changes = {field: operate(getattr(part, field), argument)}
    elif isinstance(part, Training):
        raise PatchError("there is no such path")
    else:
        changes = {"settings": part.settings | {field: operate(part.settings.get(field), argument)}}
    if field == "units" and isinstance(part, Layer) and part.output_shape:
        changes["output_shape"] = (*part.output_shape[:-1], changes["units"])
    return dataclasses.replace(part, **changes)


def _own(part: Any) -> set[str]:
    """Fields that patches reach by their own name; a layer's name tells which layer it is, and stays."""
    fields = {field.name for field in dataclasses.fields(part)} - {"settings"}
    return fields - {"name"} if isinstance(part, Layer) else fields


def _set(present: Any, argument: Any) -> Any:
    if isinstance(argument, float) and not math.isfinite(argument):
        raise PatchError(f"{argument} is no finite number")
    known = (present, argument)
    if present is not None and all(isinstance(each, str | int | float) for each in known):
        texts = [isinstance(each, str) for each in known]
        if any(texts) and not all(texts):
            raise PatchError(f"{argument!r} cannot stand in place of {present!r}")
    return argument


def _multiply(present: Any, argument: Any) -> Any:
    if isinstance(present, bool) or not isinstance(present, int | float):
        raise PatchError(f"{present!r} is no number to multiply")
    if isinstance(argument, bool) or not isinstance(argument, int | float) or not 0 < argument < math.inf:
        raise PatchError(f"{argument!r} is no positive factor")
    product = present * argument
    if not math.isfinite(product):
        raise PatchError(f"{argument!r} times {present!r} is no finite number")
    return max(1, round(product)) if isinstance(present, int) else product


def _replace(present: Any, argument: Any) -> Any:
    if not isinstance(argument, Mapping) or not argument:
        raise PatchError("replace takes new values by old ones")
    return argument.get(present, present) if isinstance(present, str) else present


_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {"set": _set, "multiply": _multiply, "replace": _replace}

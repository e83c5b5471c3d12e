"""What an arm changes: its patch checked, applied, and settled where one change brings another."""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

from paramedic_service.incidents.patch import PatchError, apply
from paramedic_service.reproduction.plan.checks import readable, shown
from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.reproduction.plan.kind import Kind
from paramedic_service.reproduction.plan.kinds import KINDS
from paramedic_service.reproduction.plan.plans import DataOperation
from paramedic_service.rules.description import Description, Layer, Model, Optimizer

_LONGEST_PATH = 640
_LONGEST_REASON = 400
_DATA = re.compile(r"data\.(inputs|targets)")
_LAYER_FIELD = re.compile(r"model\.layers\[.+\]\.(\w+)")
# What follows from the rest of a layer, and what says where it stands.
_DERIVED = frozenset({"name", "inputs", "input_shape", "output_shape", "parameters", "settings"})
_WRAPPERS = ("Bidirectional", "TimeDistributed")
_ALWAYS_KEPT = frozenset({"weight_decay", "use_ema", "ema_momentum"})


def patched(description: Description, patch: Mapping[str, Any], path: str) -> Description:
    """The description with a patch's changes.

    Args:
        description: As reported.
        patch: Operations by path.
        path: Of the patch, for errors.

    Raises:
        SpecError: The patch is not of the grammar, or does not fit.
    """
    if not patch:
        return description
    for each in patch:
        readable(each, path, _LONGEST_PATH)
        match = _LAYER_FIELD.fullmatch(each)
        if match and match[1] in _DERIVED:
            raise SpecError(path, f"{shown(each)}: {match[1]} cannot be patched; it follows from the rest of the layer")
    try:
        changed = apply(description, patch)
    except PatchError as error:
        raise SpecError(path, ascii(str(error))[1:-1][:_LONGEST_REASON]) from None
    if description.model is not None and changed.model is not None:
        changed = dataclasses.replace(changed, model=_settled(description.model, changed.model))
    if description.optimizer is not None and changed.optimizer is not None:
        optimizer = _other_optimizer(description.optimizer, changed.optimizer, patch)
        changed = dataclasses.replace(changed, optimizer=optimizer)
    return changed


def data_operations(patch: Mapping[str, Any]) -> tuple[DataOperation, ...]:
    """Changes of the samples in a patch that was applied without error."""
    operations = []
    for path, operation in patch.items():
        if match := _DATA.fullmatch(path):
            [(word, argument)] = operation.items()
            field: Any = match[1]
            operations.append(DataOperation(field, word, tuple(argument) if isinstance(argument, list) else argument))
    return tuple(operations)


def rate_factor(reported: Optimizer, patched_one: Optimizer, patch: Mapping[str, Any]) -> float:
    """By how much a patch changes the learning rate, for a schedule to follow."""
    before, after = reported.learning_rate, patched_one.learning_rate
    if before == after or not isinstance(after, int | float):
        return 1.0
    if before and math.isfinite(after / before):
        return after / before
    # A warm-up begins at 0, and so it stays whatever it is multiplied by.
    factor = patch.get("optimizer.learning_rate", {}).get("multiply", 1.0)
    return float(factor)


def _settled(before: Model, after: Model) -> Model:
    """Layers that changed their kind lose what only the old kind knows; wrappers hand on what is meant for within."""
    old = {layer.name: layer for layer in before.layers}
    layers = tuple(_handed_on(_of_new_kind(old.get(layer.name), layer)) for layer in after.layers)
    return dataclasses.replace(after, layers=layers)


def _of_new_kind(before: Layer | None, layer: Layer) -> Layer:
    new = _known(layer)
    old = None if before is None else _known(before)
    if before is None or old is None or new is None or before.kind == layer.kind:
        return layer
    lost = set(before.settings) & (set(old.checks) - set(new.checks))
    settings = {name: value for name, value in layer.settings.items() if name not in lost}
    units = layer.units if new.width else None
    return dataclasses.replace(
        layer, settings=settings, units=units, activation=layer.activation if new.activation else ""
    )


def _handed_on(layer: Layer) -> Layer:
    inner = layer.settings.get("layer")
    if layer.kind not in _WRAPPERS or not isinstance(inner, Mapping):
        return layer
    kind = inner.get("class_name")
    within = KINDS.get(kind) if isinstance(kind, str) else None
    own = KINDS[layer.kind].checks
    if within is None:
        return layer
    meant = {name: layer.settings[name] for name in layer.settings if name in within.checks and name not in own}
    if not meant:
        return layer
    settings = {name: value for name, value in layer.settings.items() if name not in meant}
    for name in ("layer", "backward_layer"):
        wrapped = settings.get(name)
        config = wrapped.get("config") if isinstance(wrapped, Mapping) else None
        if isinstance(config, Mapping):
            settings[name] = {**settings[name], "config": {**config, **meant}}
    return dataclasses.replace(layer, settings=settings)


def _known(layer: Layer) -> Kind | None:
    return KINDS.get(layer.kind) if isinstance(layer.kind, str) else None


def _other_optimizer(before: Optimizer, after: Optimizer, patch: Mapping[str, Any]) -> Optimizer:
    """Another optimizer begins with its own defaults and what the patch sets."""
    if before.name == after.name:
        return after
    kept = {
        name: value
        for name, value in after.settings.items()
        if name in _ALWAYS_KEPT or name == "learning_rate" or f"optimizer.{name}" in patch
    }
    return dataclasses.replace(after, settings=kept)

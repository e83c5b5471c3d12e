"""Every kind of layer that is built, and those that wrap others."""

from collections.abc import Mapping
from typing import Any

from paramedic_service.reproduction.plan import kinds_convolution, kinds_joining, kinds_plain, kinds_recurrent
from paramedic_service.reproduction.plan.checks import Check, choice, listed, shown
from paramedic_service.reproduction.plan.errors import SpecError
from paramedic_service.reproduction.plan.kind import Arguments, Kind, Shape, known, ranked
from paramedic_service.reproduction.plan.kinds_recurrent import COMPUTED, over_time, weights
from paramedic_service.reproduction.plan.limits import Limits
from paramedic_service.reproduction.plan.parts import activation, arguments, named, policy
from paramedic_service.reproduction.plan.plans import LayerPlan

_WITHIN: Mapping[str, Kind] = {
    **kinds_plain.KINDS,
    **kinds_convolution.KINDS,
    **kinds_recurrent.KINDS,
}


def configured(
    kind: str,
    table: Kind,
    config: Mapping[str, Any],
    field: str,
    limits: Limits,
    given: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Checks the configuration of a layer of some kind; what a layer cannot be without must be there.

    Args:
        kind: Its class name.
        table: What that takes.
        config: Arguments by name, as the framework serialises them.
        field: Path of the configuration, for errors.
        limits: Bounds.
        given: Arguments that were checked before, and that the configuration may not say again.
    """
    told = given or {}
    checks: dict[str, Check] = {name: check for name, check in table.checks.items() if name not in told}
    if table.activation and "activation" not in told:
        checks["activation"] = activation
    checked = {name: value for name, value in arguments(config, checks, field, limits).items() if name not in COMPUTED}
    if (dtype := config.get("dtype")) is not None:
        checked["dtype"] = policy(dtype, f"{field}.dtype", limits)
    checked = dict(table.defaults) | checked | dict(told)
    missing = [name for name in table.needs if name not in checked]
    if missing:
        raise SpecError(f"{field}.{missing[0]}", f"a {kind} cannot be built without it")
    return checked


def _inner(table: Mapping[str, Kind], what: str) -> Check:
    """A layer within another, as the framework serialises it."""

    def check(value: Any, field: str, limits: Limits) -> LayerPlan:
        kind, config, of_config = named(value, field, what)
        if kind not in table:
            raise SpecError(f"{field}.class_name", f"got {shown(kind)}, expected a {what} of {listed(table)}")
        return LayerPlan("", kind, configured(kind, table[kind], config, of_config, limits))

    return check


def _cells(value: Any, field: str, limits: Limits) -> tuple[LayerPlan, ...]:
    """One cell, or cells that stand one above the other."""
    if isinstance(value, Mapping) and value.get("class_name") == "StackedRNNCells":
        _, config, field = named(value, field, "cell")
        value, field = config.get("cells"), f"{field}.cells"
    if not isinstance(value, list | tuple):
        return (_cell(value, field, limits),)
    if not 1 <= len(value) <= 32:
        raise SpecError(field, f"got {len(value)} cells, expected 1 to 32")
    return tuple(_cell(each, f"{field}[{place}]", limits) for place, each in enumerate(value))


def _looped(values: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    shape = ranked(inputs[0], 3, 3, path)
    width, total = known(shape[-1], path, "last axis"), 0
    for cell in values["cell"]:
        total += weights(cell.kind.removesuffix("Cell"), cell.arguments, width)
        width = cell.arguments["units"]
    return over_time(shape, width, values), total


def _both_ways(values: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    """Schuster and Paliwal, 1997: two layers, one from each end."""
    forward: LayerPlan = values["layer"]
    backward: LayerPlan = values.get("backward_layer", forward)
    shape, one = _WITHIN[forward.kind].geometry(forward.arguments, inputs, f"{path}.settings.layer")
    other_shape, other = _WITHIN[backward.kind].geometry(backward.arguments, inputs, f"{path}.settings.backward_layer")
    concatenated = values.get("merge_mode", "concat") == "concat"
    if shape != other_shape:  # Keras would join them, and be wrong about the width
        raise SpecError(f"{path}.settings.backward_layer", "its output does not fit to that of the forward layer")
    return (*shape[:-1], 2 * shape[-1]) if concatenated else shape, one + other


def _each_step(values: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
    shape, layer = ranked(inputs[0], 3, 6, path), values["layer"]
    one, total = _WITHIN[layer.kind].geometry(layer.arguments, ((shape[0], *shape[2:]),), f"{path}.settings.layer")
    return (*shape[:2], *one[1:]), total


_cell = _inner(kinds_recurrent.CELLS, "cell")
_recurrent_layer = _inner(
    {name: kinds_recurrent.KINDS[name] for name in ("SimpleRNN", "GRU", "LSTM")}, "recurrent layer"
)

_LOOPS = {
    name: kinds_recurrent.KINDS["SimpleRNN"].checks[name]
    for name in (
        "return_sequences",
        "go_backwards",
        "zero_output_for_mask",
        "return_state",
        "stateful",
        "unroll",
        "time_major",
    )
}

KINDS: Mapping[str, Kind] = {
    **_WITHIN,
    **kinds_joining.KINDS,
    "RNN": Kind(_looped, {"cell": _cells, **_LOOPS}, needs=("cell",)),
    "Bidirectional": Kind(
        _both_ways,
        {
            "layer": _recurrent_layer,
            "backward_layer": _recurrent_layer,
            "merge_mode": choice("concat", "sum", "mul", "ave"),
            **_LOOPS,
        },
        needs=("layer",),
    ),
    "TimeDistributed": Kind(_each_step, {"layer": _inner(_WITHIN, "layer")}, needs=("layer",)),
}
"""Layers by class name."""

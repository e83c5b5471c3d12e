"""Recurrent layers and their cells, over sequences [batch, steps, features]."""

from collections.abc import Mapping

from paramedic_service.reproduction.plan.checks import Check, boolean, integer, only
from paramedic_service.reproduction.plan.kind import (
    FLAG,
    RATE,
    Arguments,
    Geometry,
    Kind,
    Shape,
    features,
    ranked,
    weighted,
)
from paramedic_service.reproduction.plan.kinds_convolution import KINDS as CONVOLUTIONS
from paramedic_service.reproduction.plan.parts import activation

_GATES = {"SimpleRNN": 1, "GRU": 3, "LSTM": 4}

_OF_CELLS: Mapping[str, Check] = {
    "units": integer(1, "units"),
    "use_bias": FLAG,
    "dropout": RATE,
    "recurrent_dropout": RATE,
    **weighted("kernel", "recurrent", "bias", activity=False),
}
_OF_GATES: Mapping[str, Mapping[str, Check]] = {
    "SimpleRNN": {},
    "GRU": {"recurrent_activation": activation, "reset_after": FLAG},
    "LSTM": {"recurrent_activation": activation, "unit_forget_bias": FLAG},
}
_STATE = only(False, "state would outlive a batch")
_OF_LOOPS: Mapping[str, Check] = {
    "return_sequences": FLAG,
    "go_backwards": FLAG,
    "zero_output_for_mask": FLAG,
    "return_state": only(False, "layers with several outputs are not built"),
    "stateful": _STATE,
    "time_major": only(False, "the batch comes first"),
    # How it is computed, not what: it is never unrolled, which would make a graph as large as the sequence is long.
    "unroll": boolean,
    "use_cudnn": lambda value, field, limits: "auto" if value == "auto" else boolean(value, field, limits),
    "implementation": integer(0, 2),
}
COMPUTED = frozenset(
    {"unroll", "use_cudnn", "implementation", "return_state", "stateful", "time_major", "synchronized"}
)
"""Arguments that are checked and then left out: they change nothing, or have one value."""


def weights(kind: str, arguments: Arguments, inputs: int) -> int:
    """Elements of a recurrent layer's kernels and biases: Goodfellow et al., Deep Learning, 2016, chapter 10."""
    units = arguments["units"]
    biases = (2 if kind == "GRU" and arguments.get("reset_after", True) else 1) * arguments.get("use_bias", True)
    return int(_GATES[kind] * units * (inputs + units + biases))


def over_time(shape: Shape, width: int, arguments: Arguments) -> Shape:
    """Output shape of a recurrent layer of some width."""
    return (*shape[: 2 if arguments.get("return_sequences") else 1], width)


def _recurrent(kind: str) -> Geometry:
    def geometry(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
        shape = ranked(inputs[0], 3, 3, path)
        return over_time(shape, arguments["units"], arguments), weights(kind, arguments, features(shape, path))

    return geometry


def _convolutional(axes: int) -> Geometry:
    """An LSTM whose products are convolutions: Shi et al., 2015."""
    convolution = CONVOLUTIONS[f"Conv{axes}D"]

    def geometry(arguments: Arguments, inputs: tuple[Shape, ...], path: str) -> tuple[Shape, int]:
        shape = ranked(inputs[0], axes + 3, axes + 3, path)
        filters = arguments["filters"]
        outer = {**arguments, "filters": 4 * filters}
        (_, *places, _), kernel = convolution.geometry(outer, ((shape[0], *shape[2:]),), path)
        # The state is convolved with the same window and padded, so that it keeps its size.
        inner = {"filters": 4 * filters, "kernel_size": arguments["kernel_size"], "padding": "same", "use_bias": False}
        _, recurrent = convolution.geometry(inner, ((shape[0], *places, filters),), path)
        kept = shape[: 2 if arguments.get("return_sequences") else 1]
        return (*kept, *places, filters), kernel + recurrent

    return geometry


def _of_convolution(axes: int) -> dict[str, Check]:
    taken = ("filters", "kernel_size", "strides", "dilation_rate", "padding", "data_format")
    checks = CONVOLUTIONS[f"Conv{axes}D"].checks
    return {name: checks[name] for name in taken}


KINDS: Mapping[str, Kind] = {
    kind: Kind(
        _recurrent(kind),
        {**_OF_CELLS, **of_gates, **_OF_LOOPS, "activity_regularizer": weighted("kernel")["activity_regularizer"]},
        "units",
        True,
        ("units",),
    )
    for kind, of_gates in _OF_GATES.items()
} | {
    f"ConvLSTM{axes}D": Kind(
        _convolutional(axes),
        {
            **{name: check for name, check in _OF_CELLS.items() if name != "units"},
            **_OF_GATES["LSTM"],
            **_OF_LOOPS,
            **_of_convolution(axes),
            "activity_regularizer": weighted("kernel")["activity_regularizer"],
        },
        "filters",
        True,
        ("filters", "kernel_size"),
    )
    for axes in (1, 2)
}

CELLS: Mapping[str, Kind] = {
    f"{kind}Cell": Kind(_recurrent(kind), {**_OF_CELLS, **of_gates}, "units", True, ("units",))
    for kind, of_gates in _OF_GATES.items()
}
"""What RNN layers are made of; they are no layers of a model by themselves."""

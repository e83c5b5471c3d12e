"""What a client may say of a program of TensorFlow 1."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args

CELLS = ("BasicRNNCell", "LSTMCell", "GRUCell")
OPTIMIZERS = ("adam", "rmsprop", "momentum")
TASKS = ("sum", "recall")

_BOUNDS = {
    "units": (1, 512),
    "time_steps": (2, 1000),
    "batch_size": (1, 500),
    "learning_rate": (0.0, 1e3),
    "recurrent_deviation": (0.0, 1e3),
    "global_clipnorm": (1e-9, 1e9),
    "input_scale": (-1e6, 1e6),
    "input_offset": (-1e6, 1e6),
}
_CHOICES = {"cell": CELLS, "optimizer": OPTIMIZERS, "task": TASKS}


@dataclass(frozen=True, slots=True)
class Arguments:
    """What is trained; as it stands, the plain network that the sources begin with.

    Attributes:
        cell: Of `CELLS`.
        units: Of the cell.
        task: What there is to learn: "sum" of all time steps, or "recall" of the first two.
        time_steps: Of a sequence.
        batch_size: Samples a step; every step makes new ones.
        optimizer: Of `OPTIMIZERS`.
        learning_rate: Of the optimizer.
        recurrent_deviation: Standard deviation of normal weights that the cell begins with; None for Glorot's, which
            are TensorFlow's own.
        global_clipnorm: Bound on the norm of all gradients together; None for none.
        input_scale: What the inputs are multiplied by: raw data has units of measure.
        input_offset: What is added to them then.
        standardise: Whether inputs are brought to mean 0 and standard deviation 1, by what was seen beforehand.
    """

    cell: str = "BasicRNNCell"
    units: int = 64
    task: str = "sum"
    time_steps: int = 10
    batch_size: int = 64
    optimizer: str = "adam"
    learning_rate: float = 0.01
    recurrent_deviation: float | None = None
    global_clipnorm: float | None = None
    input_scale: float = 1.0
    input_offset: float = 0.0
    standardise: bool = False


_TYPES: dict[str, Any] = {field.name: field.type for field in fields(Arguments)}


def read_arguments(given: Mapping[str, Any]) -> Arguments:
    """Checks arguments.

    Args:
        given: Fields of `Arguments`, as plain values.

    Raises:
        ValueError: One is unknown, or makes no sense.
    """
    unknown = sorted(set(given) - set(_TYPES))
    if unknown:
        raise ValueError(f"{unknown[0]}: there is no such argument; there are {', '.join(_TYPES)}")
    return Arguments(**{name: _checked(name, value) for name, value in given.items()})


def _checked(name: str, value: Any) -> Any:
    if value is None and type(None) in get_args(_TYPES[name]):
        return None
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise ValueError(f"{name}: got {value!r}, expected one of {', '.join(_CHOICES[name])}")
        return value
    if name not in _BOUNDS:
        if not isinstance(value, bool):
            raise ValueError(f"{name}: got {value!r}, expected true or false")
        return value
    least, most = _BOUNDS[name]
    whole = _TYPES[name] is int
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and least <= value <= most and (not whole or value == int(value))):
        raise ValueError(
            f"{name}: got {value!r}, expected a {'whole ' if whole else ''}number from {least:g} to {most:g}"
        )
    return int(value) if whole else float(value)

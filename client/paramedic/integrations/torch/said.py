"""What a loop says of its steps: its loss, and whatever it logs beside it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from paramedic.conversion import to_float
from paramedic.integrations.recorded import Given


def kept(value: Any) -> Any:
    """Returns a number that a loop says as it is now: a float, or a tensor on a device, which is not waited for.

    Args:
        value: A number, or a tensor, of several numbers their mean. None says nothing.
    """
    if not isinstance(value, torch.Tensor):
        return value if value is None or type(value) is float else to_float(value)
    if value.ndim:
        value = value.detach().float().mean()
    # On the host it is there at once, and in half the time of a copy.
    return float(value.item()) if value.is_cpu else value.detach().clone()


def values_of(loss: Any, scalars: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a call of `log` says by name, each as `kept` returns it."""
    values = {"loss": kept(loss)}
    for name, value in scalars.items():
        values[name] = kept(value)
    return values


class Said:
    """Numbers by signal and step. Those that are on a device stay there, and are not waited for."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        self._row = 0
        self._numbers: dict[str, _Column] = {}
        self._tensors: dict[str, _Column] = {}

    def say(self, name: str, value: Any) -> None:
        """Takes in a number that belongs to the step under way; what is said several times is averaged.

        Args:
            name: Of the signal.
            value: As `kept` takes it, which copies it, as a loop may go on to write into a tensor.
        """
        self.put(name, kept(value))

    def put(self, name: str, value: Any) -> None:
        """Takes in the same, once it is kept.

        Args:
            name: Of the signal.
            value: As `kept` returns it.
        """
        if value is None:
            return
        columns = self._numbers if type(value) is float else self._tensors
        column = columns.get(name)
        if column is None:
            column = columns[name] = _Column()
        column.rows.append(self._row)
        column.values.append(value)

    def write(self) -> None:
        """Completes a row."""
        self._row += 1

    def take(self) -> list[Any]:
        """Returns the tensors since the last time, a signal each, still on their devices.

        What belongs to the step under way is kept for the next time.
        """
        return [column.joined(self._row) for column in self._tensors.values()]

    def columns(self, arrays: Sequence[Any]) -> Given:
        """Returns the complete rows by signal, once their tensors are on the host.

        Args:
            arrays: What was taken.
        """
        said: Given = {}
        for name, column in self._numbers.items():
            said[name] = _averaged(column.values[: column.before(self._row)], column.rows)
        for (name, column), array in zip(self._tensors.items(), arrays, strict=True):
            rows, values = column.rows[: len(array)], array.tolist()
            if name in said:  # said as a tensor at one time, and as a number at another
                rows, values = [*said[name][1], *rows], [*said[name][0], *values]
            said[name] = _averaged(values, rows)
        for columns in (self._numbers, self._tensors):
            for name in list(columns):
                if not columns[name].keep_from(self._row):
                    del columns[name]
        self._row = 0
        return said


class _Column:
    """The values of one signal, and their rows."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.values: list[Any] = []

    def before(self, row: int) -> int:
        """How many of them belong to rows before one."""
        count = len(self.rows)
        while count and self.rows[count - 1] >= row:
            count -= 1
        return count

    def joined(self, row: int) -> Any:
        """Those before a row, as one tensor."""
        values = self.values[: self.before(row)]
        if not values:
            return torch.zeros(0, device="cpu")
        try:
            return torch.stack(values)
        except RuntimeError:  # of different devices, or types
            return torch.stack([value.double().cpu() for value in values])

    def keep_from(self, row: int) -> bool:
        """Forgets those before a row, which becomes the first; whether any are left."""
        count = self.before(row)
        self.values = self.values[count:]
        self.rows = [0] * len(self.values)
        return bool(self.values)


def _averaged(values: list[float], rows: list[int]) -> tuple[Any, list[int]]:
    rows = rows[: len(values)]
    if len(set(rows)) == len(rows) and rows == sorted(rows):
        return values, rows
    places, inverse, counts = np.unique(rows, return_inverse=True, return_counts=True)
    with np.errstate(all="ignore"):
        return np.bincount(inverse, values) / counts, places.tolist()

"""What a loop says of its steps: its loss, and whatever it logs beside it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from paramedic.conversion import to_float
from paramedic.integrations.recorded import Given


class Said:
    """Numbers by step. Those that are on a device stay there, and are not waited for."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        self._pending: list[tuple[str, Any]] = []
        self._rows: list[list[tuple[str, Any]]] = []

    def say(self, name: str, value: Any) -> None:
        """Takes in a number that belongs to the step under way; what is said several times is averaged.

        Args:
            name: Of the signal.
            value: A number, or a tensor, of several numbers their mean. It is copied, as a loop may go on to write into
                the tensor. None says nothing.
        """
        if isinstance(value, torch.Tensor):
            value = value.detach()
            if value.ndim:
                value = value.float().mean() if value.numel() != 1 else value.reshape(())
            self._pending.append((name, value.clone()))
        elif value is not None:
            self._pending.append((name, to_float(value)))

    def write(self) -> None:
        """Completes a row."""
        self._rows.append(self._pending)
        self._pending = []

    def take(self) -> list[Any]:
        """Returns the tensors among the rows since the last time, still on their devices."""
        return [value for row in self._rows for _, value in row if isinstance(value, torch.Tensor)]

    def columns(self, arrays: Sequence[Any]) -> Given:
        """Returns the rows by signal, once their tensors are on the host."""
        rows, self._rows = self._rows, []
        values = iter(arrays)
        found: dict[str, dict[int, list[float]]] = {}
        for place, row in enumerate(rows):
            for name, value in row:
                number = float(next(values)) if isinstance(value, torch.Tensor) else value
                found.setdefault(name, {}).setdefault(place, []).append(number)
        with np.errstate(all="ignore"):
            return {
                name: ([float(np.mean(numbers)) for numbers in by_row.values()], list(by_row))
                for name, by_row in found.items()
            }

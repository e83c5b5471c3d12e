"""What a loop says of its steps: its loss, and whatever it logs beside it."""

from collections.abc import Sequence
from typing import Any

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
        elif type(value) is float:
            self._pending.append((name, value))
        elif value is not None:
            self._pending.append((name, to_float(value)))

    def write(self) -> None:
        """Completes a row."""
        self._rows.append(self._pending)
        self._pending = []

    def take(self) -> list[Any]:
        """Returns the tensors among the rows since the last time, joined, still on their devices."""
        return [torch.stack(values) for values in self._kinds().values()]

    def columns(self, arrays: Sequence[Any]) -> Given:
        """Returns the rows by signal, once what was taken is on the host."""
        kinds = {kind: iter(array.tolist()) for kind, array in zip(self._kinds(), arrays, strict=True)}
        rows, self._rows = self._rows, []
        sums: dict[str, dict[int, float]] = {}
        counts: dict[tuple[str, int], int] = {}
        for place, row in enumerate(rows):
            for name, value in row:
                number = next(kinds[value.device, value.dtype]) if isinstance(value, torch.Tensor) else value
                by_row = sums.setdefault(name, {})
                if place in by_row:
                    counts[name, place] = counts.get((name, place), 1) + 1
                    number += by_row[place]
                by_row[place] = number
        for (name, place), count in counts.items():
            sums[name][place] /= count
        return {name: (list(by_row.values()), list(by_row)) for name, by_row in sums.items()}

    def _kinds(self) -> dict[Any, list[Any]]:
        """The tensors by what can be joined at once."""
        kinds: dict[Any, list[Any]] = {}
        for row in self._rows:
            for _, value in row:
                if isinstance(value, torch.Tensor):
                    kinds.setdefault((value.device, value.dtype), []).append(value)
        return kinds

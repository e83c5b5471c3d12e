"""Numbers that wait on the device until they are fetched."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch


class Ring:
    """Rows on one device. A write is one copy there, and nothing waits for it."""

    def __init__(self, capacity: int, width: int, device: Any) -> None:
        """Makes an empty ring.

        Args:
            capacity: Rows that can be written between two fetches.
            width: Numbers a row.
            device: Where its rows lie.
        """
        self._rows = torch.zeros((capacity, width), dtype=torch.float32, device=device)
        self._views = self._rows.unbind(0)  # once, as a view takes as long to make as a row to copy
        self.count = 0

    def write(self, row: Any) -> None:
        """Adds a row.

        Args:
            row: Tensor float32 [width].
        """
        self._views[self.count].copy_(row)
        self.count += 1

    def take(self) -> Any:
        """Returns the rows since the last time, [rows, width], still on the device; the next write overwrites them."""
        count, self.count = self.count, 0
        return self._rows[:count]


def fetched(tensors: Sequence[Any]) -> list[Any]:
    """Copies tensors to the host, by one transfer a device; waits for what writes them.

    Args:
        tensors: Of any shapes and numeric types.

    Returns:
        Arrays of the same shapes, of a floating type.
    """
    arrays: list[Any] = [None] * len(tensors)
    by_device: dict[Any, list[int]] = {}
    for place, tensor in enumerate(tensors):
        by_device.setdefault(tensor.device, []).append(place)
    for places in by_device.values():
        joined = torch.cat([tensors[place].reshape(-1) for place in places])
        if not joined.is_floating_point():
            joined = joined.double()
        elif joined.dtype in (torch.float16, torch.bfloat16):  # numpy does not know the latter
            joined = joined.float()
        values = joined.cpu().numpy()
        ends = np.cumsum([tensors[place].numel() for place in places])
        for place, part in zip(places, np.split(values, ends[:-1]), strict=True):
            arrays[place] = part.reshape(tuple(tensors[place].shape))
    return arrays

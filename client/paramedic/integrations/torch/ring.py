"""Numbers that wait on the device until they are fetched."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch


class Ring:
    """Rows on one device, written where they lie; nothing waits for it.

    Attributes:
        rows: Tensor float32 [capacity, width].
        count: Rows that are complete. The one that is being written stands behind them.
    """

    def __init__(self, capacity: int, width: int, device: Any) -> None:
        """Makes an empty ring.

        Args:
            capacity: Rows that can be written between two fetches.
            width: Numbers a row.
            device: Where its rows lie.
        """
        self.rows = torch.zeros((capacity + 1, width), dtype=torch.float32, device=device)
        self.count = 0

    def views(self, columns: slice) -> tuple[Any, ...]:
        """Returns each row's part of some columns: made once, as a view takes longer than what is written into it."""
        parts: tuple[Any, ...] = self.rows[:, columns].unbind(0)
        return parts

    def take(self) -> Any:
        """Returns the complete rows since the last time, [rows, width], still on the device.

        The row that is being written becomes the first of the next.
        """
        rows = self.rows[: self.count].clone()
        if self.count:
            self.rows[0].copy_(self.rows[self.count])
        self.count = 0
        return rows


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

"""Numbers on their way from a device to the host."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch


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

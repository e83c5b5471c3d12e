"""A PyTorch loop that measures by hand what a watch measures beside it."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from support.spooled import Told

torch.set_num_threads(1)


def network() -> nn.Module:
    """Two layers, the same every time."""
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 3))


def data(count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Batches of eight samples."""
    generator = torch.Generator().manual_seed(5)
    return [
        (torch.randn(8, 6, generator=generator), torch.randint(0, 3, (8,), generator=generator)) for _ in range(count)
    ]


def norm(tensor: Any) -> float:
    """The L2 norm as numpy computes it, in double precision; of what is absent, zero."""
    if tensor is None:
        return 0.0
    dense = tensor.to_dense() if tensor.layout is not torch.strided else tensor
    return float(np.linalg.norm(dense.detach().double().numpy()))


class Measured:
    """Norms by signal, a row a step, of the parameters as they are given."""

    def __init__(self, parameters: Sequence[Any]) -> None:
        self.rows: dict[str, list[Any]] = defaultdict(list)
        self._parameters = list(parameters)

    def gradients(self, scale: float = 1.0) -> None:
        """Measures gradients, in place of those measured since the last update."""
        self._gradients = [norm(parameter.grad) / scale for parameter in self._parameters]

    def update(self, step: Callable[[], Any]) -> Any:
        """Takes a step, and measures it."""
        before = [parameter.detach().clone() for parameter in self._parameters]
        result = step()
        self.rows["gradient_norm"].append(self._gradients)
        self.rows["weight_norm"].append([norm(weight) for weight in before])
        changes = [after.detach() - weight for after, weight in zip(self._parameters, before, strict=True)]
        self.rows["update_norm"].append([norm(change) for change in changes])
        return result

    def agree(self, told: Told, rtol: float = 1e-5) -> None:
        """Compares with what a watch told of the same steps, all of them early enough to have all signals."""
        for signal, rows in self.rows.items():
            np.testing.assert_allclose(told.norms(signal), np.array(rows), rtol=rtol, atol=1e-7, err_msg=signal)

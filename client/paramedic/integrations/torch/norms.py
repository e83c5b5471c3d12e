"""Norms of gradients, weights and updates, measured on the device."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from paramedic.integrations.recorded import Given
from paramedic.integrations.torch.ring import Ring

_HALVES = (torch.float16, torch.bfloat16)


@dataclass(frozen=True, slots=True)
class Place:
    """What parameters that can be measured by one call have in common.

    Attributes:
        optimizer: Position of the optimizer that updates them.
        device: Where they lie.
        dtype: Of their numbers.
    """

    optimizer: int
    device: Any
    dtype: Any


def placed(optimizers: Sequence[Any]) -> dict[Place, list[Any]]:
    """Returns the parameters that optimizers train, each once."""
    found: dict[Place, list[Any]] = {}
    seen: set[int] = set()
    for position, optimizer in enumerate(optimizers):
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.requires_grad and id(parameter) not in seen:
                    seen.add(id(parameter))
                    found.setdefault(Place(position, parameter.device, parameter.dtype), []).append(parameter)
    return found


class Norms:
    """The norms of all parameters that some optimizers train, step by step.

    Their columns follow the places of the parameters, so that each place is written at once; the host puts them into
    the order of the tensor table.

    Attributes:
        parameters: In the order of the columns.
    """

    def __init__(self, places: dict[Place, list[Any]], capacity: int) -> None:
        """Prepares to measure.

        Args:
            places: As `placed` returns them.
            capacity: Steps between two fetches.
        """
        self.parameters = [parameter for parameters in places.values() for parameter in parameters]
        self._places = {place: list(map(id, parameters)) for place, parameters in places.items()}
        # An accelerator need not wait for numbers to come to it.
        self.device = min((place.device for place in places), key=_is_host, default=torch.device("cpu"))
        count = len(self.parameters)
        self._order = np.arange(count)
        self._gradients = Ring(capacity, count, self.device)
        self._weights, self._updates = (Ring(capacity, count, self.device) for _ in range(2))
        self._sampled_rows: list[int] = []
        self._sampling = False
        # What an optimizer did not update keeps its norms, whatever other backward passes leave in its gradients: of
        # several optimizers, gradients wait beside the row until theirs updates.
        self._latest = torch.zeros(count, device=self.device) if len({p.optimizer for p in places}) > 1 else None
        self._groups: dict[int, list[_Group]] = {}
        first = 0
        for place, parameters in places.items():
            columns = slice(first, first + len(parameters))
            rings = [ring.views(columns) for ring in (self._gradients, self._weights, self._updates)]
            if self._latest is not None:
                rings[0] = (self._latest[columns],) * len(rings[0])
            group = _Group(place, parameters, columns, self.device, *rings)
            self._groups.setdefault(place.optimizer, []).append(group)
            first += len(parameters)
        self._all_groups = [group for groups in self._groups.values() for group in groups]

    def serves(self, places: dict[Place, list[Any]]) -> bool:
        """Whether it was made for these parameters, where they are."""
        return self._places == {place: list(map(id, parameters)) for place, parameters in places.items()}

    def arrange(self, parameters: Sequence[Any]) -> None:
        """Takes in the order of the tensor table."""
        columns = {id(parameter): column for column, parameter in enumerate(self.parameters)}
        self._order = np.array([columns[id(parameter)] for parameter in parameters], np.int64)

    @property
    def ordered(self) -> list[Any]:
        """The parameters in the order of the tensor table."""
        return [self.parameters[column] for column in self._order]

    def measure_gradients(self, scale: Any) -> None:
        """Measures the gradients as they are.

        Args:
            scale: What they were multiplied by, a tensor; None: nothing.
        """
        row = self._gradients.count
        for group in self._all_groups:
            group.measure_gradients(row)
        if scale is not None:
            norms = self._gradients.rows[row] if self._latest is None else self._latest
            norms.div_(scale.to(norms.device))

    def remember(self, optimizer: int) -> None:
        """Keeps weights as they are before their optimizer updates them."""
        if not self._sampling:
            self._sampling = True
            if self._latest is not None:
                self._measure_all_weights()
        with torch.no_grad():
            for group in self._groups.get(optimizer, ()):
                group.remember()

    def updated(self, optimizer: int) -> None:
        """Takes in that an optimizer updated its parameters by the gradients that were measured last."""
        if self._latest is not None:
            row = self._gradients.rows[self._gradients.count]
            for group in self._groups.get(optimizer, ()):
                row[group.columns].copy_(self._latest[group.columns])
        if self._sampling:
            with torch.no_grad():
                for group in self._groups.get(optimizer, ()):
                    group.measure_update(self._weights.count)

    def write(self) -> None:
        """Completes a row."""
        row = self._gradients.count
        self._gradients.count = row + 1
        if self._latest is not None:
            self._gradients.rows[row + 1].copy_(self._gradients.rows[row])
        if self._sampling:
            self._sampling = False
            self._sampled_rows.append(row)
            self._weights.count = self._updates.count = self._weights.count + 1
            if self._latest is not None:
                self._updates.rows[self._updates.count].copy_(self._updates.rows[self._updates.count - 1])

    def take(self) -> tuple[Any, Any, Any]:
        """Returns the rows since the last time, still on the device: gradients, weights, updates."""
        return self._gradients.take(), self._weights.take(), self._updates.take()

    def blocks(self, gradients: Any, weights: Any, updates: Any) -> Given:
        """Returns what was taken in the order of the tensor table, once it is on the host."""
        rows, self._sampled_rows = self._sampled_rows, []
        if not self.parameters:
            return {}
        blocks: Given = {"gradient_norm": (gradients[:, self._order].astype(np.float32), None)}
        if rows:
            blocks["weight_norm"] = (weights[:, self._order].astype(np.float32), rows)
            blocks["update_norm"] = (updates[:, self._order].astype(np.float32), rows)
        return blocks

    def _measure_all_weights(self) -> None:
        with torch.no_grad():
            for group in self._all_groups:
                group.measure_weights(self._weights.count)


class _Group:
    """Parameters of one place, and the columns of a row that are theirs."""

    def __init__(
        self,
        place: Place,
        parameters: Sequence[Any],
        columns: slice,
        device: Any,
        gradients: Sequence[Any],
        weights: Sequence[Any],
        updates: Sequence[Any],
    ) -> None:
        """Prepares to measure.

        Args:
            place: What the parameters have in common.
            parameters: They.
            columns: Theirs.
            device: Where the rows lie.
            gradients: Where to write their norms, by row.
            weights: Likewise.
            updates: Likewise.
        """
        self.columns = columns
        self._parameters = list(parameters)
        self._gradients, self._weights, self._updates = gradients, weights, updates
        self._elsewhere = device != place.device
        # Half a float would end at 65,504, and half its digits are not enough for a norm.
        self._dtype = torch.float32 if place.dtype in _HALVES else None
        self._zero = torch.zeros(1, dtype=place.dtype, device=place.device)
        self._curious = self._elsewhere or place.dtype.is_complex
        self._before: list[Any] = []

    def measure_gradients(self, row: int) -> None:
        """Measures the gradients; a parameter without one has none, which is to say zero."""
        zero = self._zero
        gradients = [zero if (gradient := parameter.grad) is None else gradient for parameter in self._parameters]
        if not self._curious:
            try:
                torch.stack(torch._foreach_norm(gradients, 2, self._dtype), out=self._gradients[row])
                return
            except (RuntimeError, NotImplementedError):
                # Sparse ones, or some that have a graph of their own.
                if all(gradient.layout is torch.strided and not gradient.requires_grad for gradient in gradients):
                    raise
                self._curious = True
        with torch.no_grad():
            self._measure(gradients, self._gradients[row])

    def measure_weights(self, row: int) -> None:
        """Measures the weights as they are."""
        self._measure(self._parameters, self._weights[row])

    def remember(self) -> None:
        """Keeps the weights."""
        # By one call; and where activations were kept for the backward pass, there is room for a copy now.
        self._before = torch._foreach_mul(self._parameters, 1)

    def measure_update(self, row: int) -> None:
        """Measures the weights that were kept, and what was added to them since."""
        before, self._before = self._before, []
        if before:
            self._measure(before, self._weights[row])
            torch._foreach_sub_(before, self._parameters)
            self._measure(before, self._updates[row])

    def _measure(self, tensors: list[Any], row: Any) -> None:
        if self._curious:
            tensors = [_values(tensor) for tensor in tensors]
        norms = torch.stack(torch._foreach_norm(tensors, 2, self._dtype))
        row.copy_(norms, non_blocking=self._elsewhere)


def _is_host(device: Any) -> bool:
    return bool(device.type == "cpu")


def _values(tensor: Any) -> Any:
    """What a tensor's norm is made of, dense and real."""
    if tensor.layout is not torch.strided:
        # A row that stands in it several times is summed before it is squared.
        tensor = tensor.coalesce().values() if tensor.layout is torch.sparse_coo else tensor.to_dense()
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor

"""Norms of gradients, weights and updates, measured on the device."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from paramedic.integrations.recorded import Given
from paramedic.integrations.torch.ring import Ring

SAMPLED = 8
"""Every so many steps weights and updates are measured: this takes three times as long as the gradients do, and what it
measures changes slowly."""

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
        places: The parameters by place.
        parameters: The same in the order of the columns.
    """

    def __init__(self, places: dict[Place, list[Any]], capacity: int) -> None:
        """Prepares to measure.

        Args:
            places: As `placed` returns them.
            capacity: Steps between two fetches.
        """
        self.places = places
        self.parameters = [parameter for parameters in places.values() for parameter in parameters]
        # An accelerator need not wait for numbers to come to it.
        home = min((place.device for place in places), key=lambda device: device.type == "cpu", default="cpu")
        count = len(self.parameters)
        self._gradients = Ring(capacity, count, home)
        self._sampled = Ring(capacity // SAMPLED + 2, 2 * count, home)
        self._sampled_rows: list[int] = []
        self._latest = torch.zeros(count, device=home)
        self._sample = torch.zeros((2, count), device=home)
        self._groups: dict[int, list[_Group]] = {}
        first = 0
        for place, parameters in places.items():
            group = _Group(place, parameters, slice(first, first + len(parameters)), self._latest, self._sample)
            self._groups.setdefault(place.optimizer, []).append(group)
            first += len(parameters)
        # What an optimizer did not update keeps its norms, whatever other backward passes leave in its gradients.
        self._row = self._latest if len(self._groups) == 1 else torch.zeros_like(self._latest)
        self._order = np.arange(count)
        self._sampling = False

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
        for groups in self._groups.values():
            for group in groups:
                group.measure_gradients()
        if scale is not None:
            self._latest.div_(scale.to(self._latest.device))

    def remember(self, optimizer: int) -> None:
        """Keeps weights as they are before their optimizer updates them."""
        if not self._sampling:
            self._sampling = True
            if not self._sampled_rows and len(self._groups) > 1:
                self._measure_all_weights()
        for group in self._groups.get(optimizer, ()):
            group.remember()

    def updated(self, optimizer: int) -> None:
        """Takes in that an optimizer updated its parameters by the gradients that were measured last."""
        for group in self._groups.get(optimizer, ()):
            if self._row is not self._latest:
                self._row[group.columns].copy_(self._latest[group.columns])
            group.measure_update()

    def write(self) -> None:
        """Completes a row."""
        if self._sampling:
            self._sampling = False
            self._sampled_rows.append(self._gradients.count)
            self._sampled.write(self._sample.view(-1))
        self._gradients.write(self._row)

    def take(self) -> tuple[Any, Any]:
        """Returns the rows since the last time, still on the device: gradients, and weights beside updates."""
        return self._gradients.take(), self._sampled.take()

    def blocks(self, gradients: Any, sampled: Any) -> Given:
        """Returns what was taken in the order of the tensor table, once it is on the host."""
        rows, self._sampled_rows = self._sampled_rows, []
        if not self.parameters:
            return {}
        blocks: Given = {"gradient_norm": (gradients[:, self._order].astype(np.float32), None)}
        if rows:
            weights, updates = np.split(sampled.astype(np.float32), 2, axis=1)
            blocks["weight_norm"] = (weights[:, self._order], rows)
            blocks["update_norm"] = (updates[:, self._order], rows)
        return blocks

    def _measure_all_weights(self) -> None:
        for groups in self._groups.values():
            for group in groups:
                group.measure_weights()


class _Group:
    """Parameters of one place, and the columns of a row that are theirs."""

    def __init__(self, place: Place, parameters: Sequence[Any], columns: slice, gradients: Any, sample: Any) -> None:
        self.columns = columns
        self._parameters = list(parameters)
        self._gradients = gradients[columns]
        self._weights, self._updates = sample[0, columns], sample[1, columns]
        self._home = gradients.device == place.device
        # Half a float would end at 65,504, and half its digits are not enough for a norm.
        self._dtype = torch.float32 if place.dtype in _HALVES else None
        self._zero = torch.zeros(1, dtype=place.dtype, device=place.device)
        self._plain = not place.dtype.is_complex
        self._before: list[Any] = []

    def measure_gradients(self) -> None:
        """Measures the gradients; a parameter without one has none, which is to say zero."""
        zero = self._zero
        gradients = [zero if (gradient := parameter.grad) is None else gradient for parameter in self._parameters]
        if self._plain:
            try:
                self._measure(gradients, self._gradients)
                return
            except (RuntimeError, NotImplementedError):
                if all(gradient.layout is torch.strided for gradient in gradients):
                    raise
                self._plain = False
        self._measure([_values(gradient) for gradient in gradients], self._gradients)

    def measure_weights(self) -> None:
        """Measures the weights as they are."""
        self._measure(_all_values(self._parameters), self._weights)

    def remember(self) -> None:
        """Keeps the weights."""
        # By one call; and where activations were kept for the backward pass, there is room for a copy now.
        self._before = torch._foreach_mul(self._parameters, 1)

    def measure_update(self) -> None:
        """Measures the weights that were kept, and what was added to them since."""
        before, self._before = self._before, []
        if before:
            self._measure(_all_values(before), self._weights)
            torch._foreach_sub_(before, self._parameters)
            self._measure(_all_values(before), self._updates)

    def _measure(self, tensors: Iterable[Any], row: Any) -> None:
        norms = torch._foreach_norm(tensors, 2, self._dtype)
        if self._home:
            torch.stack(norms, out=row)
        else:
            row.copy_(torch.stack(norms), non_blocking=True)


def _all_values(tensors: list[Any]) -> list[Any]:
    return [_values(tensor) for tensor in tensors] if tensors[0].is_complex() else tensors


def _values(tensor: Any) -> Any:
    """What a tensor's norm is made of, dense and real."""
    if tensor.layout is not torch.strided:
        # A row that stands in it several times is summed before it is squared.
        tensor = tensor.coalesce().values() if tensor.layout is torch.sparse_coo else tensor.to_dense()
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor

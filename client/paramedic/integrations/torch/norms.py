"""Norms of gradients, weights and updates, measured on the device."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from paramedic.integrations.recorded import Given

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
    """The norms of all parameters that some optimizers train, step by step; on an accelerator they stay there.

    What an optimizer did not update keeps its norms, whatever other backward passes leave in its gradients.

    Attributes:
        device: Where the first of the parameters lie.
    """

    def __init__(self, places: dict[Place, list[Any]]) -> None:
        """Prepares to measure.

        Args:
            places: As `placed` returns them.
        """
        self._groups = [_Group(place, parameters) for place, parameters in places.items()]
        self._of = {
            place.optimizer: [g for g in self._groups if g.place.optimizer == place.optimizer] for place in places
        }
        self.device = self._groups[0].place.device if self._groups else torch.device("cpu")
        self._order = np.arange(len(self.parameters))
        self._rows = 0
        self._measured_rows: list[int] = []
        self._sampled_rows: list[int] = []
        self._sampling = False
        self._has_room = True

    @property
    def parameters(self) -> list[Any]:
        """All of them, by place."""
        return [parameter for group in self._groups for parameter in group.parameters]

    @property
    def ordered(self) -> list[Any]:
        """The same in the order of the tensor table."""
        parameters = self.parameters
        return [parameters[column] for column in self._order]

    def serves(self, places: dict[Place, list[Any]]) -> bool:
        """Whether it was made for these parameters, where they are."""
        return [(group.place, list(map(id, group.parameters))) for group in self._groups] == [
            (place, list(map(id, parameters))) for place, parameters in places.items()
        ]

    def arrange(self, parameters: Sequence[Any]) -> None:
        """Takes in the order of the tensor table."""
        columns = {id(parameter): column for column, parameter in enumerate(self.parameters)}
        self._order = np.array([columns[id(parameter)] for parameter in parameters], np.int64)

    def measure_gradients(self, scale: Any) -> None:
        """Measures the gradients as they are.

        Args:
            scale: What they were multiplied by, a tensor; None: nothing.
        """
        enabled = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)  # gradients may have a graph; torch.no_grad() would take half as long as they
        try:
            for group in self._groups:
                group.measure_gradients(scale)
        finally:
            torch._C._set_grad_enabled(enabled)

    def remember(self, optimizer: int) -> None:
        """Keeps weights as they are before their optimizer updates them."""
        if not self._has_room:
            return
        self._sampling = True
        try:
            with torch.no_grad():
                for group in self._of.get(optimizer, ()):
                    group.remember()
        except torch.cuda.OutOfMemoryError:
            # The training needs all there is, and does without norms of weights and updates.
            self._sampling = self._has_room = False
            for group in self._groups:
                group.forget()

    def updated(self, optimizer: int) -> None:
        """Takes in that an optimizer updated its parameters by the gradients that were measured last."""
        for group in self._of.get(optimizer, ()):
            group.gradient = group.latest
        if self._sampling:
            with torch.no_grad():
                for group in self._of.get(optimizer, ()):
                    group.measure_update()

    def write(self, measured: bool = True) -> None:
        """Completes a row.

        Args:
            measured: Whether there is anything to say of it.
        """
        if measured:
            self._measured_rows.append(self._rows)
            for group in self._groups:
                group.gradients.append(group.gradient)
        if self._sampling:
            self._sampling = False
            self._sampled_rows.append(self._rows)
            for group in self._groups:
                group.weights.append(group.weight)
                group.updates.append(group.update)
        self._rows += 1

    def take(self) -> list[Any]:
        """Returns the rows since the last time, still on the device."""
        return [joined for group in self._groups for joined in group.take()]

    def blocks(self, arrays: Sequence[Any]) -> tuple[int, Given]:
        """Returns how many rows were taken, and these in the order of the tensor table, once they are on the host."""
        count, self._rows = self._rows, 0
        measured, self._measured_rows = self._measured_rows, []
        sampled, self._sampled_rows = self._sampled_rows, []
        if not self._groups or not measured:
            return count, {}
        gradients, weights, updates = (
            np.concatenate(arrays[part::3], axis=1, dtype=np.float32, casting="unsafe")[:, self._order]
            for part in range(3)
        )
        blocks: Given = {"gradient_norm": (gradients, None if len(measured) == count else measured)}
        if sampled:
            blocks |= {"weight_norm": (weights, sampled), "update_norm": (updates, sampled)}
        return count, blocks


class _Group:
    """Parameters of one place.

    Attributes:
        place: What they have in common.
        parameters: They.
        latest: Norms of their gradients as these were measured last, [parameters]: a list of numbers where they lie on
            the host, which are there at once; else a tensor.
        gradient: Those that the last update was made of.
        weight: Norms of the weights before the last update that was sampled.
        update: Norms of what it added.
        gradients: By row.
        weights: By row that was sampled.
        updates: Likewise.
    """

    def __init__(self, place: Place, parameters: Sequence[Any]) -> None:
        """Prepares to measure; what was not updated yet has norms of zero."""
        self.place = place
        self.parameters = list(parameters)
        # Half a float would end at 65,504, and half its digits are not enough for a norm.
        self._dtype = torch.float32 if place.dtype in _HALVES else None
        self._zero = torch.zeros(1, dtype=place.dtype, device=place.device)
        self._curious = place.dtype.is_complex
        self._on_host = place.device.type == "cpu"
        self._before: list[Any] = []
        self.latest = self.gradient = self.update = self._measure([self._zero] * len(self.parameters))
        with torch.no_grad():
            self.weight = self._measure(self.parameters)
        self.gradients: list[Any] = []
        self.weights: list[Any] = []
        self.updates: list[Any] = []

    def measure_gradients(self, scale: Any) -> None:
        """Measures the gradients; a parameter without one has none, which is to say zero."""
        zero = self._zero
        gradients = [zero if (gradient := parameter.grad) is None else gradient for parameter in self.parameters]
        try:
            self.latest = self._measure(gradients)
        except (RuntimeError, NotImplementedError):
            if self._curious or all(gradient.layout is torch.strided for gradient in gradients):
                raise
            self._curious = True
            self.latest = self._measure(gradients)
        if scale is not None:
            self.latest = self._divided(scale)

    def remember(self) -> None:
        """Keeps the weights."""
        # By one call; and where activations were kept for the backward pass, there is room for a copy now.
        self._before = torch._foreach_mul(self.parameters, 1)

    def forget(self) -> None:
        """Keeps no weights."""
        self._before = []

    def measure_update(self) -> None:
        """Measures the weights that were kept, and what was added to them since."""
        before, self._before = self._before, []
        if before:
            self.weight = self._measure(before)
            torch._foreach_sub_(before, self.parameters)
            self.update = self._measure(before)

    def take(self) -> Sequence[Any]:
        """Returns the rows of gradients, weights and updates since the last time, [rows, parameters] each."""
        taken = [self._join(rows) for rows in (self.gradients, self.weights, self.updates)]
        self.gradients, self.weights, self.updates = [], [], []
        return taken

    def _join(self, rows: list[Any]) -> Any:
        on_host = self._on_host or not rows
        joined = torch.tensor(rows, dtype=torch.float64, device="cpu") if on_host else torch.stack(rows)
        return joined.reshape(len(rows), len(self.parameters))

    def _divided(self, scale: Any) -> Any:
        if self._on_host:
            divisor = scale.item()
            return [norm / divisor for norm in self.latest]
        return self.latest / scale.to(self.place.device)

    def _measure(self, tensors: list[Any]) -> Any:
        if self._curious:
            tensors = [_values(tensor) for tensor in tensors]
        norms = torch._foreach_norm(tensors, 2, self._dtype)
        # To join a few takes longer, on the host, than to measure them.
        return [norm.item() for norm in norms] if self._on_host else torch.stack(norms)


def _values(tensor: Any) -> Any:
    """What a tensor's norm is made of, dense and real."""
    if tensor.layout is not torch.strided:
        # A row that stands in it several times is summed before it is squared.
        tensor = tensor.coalesce().values() if tensor.layout is torch.sparse_coo else tensor.to_dense()
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor

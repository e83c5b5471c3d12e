"""Hooks on parameters that tell when a backward pass brings them gradients."""

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from paramedic.integrations.torch.norms import Place


class Arrivals:
    """Tells of every backward pass that brings gradients, once, at the first of them.

    Each of the hooks costs a backward pass as much as a small layer, so that they are taken off where nobody listens.
    """

    def __init__(self, places: Mapping[Place, Sequence[Any]], tell: Callable[[], None]) -> None:
        """Prepares to tell.

        Args:
            places: The parameters, as `placed` returns them.
            tell: A method, told in the midst of a backward pass. Its object is not kept alive.
        """
        # The interpreter cannot see what such a hook holds, and never frees a model that is held by one of its own.
        self._came = _first_of_each_pass(weakref.WeakMethod(tell))
        self._parameters = [parameter for parameters in places.values() for parameter in parameters]
        self._handles: list[Any] = []

    def listen(self) -> None:
        """Puts the hooks on, where they are not."""
        if not self._handles:
            self._handles = [each.register_post_accumulate_grad_hook(self._came) for each in self._parameters]

    def ignore(self) -> None:
        """Takes the hooks off."""
        for handle, parameter in zip(self._handles, self._parameters, strict=False):
            handle.remove()
            if not parameter._post_accumulate_grad_hooks:
                parameter._post_accumulate_grad_hooks = None  # a pass would go on to ask for them, empty as they are
        self._handles = []


def _first_of_each_pass(listener: Callable[[], Callable[[], None] | None]) -> Callable[[Any], None]:
    known: int | None = None

    def came(_parameter: Any) -> None:
        # Called for every parameter in every backward pass.
        nonlocal known
        backward = torch._C._current_graph_task_id()
        if backward != known:
            known = backward
            tell = listener()
            if tell is not None:
                tell()

    return came

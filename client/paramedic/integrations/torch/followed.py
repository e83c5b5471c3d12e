"""A forward pass as it is followed: which call made what, by marks in the autograd graph."""

import itertools
from typing import Any

from torch.utils.weak import WeakIdKeyDictionary

from paramedic.describe.torch import Call, Forward, operation
from paramedic.describe.torch.forward import INPUT

MAX_CALLS = 20_000

_numbers = itertools.count(1)


class Followed:
    """One forward pass.

    Attributes:
        forward: Its calls so far.
    """

    def __init__(self, inputs: set[int]) -> None:
        """Begins to follow a forward pass.

        Args:
            inputs: Identities of the tensors that the model is given.
        """
        self.forward = Forward()
        self._inputs = inputs
        self._mark_of_this = f"paramedic {next(_numbers)}"
        self._made_by: Any = WeakIdKeyDictionary()

    def add(self, call: Call) -> int:
        """Adds a call, and returns its place."""
        calls = self.forward.calls
        if len(calls) >= MAX_CALLS:
            raise OverflowError("there are too many calls")
        calls.append(call)
        return len(calls) - 1

    def made(self, tensor: Any, place: int) -> None:
        """Takes in that the call at a place made a tensor."""
        self._made_by[tensor] = place
        if tensor.grad_fn is not None:
            self._mark(tensor.grad_fn, place)

    def left(self) -> None:
        """The forward pass is over; what it made is known by its marks."""
        self._made_by.clear()
        self._inputs.clear()

    def sources(self, tensor: Any) -> list[int]:
        """Returns the places of what a tensor comes from: one, or none where that is not known."""
        if tensor.grad_fn is not None:
            place = self.resolve(tensor.grad_fn)
            if place is not None:
                return [place]
        if tensor in self._made_by:
            return [self._made_by[tensor]]
        return [INPUT] if id(tensor) in self._inputs else []

    def resolve(self, root: Any) -> int | None:
        """Returns the place of the call that a node comes from; operations on the way become calls."""
        if is_parameter(root):
            return None
        pending = [root]
        while pending:
            node = pending[-1]
            if self._is_marked(node):
                pending.pop()
                continue
            below = [each for each, _ in node.next_functions if each is not None and not is_parameter(each)]
            waiting = [each for each in below if not self._is_marked(each)]
            if waiting:
                pending += waiting
                if len(pending) > MAX_CALLS:
                    raise OverflowError("the graph is too large")
                continue
            sources = list(dict.fromkeys(place for each in below if (place := self.place(each)) is not None))
            self._mark(node, self.add(Call(operation(node), sources=sources)) if sources else None)
            pending.pop()
        return self.place(root)

    def place(self, node: Any) -> int | None:
        """The place of the call that a node belongs to; None where that is none of this pass."""
        place = node.metadata.get(self._mark_of_this)
        return None if place is None else int(place)

    def has_made(self, node: Any) -> bool:
        """Whether a node belongs to one of the calls."""
        return self.place(node) is not None

    def module_call(self, place: int | None) -> Call | None:
        """The call of a module at or before a place."""
        calls = self.forward.calls
        while place is not None and place >= 0:
            if calls[place].module is not None:
                return calls[place]
            place = next(iter(calls[place].sources), None)
        return None

    def _mark(self, node: Any, place: int | None) -> None:
        node.metadata[self._mark_of_this] = place

    def _is_marked(self, node: Any) -> bool:
        return self._mark_of_this in node.metadata


def is_parameter(node: Any) -> bool:
    """Whether a node stands for a parameter."""
    return hasattr(node, "variable")

"""Keeps what goes wrong in a monitor from the training that it watches."""

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar


class Guarded(Protocol):
    """What switches itself off at its first problem.

    Attributes:
        off: Whether it has.
    """

    off: bool

    def switch_off(self, problem: Exception) -> None:
        """Does nothing from here on, and says why once."""
        ...


_Self = TypeVar("_Self", bound=Guarded)
_Arguments = ParamSpec("_Arguments")


def guarded(method: Callable[Concatenate[_Self, _Arguments], Any]) -> Callable[Concatenate[_Self, _Arguments], None]:
    """Keeps what goes wrong in a method from its caller, and its object from going on."""

    @functools.wraps(method)
    def calm(self: _Self, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> None:
        if self.off:
            return
        try:
            method(self, *args, **kwargs)
        except Exception as problem:
            self.switch_off(problem)

    return calm

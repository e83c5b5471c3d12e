"""Hooks that stay with the module that they were put on."""

from collections.abc import Callable
from typing import Any


class Hook:
    """A hook that does nothing on copies of its module, and lets it be pickled."""

    def __init__(self, call: Callable[..., None]) -> None:
        """Makes a hook.

        Args:
            call: What it does; it returns nothing, which leaves inputs and outputs as they are.
        """
        self._call = call

    def __call__(self, *args: Any) -> None:
        """Is called with whatever torch gives a hook of its kind."""
        self._call(*args)

    def __deepcopy__(self, memo: Any) -> "Hook":
        return Hook(_nothing)

    def __reduce__(self) -> Any:
        return Hook, (_nothing,)


def _nothing(*_: Any) -> None:
    pass

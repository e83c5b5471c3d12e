"""Tells of a tensor whose backward pass is about to begin, as long as somebody wants to hear of it.

Torch has no hook there. Its method is replaced for that time, once for all who listen.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch

_listeners: list[Callable[[Any], None]] = []
_original: Any = None
_stand_in: Any = None


def tell(listener: Callable[[Any], None]) -> None:
    """Tells a listener of every tensor from now on; it must not raise."""
    global _original, _stand_in
    if not _listeners:
        original = _original = torch.Tensor.backward

        @functools.wraps(original)
        def backward(tensor: Any, *args: Any, **kwargs: Any) -> Any:
            for each in tuple(_listeners):
                each(tensor)
            return original(tensor, *args, **kwargs)

        _stand_in = torch.Tensor.backward = backward
    _listeners.append(listener)


def tell_no_more(listener: Callable[[Any], None]) -> None:
    """Forgets a listener. After the last one, torch's method is what it was, unless others replaced it since."""
    if listener not in _listeners:
        return
    _listeners.remove(listener)
    if not _listeners and torch.Tensor.backward is _stand_in:
        torch.Tensor.backward = _original

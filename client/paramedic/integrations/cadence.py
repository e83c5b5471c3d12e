"""How often a loop is measured: at every step, unless its steps are too short for that."""

import functools
import math
import statistics
import time
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

SHARE = 0.005
"""Of the training's time that measuring may take, as far as it can be timed: about half of what it costs in all."""

FIRST = 64
"""Steps of a training that are all measured."""

LONGEST = 64
"""Steps between two that are measured, at most."""

_LOOK = 16  # steps that are measured between two looks at what that took


class Cadence:
    """Which steps are measured: each, or every second, fourth and so on, so that it takes a small share of the time.

    Those are the multiples of a power of two, so that steps of one run and another can be compared.

    Attributes:
        spent: Seconds that measuring took since the last step that was measured.
    """

    def __init__(self) -> None:
        """All are, at first."""
        self.spent = 0.0
        self._interval = 1
        self._begun: int | None = None
        self._last = 0, 0.0
        self._shares: list[float] = []

    def rest(self, step: int) -> int:
        """Takes in that a step was measured, and returns how many of those that follow are not to be.

        Args:
            step: Its number.
        """
        now, (last, then) = time.perf_counter(), self._last
        self._last = step, now
        if self._begun is None:
            self._begun = step
        else:
            self._shares.append(self.spent * (step - last) / max(now - then, 1e-9))
        self.spent = 0.0
        if step - self._begun >= FIRST and len(self._shares) >= _LOOK:
            # The median: a pause, such as that of a validation, is no part of a step.
            share = max(statistics.median(self._shares), 1e-9)
            self._interval = min(LONGEST, 2 ** max(0, math.ceil(math.log2(share / SHARE))))
            self._shares.clear()
        return self._interval - 1 - step % self._interval


class Timed(Protocol):
    """What measures, and rests.

    Attributes:
        cadence: When.
    """

    cadence: Cadence


_Self = TypeVar("_Self", bound=Timed)
_Arguments = ParamSpec("_Arguments")


def timed(method: Callable[Concatenate[_Self, _Arguments], Any]) -> Callable[Concatenate[_Self, _Arguments], None]:
    """Counts a method's time as spent on measuring."""

    @functools.wraps(method)
    def counted(self: _Self, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> None:
        began = time.perf_counter()
        method(self, *args, **kwargs)
        self.cadence.spent += time.perf_counter() - began

    return counted

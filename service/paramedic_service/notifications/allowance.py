"""How often something may be done."""

from collections.abc import Callable


class Allowance:
    """So many a minute, unused ones kept for up to a minute (a token bucket).

    Args:
        rate: A minute.
        clock: Seconds.
    """

    def __init__(self, rate: int, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._left = float(rate)
        self._at = clock()

    def take(self) -> bool:
        """Takes one; False when there is none."""
        now = self._clock()
        self._left = min(self._rate, self._left + max(0.0, now - self._at) * self._rate / 60)
        self._at = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    @property
    def pause(self) -> float:
        """Seconds until there is one."""
        return max(0.0, (1 - self._left) * 60 / self._rate)

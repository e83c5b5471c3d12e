"""How long to wait before the next attempt."""

from random import Random

INITIAL = 0.1
CEILING = 10.0

# Its own generator: whoever draws from the one that all share changes the weights that a training starts from.
_JITTER = Random()


class Backoff:
    """Doubles from attempt to attempt, jittered so that a thousand clients do not return in the same moment."""

    def __init__(self) -> None:
        self._next = INITIAL

    def delay(self) -> float:
        """Returns the seconds to wait, and doubles what comes next."""
        delay, self._next = self._next, min(2 * self._next, CEILING)
        return delay * _JITTER.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Begins anew: something worked."""
        self._next = INITIAL

"""What a loop does while its steps are not measured."""

import time
from typing import Any

from paramedic.integrations.torch.said import values_of


class Rest:
    """Updates and logs in order, noted as they come and gone through later.

    Between two parts of a training's own code, whatever of ours runs has to be brought into the processor's caches anew
    and costs several times as much as it does when it runs many times at once.

    Attributes:
        updates: How many were noted since the last time.
    """

    def __init__(self, updates: int, until: float) -> None:
        """Begins to note.

        Args:
            updates: How many are to come, at least 1.
            until: When it ends at the latest, seconds since the Unix epoch.
        """
        self.updates = 0
        self._left = updates
        self._until = until
        self._events: list[float | dict[str, Any]] = []

    def updated(self) -> bool:
        """The optimizer has updated what it trains; whether that is the end of the rest."""
        now = time.time()
        self._events.append(now)
        self.updates += 1
        self._left -= 1
        return self._left <= 0 or now >= self._until

    def said(self, loss: Any, scalars: dict[str, Any]) -> bool:
        """The loop logged its loss, and numbers by name; whether they could be noted."""
        try:
            self._events.append(values_of(loss, scalars))
        except Exception:
            return False
        return True

    def take(self) -> list[float | dict[str, Any]]:
        """Returns what was noted since the last time: when the optimizer updated, and what the loop said."""
        events, self._events = self._events, []
        self.updates = 0
        return events

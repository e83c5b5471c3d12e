"""Reproductions that wait for a device: the most urgent first, equally urgent ones in the order of their creation."""

import heapq


class WaitingLine:
    """An ordered line of names that anybody may leave."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, str]] = []
        self._members: set[str] = set()

    def __len__(self) -> int:
        return len(self._members)

    def join(self, name: str, priority: int, number: int) -> None:
        """Queues up.

        Args:
            name: Not in the line.
            priority: Higher ones come first.
            number: Among those of one priority, lower ones come first; unique.
        """
        self._members.add(name)
        heapq.heappush(self._heap, (-priority, number, name))

    def leave(self, name: str) -> bool:
        """Leaves the line; False for who is not in it."""
        if name not in self._members:
            return False
        self._members.discard(name)
        return True

    def next(self) -> str | None:
        """Takes out who comes first; None when nobody waits."""
        while self._heap:
            name = heapq.heappop(self._heap)[2]
            if name in self._members:
                self._members.discard(name)
                return name
        return None

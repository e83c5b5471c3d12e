"""How long a rank works on its steps, without what it waits for the others."""

import time
from typing import Any

import torch

SIGNAL = "busy_seconds"


class Pace:
    """The time that each step takes but for the wait until all ranks have averaged their gradients.

    Ranks that average their gradients all take as long as the slowest of them: only this tells which one that is. On an
    accelerator it is the device's time, as the host is ahead of it, and waits elsewhere.
    """

    def __init__(self, device: Any) -> None:
        """Begins to measure.

        Args:
            device: Where the gradients lie.
        """
        self._device = device if device.type == "cuda" else None
        self._computed: Any = None
        self._last: Any = None
        self._waits: list[tuple[Any, Any]] = []
        self._rows: list[tuple[Any, list[tuple[Any, Any]]]] = []

    def computed(self) -> None:
        """A backward pass has computed its gradients."""
        self._computed = self._mark()

    def averaged(self) -> None:
        """All ranks have averaged them."""
        self._waits.append((self._computed, self._mark()))

    def write(self) -> None:
        """Completes a step."""
        waits, self._waits = self._waits, []
        self._rows.append((self._last, waits))
        if waits:
            self._last = waits[-1][1]

    def take(self) -> tuple[list[float], list[int]]:
        """Returns seconds of the steps since the last time, and their rows; their devices must be done with them.

        A step is counted from the average before to its own. The first one has none before it, and is left out.
        """
        rows, self._rows = self._rows, []
        places = [place for place, (last, waits) in enumerate(rows) if last is not None and waits]
        seconds = []
        for place in places:
            last, waits = rows[place]
            waited = sum(self._between(begin, end) for begin, end in waits)
            seconds.append(max(0.0, self._between(last, waits[-1][1]) - waited))
        return seconds, places

    def _mark(self) -> Any:
        if self._device is None:
            return time.perf_counter()
        mark = torch.cuda.Event(enable_timing=True)
        mark.record(torch.cuda.current_stream(self._device))
        return mark

    def _between(self, begin: Any, end: Any) -> float:
        return float(end - begin) if self._device is None else begin.elapsed_time(end) / 1000

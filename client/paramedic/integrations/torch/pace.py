"""How long a rank works on its steps, without what it waits for the others."""

import time
from typing import Any

import torch
from torch.nn.parallel import DistributedDataParallel

SIGNAL = "busy_seconds"


class Pace:
    """The time that each step takes, but for waits.

    Ranks that average their gradients all take as long as the slowest of them: only this tells which one that is. On an
    accelerator it is the device's time, as the host is ahead of it, and waits elsewhere.
    """

    def __init__(self, model: Any, device: Any) -> None:
        """Begins to measure.

        Args:
            model: That is trained; where it is a DistributedDataParallel with buffers, such as those of batch
                normalisation, ranks wait for those of rank 0 before a forward pass, too.
            device: Where the gradients lie.
        """
        self._device = device if device.type == "cuda" else None
        self._began: Any = None
        self._last: Any = None
        self._waits: list[tuple[Any, Any]] = []
        self._rows: list[tuple[Any, list[tuple[Any, Any]]]] = []
        self._handles: list[Any] = []
        if (
            isinstance(model, DistributedDataParallel)
            and model.broadcast_buffers
            and any(True for _ in model.buffers())
        ):
            self._handles = [
                model.register_forward_pre_hook(lambda *_: self.waits()),
                model.module.register_forward_pre_hook(lambda *_: self.waited()),
            ]

    def waits(self) -> None:
        """This rank has done its part: it waits for the others."""
        self._began = self._mark()

    def waited(self) -> None:
        """It need not wait any more."""
        if self._began is not None:
            self._waits.append((self._began, self._mark()))
            self._began = None

    def write(self) -> None:
        """Completes a step."""
        waits, self._waits = self._waits, []
        self._rows.append((self._last, waits))
        if waits:
            self._last = waits[-1][1]

    def take(self) -> tuple[list[float], list[int]]:
        """Returns seconds of the steps since the last time, and their rows; their devices must be done with them.

        A step is counted from the last wait of the one before to its own. The first one is left out.
        """
        rows, self._rows = self._rows, []
        places = [place for place, (last, waits) in enumerate(rows) if last is not None and waits]
        seconds = []
        for place in places:
            last, waits = rows[place]
            waited = sum(self._between(begin, end) for begin, end in waits)
            seconds.append(max(0.0, self._between(last, waits[-1][1]) - waited))
        return seconds, places

    def remove(self) -> None:
        """Takes its hooks off the model."""
        for handle in self._handles:
            handle.remove()

    def _mark(self) -> Any:
        if self._device is None:
            return time.perf_counter()
        mark = torch.cuda.Event(enable_timing=True)
        mark.record(torch.cuda.current_stream(self._device))
        return mark

    def _between(self, begin: Any, end: Any) -> float:
        return float(end - begin) if self._device is None else begin.elapsed_time(end) / 1000

"""Tells whoever started a job how far it is, and by that that it is alive."""

import threading
from collections.abc import Callable
from types import TracebackType

from paramedic.v1.reproduction_pb2 import ReproductionProgress, TrainingOutcome, WatchReproductionResponse

INTERVAL = 0.5
"""Seconds between two reports."""


class Progress:
    """Reports while it is entered, from a thread of its own: compiling a graph says nothing for seconds.

    Args:
        emit: Takes what is reported; called by one thread at a time.
        phase: What is done first.
    """

    def __init__(self, emit: Callable[[WatchReproductionResponse], None], phase: str) -> None:
        self._emit = emit
        self._state = ReproductionProgress(phase=phase)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_reporting, name="paramedic-progress", daemon=True)

    def __enter__(self) -> "Progress":
        self._report()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._report()

    def planned(self, trainings: int, steps: int) -> None:
        """Says how many trainings there are, and of how many steps each."""
        with self._lock:
            self._state.trainings = trainings
            self._state.steps = trainings * steps

    def phase(self, phase: str) -> None:
        """Says what is done now."""
        with self._lock:
            self._state.phase = phase
        self._report()

    def advance(self, steps: int) -> None:
        """Says that steps were trained."""
        with self._lock:
            self._state.steps_done += steps

    def ended(self, outcome: TrainingOutcome) -> None:
        """Says that a training ended; its steps count as done, whether it took them or not."""
        with self._lock:
            self._state.ended += 1
            each = self._state.steps // max(1, self._state.trainings)
            self._state.steps_done = max(self._state.steps_done, self._state.ended * each)
            self._emit(WatchReproductionResponse(training=outcome))
        self._report()

    def _keep_reporting(self) -> None:
        while not self._over.wait(INTERVAL):
            self._report()

    def _report(self) -> None:
        with self._lock:
            progress = ReproductionProgress()
            progress.CopyFrom(self._state)
            self._emit(WatchReproductionResponse(progress=progress))

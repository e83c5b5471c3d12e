"""The host's side of a loop of one's own: what `Run.watch` returns."""

import contextlib
import logging
import time
from abc import ABC, abstractmethod
from typing import Any

from paramedic.integrations.guarded import guarded
from paramedic.integrations.recorded import Probed, Recorded, report
from paramedic.run import Run
from paramedic.v1.telemetry_pb2 import EpochEnded, TrainingBegan

_LOG = logging.getLogger("paramedic")

EVERY = 64
"""Steps between two fetches."""

MAX_DELAY = 1.0
"""Slow steps are fetched before there are many of them, so that a finding comes while it still matters, seconds."""


class Watch(ABC):
    """Reports the steps of a loop: what it is told, and what it measures of the model and its optimizer.

    Numbers wait on the device until they are fetched, many steps at a time; no step waits for them. The weights after
    training are the same, to the bit, as without it. Nothing that goes wrong in here reaches the training: it is logged
    once, and the loop goes on without being watched. In a forked child it does nothing.

    Attributes:
        off: Whether it does nothing any more.
    """

    def __init__(self, run: Run, step: int, every: int) -> None:
        """Prepares to report; a framework's own watch adds what it measures.

        Args:
            run: Where to report. It asks for the last steps when it ends.
            step: The last step before the loop: 0, or where a checkpoint left off. Steps of a run never decrease: a
                second loop goes on where the first one ended.
            every: Steps between two fetches. Slow steps are fetched once a second.
        """
        self.off = False
        self._run = run
        self._every = every
        self._times: list[float] = []
        self._fetched_at = time.time()
        self._epoch = 0
        run.collect()  # steps never decrease, and those that wait elsewhere come before ours
        run.before_end(self.flush)
        self._step = max(step, run.last_step or 0)
        run.event(TrainingBegan(), self._step or None)

    @property
    def step(self) -> int:
        """The last step that was completed."""
        return self._step + len(self._times)

    @guarded
    def log(self, /, loss: Any = None, **scalars: Any) -> None:
        """Takes in what the loop says of its step.

        Args:
            loss: Of the step: the framework's own tensor, which is not waited for, or a number. None: what is said
                belongs to the steps so far and is no step of its own, such as a validation's outcome.
            **scalars: Further numbers by name: accuracy, val_loss.
        """
        if not self._run.recording:
            return
        if loss is None:
            self._remark(scalars)
        else:
            self._take(loss, scalars)

    @guarded
    def epoch_ended(self, /, **scalars: Any) -> None:
        """Takes in that an epoch was completed.

        Args:
            **scalars: What validation measured, by name: val_loss, val_accuracy.
        """
        if not self._run.recording:
            return
        self._remark(scalars)
        self._run.event(EpochEnded(epoch=self._epoch), self.step or None)
        self._epoch += 1

    @guarded
    def flush(self) -> None:
        """Reports the steps that are still on the device. The run asks for it when it ends."""
        self._fetch(None)

    @guarded
    def remove(self) -> None:
        """Reports the rest, and leaves model and optimizer as they were."""
        self.off = True
        self._fetch(None)
        self._detach()

    def switch_off(self, problem: Exception) -> None:
        """Does nothing from here on, and says why once."""
        self.off = True
        _LOG.warning("the watch met a problem and is off; the training goes on without it", exc_info=problem)
        with contextlib.suppress(Exception):
            self._detach()

    @abstractmethod
    def _take(self, loss: Any, scalars: dict[str, Any]) -> None:
        """Keeps what the loop says of a step, on the device; calls `_stepped` when that completes it."""

    @abstractmethod
    def _recorded(self) -> Recorded | None:
        """Fetches the steps since the last time from the device; None when there were none."""

    @abstractmethod
    def _detach(self) -> None:
        """Takes away whatever was put on model and optimizer."""

    def _due(self, step: int) -> bool:
        """Whether a probe is to run after a step."""
        return False

    def _probe(self, step: int) -> Probed | None:
        """Measures what is due after a step; None when that is nothing."""
        return None

    def _stepped(self, now: float | None = None) -> None:
        """Notes that a step is complete, and fetches when it is time.

        Args:
            now: When it was, seconds since the Unix epoch; None: just now.
        """
        now = time.time() if now is None else now
        self._times.append(now)
        step = self._step + len(self._times)
        due = self._due(step)
        if due or len(self._times) >= self._every or now - self._fetched_at >= MAX_DELAY:
            self._fetch(step if due else None)

    def _remark(self, scalars: dict[str, Any]) -> None:
        if scalars:
            self._fetch(None)
            self._run.log(self.step, **scalars)

    def _fetch(self, probe: int | None) -> None:
        """Moves the steps on the device to the run; waits for the last of them, and probes the model when asked to."""
        times, self._times = self._times, []
        self._fetched_at = time.time()
        step, self._step = self._step, self._step + len(times)
        recorded = self._recorded()
        if recorded is not None:
            report(self._run, step, times, recorded, None if probe is None else self._probe(probe))


class Unwatched(Watch):
    """Stands in where there is nothing to watch, so that a loop need not ask."""

    def __init__(self) -> None:
        self.off = True

    @property
    def step(self) -> int:
        """None was seen."""
        return 0

    def _take(self, loss: Any, scalars: dict[str, Any]) -> None:
        pass

    def _recorded(self) -> Recorded | None:
        return None

    def _detach(self) -> None:
        pass

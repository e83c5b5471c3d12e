"""A monitor of the trainings that a trainer runs; each trainer's own callback says when what happens."""

import contextlib
import logging
from collections.abc import Mapping
from typing import Any, Literal

from paramedic.integrations.asked import StopOn, check_arguments
from paramedic.integrations.trainers.together import any_wants, shared_run
from paramedic.integrations.watch import EVERY, Watch
from paramedic.run import FINISH_TIMEOUT, Run
from paramedic.v1.description_pb2 import RunDescription
from paramedic.v1.telemetry_pb2 import EpochEnded, TrainingEnded

_LOG = logging.getLogger("paramedic")


class TrainingAbandonedError(Exception):
    """Stands for an exception that left a training unseen; it is reported, never raised."""


class TrainerMonitor:
    """Reports every step of the trainings of a trainer, by way of a watch on its model and its optimizers.

    Attributes:
        off: Whether it does nothing any more.
    """

    # Of the training under way: how many processes there are, and the device on which they talk to each other.
    _processes = 1
    _device: Any = None

    def __init__(
        self,
        run: Run | None = None,
        *,
        project: str | None = None,
        name: str | None = None,
        every: int = 4 * EVERY,
        stop_on: Literal["info", "warning", "critical"] | None = None,
        probes: bool = True,
    ) -> None:
        """Prepares to monitor the trainings it is given to.

        Args:
            run: The run to report to; its owner closes it. Omitted: each training is a run of its own, which the
                Monitor opens when the training begins and closes when it ends. Of several processes, each reports as
                its rank to the one run that they share. A training that goes on from a checkpoint is the next attempt
                of the run that the checkpoint is from.
            project: Project of the runs that the Monitor opens.
            name: Name, for people, of the runs that the Monitor opens.
            every: Steps between two fetches, at least 1. Slow steps are fetched once a second.
            stop_on: "critical", "warning" or "info": ends the training once there is an open finding that is at least
                so severe. Omitted: only when the run was opened with a `stop_on` of its own. Several processes must
                stop together, and agree on it every `every` batches; there it is this argument that counts, and it has
                to be the same in all of them.
            probes: Whether to measure, every 100 steps or less often, what takes a closer look at the model:
                activations, and the gradient's path through time.

        Raises:
            ValueError: An argument makes no sense, or there is neither a run nor a project.
        """
        super().__init__()
        check_arguments(run, project, every)
        self.off = False
        self._run = run
        self._project = project
        self._name = name
        self._every = every
        self._stop_on = StopOn(stop_on)
        self._probing = probes
        self._watch: Watch | None = None
        self._loss: Any = None
        self._batches = 0
        self._resume: Mapping[str, Any] | None = None

    def _begin(self, model: Any, optimizer: Any, rank: int, description: RunDescription, **options: Any) -> None:
        """A training begins.

        Args:
            model: torch.nn.Module.
            optimizer: torch.optim.Optimizer, or several.
            rank: Of this process.
            description: What the trainer knows of the training.
            **options: Of the watch.
        """
        if self._watch is not None:
            self._end(TrainingAbandonedError("an exception that nobody told of ended the training before this one"))
        if self._project is not None:
            resume, self._resume = self._resume, None
            self._run = shared_run(self._project, self._name, rank, self._processes, resume)
        assert self._run is not None
        self._loss = None
        self._watch = self._run.watch(
            model, optimizer, every=self._every, probes=self._probing, known=description, **options
        )

    def _checkpoint(self) -> dict[str, Any]:
        """What a checkpoint is to hold of the run; nothing where that is its owner's business."""
        return {} if self._project is None or self._run is None else self._run.checkpoint()

    def _add_loss(self, loss: Any) -> None:
        """Takes the loss of a batch, detached; a step's is the sum of those since the step before."""
        self._loss = loss if self._loss is None else self._loss + loss

    def _stepped(self, factor: float = 1.0) -> None:
        """The optimizer has made a step, whose loss is the sum times a factor."""
        loss, self._loss = self._loss, None
        if self._watch is not None and loss is not None:
            self._watch.log(loss=loss if factor == 1 else loss * factor)

    def _validated(self, measured: Mapping[str, Any]) -> None:
        """Takes what a validation measured, by names that begin with "val_"."""
        if self._watch is not None and measured:
            self._watch.log(**measured)

    def _epoch_ended(self, epoch: int) -> None:
        if self._watch is not None and self._run is not None:
            self._watch.flush()
            self._run.event(EpochEnded(epoch=epoch), self._watch.step or None)

    def _end(self, error: BaseException | None) -> None:
        """The training ends, by an error or without one; the model is left as it was."""
        watch, self._watch = self._watch, None
        run = self._run
        if watch is None or run is None:
            return
        watch.remove()
        if error is None:
            run.event(TrainingEnded(), watch.step or None)
        if self._project is not None:
            run.begin_finish(error, FINISH_TIMEOUT)  # says the error, and does not wait
        elif error is not None:
            run.error(error, watch.step or None)

    def switch_off(self, problem: Exception) -> None:
        """Does nothing from here on, and says why once."""
        if self.off:
            return
        self.off = True
        _LOG.warning("the monitor met a problem and is off; the training goes on without it", exc_info=problem)
        with contextlib.suppress(Exception):
            self._end(None)  # so that nobody takes the silence for a stalled training

    def _should_stop(self) -> bool:
        """Returns whether the training is to end after this batch.

        It is asked after every batch, in every process, even where the Monitor is off: one that does not answer would
        keep the others waiting.
        """
        if self._processes < 2:
            return self._wants_to_stop()
        self._batches += 1
        if not self._stop_on.asked or self._batches % self._every:
            return False
        return any_wants(self._wants_to_stop(), self._processes, self._device)

    def _wants_to_stop(self) -> bool:
        run = self._run
        return run is not None and self._watch is not None and self._stop_on.calls(run)

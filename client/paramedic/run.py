"""A run: what a training loop talks to."""

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import numpy.typing as npt

from paramedic import lifecycle
from paramedic.attempts import state_of
from paramedic.delivery import Delivery
from paramedic.drops import Drops
from paramedic.errors import training_error
from paramedic.findings import Findings
from paramedic.names import table_problem
from paramedic.reproductions import Reproductions
from paramedic.rows import checked_columns
from paramedic.sample import LIMIT, SampleError, sample_of
from paramedic.settings import Settings
from paramedic.v1.description_pb2 import RunDescription
from paramedic.v1.finding_pb2 import Finding
from paramedic.v1.run_pb2 import RUN_STATE_FAILED, RUN_STATE_FINISHED, RunIdentity
from paramedic.v1.telemetry_pb2 import (
    EpochEnded,
    FinishRun,
    ReproductionEnded,
    RunEvent,
    TrainingBegan,
    TrainingEnded,
    TrainingError,
)

if TYPE_CHECKING:
    from paramedic.integrations.watch import Watch

Status: TypeAlias = Literal["finished", "failed"]
Detail: TypeAlias = TrainingBegan | EpochEnded | TrainingEnded | TrainingError

_LOG = logging.getLogger("paramedic")

FINISH_TIMEOUT = 5.0


class Run:
    """Telemetry of one training process. Made by `paramedic.init`.

    No method raises because of its arguments or of the service, waits for the network or the disk, or prints; what
    cannot be used or kept is counted in `dropped`, and said once through the logger "paramedic". Only `finish` waits,
    and no longer than it is told to. In a forked child, such as a data loader's worker, a run does nothing.

    Used as a context manager it finishes at the end of the block, as failed when an exception leaves the block:

        with paramedic.init("translation", config={"learning_rate": 0.001}) as run:
            for step in range(1000):
                run.log(step, loss=train(step))

    Attributes:
        recording: Whether what is logged is kept: the run has not ended, and this is no forked child.
    """

    def __init__(self, settings: Settings, description: RunDescription) -> None:
        self._settings = settings
        self._identity = settings.identity.SerializeToString(deterministic=True)
        self.recording = True
        self._inert = False
        self._reported: tuple[int, str, str] | None = None
        self._before_end: list[Callable[[], None]] = []
        self._drops = Drops(settings.label)
        self._findings = Findings(settings.label, settings.stop_on)
        self._reproductions = Reproductions(settings.label)
        self._delivery = Delivery(settings, self._drops, self._findings, self._reproductions)
        self._buffer = self._delivery.buffer
        self._buffer.put(description)

    def start(self) -> None:
        """Begins to deliver. `paramedic.init` has done so."""
        try:
            self._delivery.start()
        except RuntimeError as error:
            self.recording = False
            self._drops.add("internal_error", 0, f"cannot start a thread: {error}; nothing is recorded")
            self._drops.announce()
            return
        lifecycle.enlist(self._identity, self)

    @property
    def identity(self) -> RunIdentity:
        """Project, id, attempt and rank."""
        return self._settings.identity

    @property
    def dropped(self) -> dict[str, int]:
        """Rows that were lost and values that were refused, by reason; empty when nothing was."""
        return self._drops.totals()

    @property
    def findings(self) -> list[Finding]:
        """The latest version of every finding of this run that the service sent."""
        return self._findings.latest()

    @property
    def reproductions(self) -> list[ReproductionEnded]:
        """Reproductions of this run that ended while it ran, with their verdicts."""
        return self._reproductions.ended()

    @property
    def should_stop(self) -> bool:
        """Whether a finding as severe as `stop_on` opened; the loop decides what to do about it."""
        return self._findings.should_stop

    @property
    def last_step(self) -> int | None:
        """The highest step that was logged; None before the first."""
        return self._buffer.last_step

    def watch(self, model: Any, optimizer: Any = None, **options: Any) -> "Watch":
        """Watches a loop of one's own: norms of gradients, weights and updates, activations, paths through time.

            watch = run.watch(model, optimizer)
            for x, y in batches:
                loss = train(x, y)
                watch.log(loss=loss)

        Nothing is imported that the model did not bring along. What cannot be watched is said once, and the watch that
        is returned does nothing.

        Args:
            model: A torch.nn.Module, keras.Model or tf.Module.
            optimizer: Of the same framework, or a sequence of several.
            **options: As the framework's watch takes them (`paramedic.integrations`): `loss`, the loss function, where
                the framework cannot tell it; `step`, the last step before the loop, where a checkpoint left off.
        """
        from paramedic.integrations.framework import watch_model
        from paramedic.integrations.watch import Unwatched

        if self.recording:
            try:
                return watch_model(self, model, optimizer, options)
            except Exception as error:
                _LOG.warning("the model cannot be watched; the training goes on without it", exc_info=error)
        return Unwatched()

    def checkpoint(self) -> dict[str, Any]:
        """What to keep with a checkpoint, so that `paramedic.init(resume=...)` goes on with this run from there.

            torch.save({"model": model.state_dict(), "paramedic": run.checkpoint()}, path)
            ...
            run = paramedic.init(resume=torch.load(path)["paramedic"])

        Returns:
            Project, id and attempt of the run, and the last step logged, None before the first: a dictionary that JSON
            keeps as it is.
        """
        self.collect()
        identity = self._settings.identity
        return state_of(identity.project, identity.id, identity.attempt, self.last_step)

    def before_end(self, flush: Callable[[], None]) -> None:
        """Has somebody report what it still holds before the run ends, or says what ended it."""
        self._before_end.append(flush)

    def collect(self) -> None:
        """Has everybody report what they still hold."""
        for flush in self._before_end:
            try:
                flush()
            except Exception as error:
                self._blame(error)

    def log(
        self,
        step: int,
        loss: Any = None,
        gradient_norms: Any = None,
        *,
        weight_norms: Any = None,
        update_norms: Any = None,
        **scalars: Any,
    ) -> None:
        """Records one row.

        NaN and infinities are data. What is None is left out.

        Args:
            step: Step of the training, 0 to 2^53, not less than the one before.
            loss: A number: Python's, numpy's, or a framework's tensor without dimensions.
            gradient_norms: L2 norm of each tensor's gradient before clipping: an array or a sequence [tensors] in the
                order of the tensor table, or a mapping from tensor names to numbers. When the run was not described,
                the first mapping becomes the tensor table.
            weight_norms: L2 norm of each tensor before the update, likewise.
            update_norms: L2 norm of what the update added to each tensor, likewise.
            **scalars: Further numbers by name: learning_rate, accuracy, val_loss.
        """
        if not self.recording:
            self._refuse()
            return
        try:
            self._buffer.append(step, loss, gradient_norms, weight_norms, update_norms, scalars)
        except Exception as error:
            self._blame(error)

    def log_rows(
        self,
        steps: npt.ArrayLike,
        times: npt.ArrayLike,
        scalars: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike | None]] | None = None,
        blocks: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike | None]] | None = None,
        layers: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike | None]] | None = None,
        paths: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike, npt.ArrayLike | None]] | None = None,
    ) -> None:
        """Records many rows at once; arrays are copied.

        Args:
            steps: Integers [n], not decreasing.
            times: Seconds since the Unix epoch, [n].
            scalars: By signal name: values [m], and the rows they belong to, integers [m], strictly increasing; None:
                all n rows.
            blocks: By signal ("gradient_norm", "weight_norm", "update_norm", "gradient_zero_share"): values
                [m, tensors], and rows likewise.
            layers: By signal ("activation_mean", "activation_deviation", "dead_share", "saturated_share",
                "sample_deviation"): values [m, layers], one column for each of the `probed_layers` that were described,
                and rows likewise.
            paths: By recurrent layer: time steps [t], at most 64, strictly increasing from 0; values [m, t], the norm
                of the loss's gradient by the layer's output at these time steps; and rows likewise.
        """
        if not self.recording:
            self._refuse()
            return
        try:
            columns = checked_columns(
                steps, times, scalars or {}, blocks or {}, layers or {}, paths or {}, self._buffer, self._drops
            )
            if columns is not None:
                self._buffer.append_columns(columns)
        except Exception as error:
            self._blame(error)

    def describe(self, description: RunDescription | None = None, **fields: Any) -> None:
        """Adds to what is known of the training: a field that is set replaces it, one that is omitted leaves it.

        The tensor table of a description holds for the rows logged after it.

        Args:
            description: What is known; it is copied.
            **fields: Fields of `RunDescription`, in place of or over those of the description.
        """
        if not self.recording:
            self._refuse()
            return
        try:
            copy = RunDescription()
            if description is not None:
                copy.CopyFrom(description)
            copy.MergeFrom(RunDescription(**fields))
            problem = table_problem([tensor.name for tensor in copy.tensors])
            if problem is not None:
                self._drops.add("invalid_value", 1, f"the tensor table is left out of the description: {problem}")
                copy.ClearField("tensors")
            if copy.ByteSize():
                self._buffer.put(copy)
        except Exception as error:
            self._blame(error)

    def share_sample(self, x: Any, y: Any, *, limit: int = LIMIT) -> None:
        """Shares samples of the data with the service, for reproductions of this run, in place of those shared before.

        Nothing of the data leaves this process otherwise, but for its statistics. Samples are spread evenly over the
        data, as many as fit into the limit; they are copied here and now, and sent in the background. They are stored
        beside the run, in no log, and only its reproductions read them. In offline mode nothing can be shared.

        Args:
            x: Inputs: an array [samples, ...], what `np.asarray` takes, or a list, tuple or mapping of such.
            y: Targets, likewise.
            limit: Most bytes of all of them together.
        """
        if not self.recording:
            self._refuse()
            return
        try:
            self._delivery.share(sample_of(x, y, limit))
        except SampleError as error:
            self._drops.add("sample_not_shared", 0, str(error), str(error))
        except Exception as error:
            self._blame(error)

    def lost(self, rows: int, why: str) -> None:
        """Counts rows that an integration had no room for before it could log them; says why once."""
        self._drops.add("buffer_full", rows, why, why)

    def event(self, detail: Detail, step: int | None = None) -> None:
        """Records something that happened once.

        Args:
            detail: What happened: TrainingBegan, EpochEnded, TrainingEnded or TrainingError.
            step: Step after which it happened; None: the last one logged.
        """
        if not self.recording:
            self._refuse()
            return
        try:
            step = self._buffer.last_step if step is None else step
            event = RunEvent(time=time.time(), step=step)
            match detail:
                case TrainingBegan():
                    event.training_began.CopyFrom(detail)
                case EpochEnded():
                    event.epoch_ended.CopyFrom(detail)
                case TrainingEnded():
                    event.training_ended.CopyFrom(detail)
                case _:
                    event.error.CopyFrom(detail)
            self._buffer.put(event)
        except Exception as error:
            self._blame(error)

    def error(self, exception: BaseException, step: int | None = None) -> None:
        """Records that an exception left the training loop; once, however many frames on its way out report it.

        Args:
            exception: Whatever was raised.
            step: Step after which it happened; None: the last one logged.
        """
        if not self.recording:
            self._refuse()
            return
        self.collect()
        try:
            event = training_error(exception)
            # Holding the exception itself would keep every frame that it passed, and their tensors, alive.
            reported = (id(exception), event.kind, event.message)
            if reported != self._reported:
                self._reported = reported
                self.event(event, step)
        except Exception as error:
            self._blame(error)

    def finish(self, status: Status = "finished", timeout: float = FINISH_TIMEOUT) -> None:
        """Ends the run: delivers what there is, and keeps the rest on disk for `paramedic sync`.

        Args:
            status: "finished", or "failed" when an error ended it.
            timeout: Bound on the wait, seconds.
        """
        timeout = _seconds(timeout)
        deadline = time.monotonic() + timeout
        self._begin(status, timeout)
        self.await_finish(max(deadline - time.monotonic(), 0.0))

    def begin_finish(self, error: BaseException | None, timeout: float) -> None:
        """Asks the run to end, as failed when there is an error, and returns at once."""
        if error is not None and self.recording:
            self.error(error)
        self._begin("finished" if error is None else "failed", timeout)

    def await_finish(self, timeout: float) -> None:
        """Waits for a run that was asked to end."""
        if not self._inert and not self._delivery.join(timeout):
            self._drops.add("undelivered", 0, "the time to finish was not enough")
        if self.last_step is not None:
            lifecycle.remember(self._settings.spool_directory)
        lifecycle.discharge(self._identity, self)

    def fork_locks(self) -> tuple[lifecycle.Lock, ...]:
        """Returns what must be held across a fork."""
        return (self._drops.lock, self._findings.lock, self._reproductions.lock, *self._delivery.locks)

    def become_inert(self) -> None:
        """Makes the run do nothing any more."""
        self.recording = False
        self._inert = True

    def __reduce__(self) -> tuple[Any, ...]:
        """Has copies do nothing: models and data sets that hold a run are copied, saved, and sent elsewhere."""
        from paramedic.disabled import DisabledRun

        return DisabledRun, (self._settings.without_token(),)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if error is not None and self.recording:
            self.error(error)
        self.finish("finished" if error is None else "failed")

    def __repr__(self) -> str:
        state = "open" if self.recording else "inert" if self._inert else "finished"
        return f"<paramedic run {self._settings.label}, {self._settings.mode.value}, {state}>"

    def _begin(self, status: Status, timeout: float) -> None:
        if not self.recording:
            return
        self.collect()
        self._before_end.clear()
        self.recording = False
        failed = isinstance(status, str) and status == "failed"
        state = RUN_STATE_FAILED if failed else RUN_STATE_FINISHED
        self._delivery.close(FinishRun(state=state, time=time.time()), timeout)

    def _refuse(self) -> None:
        if not self._inert:
            self._drops.add("after_finish", 1, "the run has ended; call paramedic.init for another")
            self._drops.announce()

    def _blame(self, error: Exception) -> None:
        self._drops.add("internal_error", 1, f"{type(error).__name__}: {error}")


def _seconds(timeout: float) -> float:
    """The timeout as given; the default where it is none, as nothing but init raises."""
    try:
        seconds = float(timeout)
    except (TypeError, ValueError, OverflowError):
        return FINISH_TIMEOUT
    return FINISH_TIMEOUT if math.isnan(seconds) else min(max(seconds, 0.0), threading.TIMEOUT_MAX)

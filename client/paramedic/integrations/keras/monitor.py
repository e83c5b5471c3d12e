"""The callback."""

import atexit
import contextlib
import functools
import logging
import time
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np

import paramedic
from paramedic.describe.keras import optimizers_of
from paramedic.integrations.asked import StopOn, check_arguments
from paramedic.integrations.guarded import guarded
from paramedic.integrations.keras.backend import backend
from paramedic.integrations.keras.description import FitDescription
from paramedic.integrations.keras.probe_batch import probe_batch
from paramedic.integrations.keras.probes import Probes
from paramedic.integrations.keras.recorder import Recorder
from paramedic.integrations.keras.traced import Traced
from paramedic.integrations.recorded import Probed, report
from paramedic.run import FINISH_TIMEOUT, Run
from paramedic.v1.description_pb2 import RunDescription
from paramedic.v1.telemetry_pb2 import EpochEnded, TrainingBegan, TrainingEnded

_LOG = logging.getLogger("paramedic")

# Slow steps are fetched before there are many of them, so that a finding comes while it still matters. Seconds.
_MAX_DELAY = 1.0
# The last step that any Monitor reported to a run: steps of a run never decrease, and every fit may have a new Monitor.
_last_steps: WeakKeyDictionary[Run, int] = WeakKeyDictionary()


class FitAbandonedError(Exception):
    """Stands for an exception that left a fit unseen; it is reported, never raised."""


class Monitor(keras.callbacks.Callback):  # type: ignore[misc]  # Keras has no types
    """Reports every step of a fit: loss, metrics, learning rate, and the norms of gradients, weights and updates.

    Norms are computed inside the compiled train step and wait on the device until they are fetched, many steps at a
    time; no step waits for them. The weights after training are the same, to the bit, as without the Monitor. Nothing
    that goes wrong in here reaches the training: it is logged once, and the fit goes on without being monitored.

    Norms are those of the whole step: gradients before clipping and without the loss scale, weights before the update.
    Their squares are summed in float32, so that a norm above 1e19 reads as infinity and one below 1e-19 as zero. Where
    a train step of one's own calls its optimizer inside a `tf.cond`, a `tf.while_loop` or a `tf.function`, there are no
    norms, only what the step returns. Over the replicas of a tf.distribute.MirroredStrategy, gradients are summed, and
    losses and metrics averaged; a fit by any other strategy with several replicas is not monitored.

    On JAX, an optimizer that is called inside of a `lax.cond` or a loop has no norms, and the loss of a train step of
    one's own is the one that it returns. On torch, gradients are measured as the backward pass left them, weights and
    updates at the first 64 steps and every 8th one after them; a step that torch compiles (`jit_compile=True`) has no
    norms. There a probe calls the layers themselves: what they keep as attributes is put back after it, what they
    change inside of lists and the like is not.

    An exception that ends the training is reported. Keras tells callbacks nothing of one, so the Monitor sees those
    that leave the train step, which includes the input pipeline, but on torch. One that is raised elsewhere, in
    validation or in another callback, is reported by the run when it ends the process or leaves the run's `with` block;
    where neither happens, the next fit reports that the one before was abandoned.

    Example:
        >>> run = paramedic.init("digits")
        >>> model.fit(x, y, epochs=5, callbacks=[Monitor(run, stop_on="critical")])
        >>> run.findings
    """

    def __init__(
        self,
        run: Run | None = None,
        *,
        project: str | None = None,
        name: str | None = None,
        every: int = 64,
        stop_on: str | None = None,
        probes: bool = True,
    ) -> None:
        """Prepares to monitor the fits it is given to.

        Args:
            run: The run to report to; its owner closes it. Omitted: each fit is a run of its own, which the Monitor
                opens when the fit begins and closes when it ends.
            project: Project of the runs that the Monitor opens.
            name: Name, for people, of the runs that the Monitor opens.
            every: Steps between two fetches, at least 1. Slow steps are fetched once a second.
            stop_on: "critical", "warning" or "info": ends the training at the next step once there is an open finding
                that is at least so severe. Omitted: only when the run was opened with a `stop_on` of its own.
            probes: Whether to measure, every 100 steps or less often, what takes a pass of its own over a few samples:
                activations, the gradient's path through time, and how much gradients differ between samples.

        Raises:
            ValueError: An argument makes no sense, or there is neither a run nor a project.
        """
        super().__init__()
        check_arguments(run, project, every)
        self._run = run
        self._project = project
        self._name = name
        self._every = every
        self._stop_on = StopOn(stop_on)
        self._probing = probes
        self._probes: Probes | None = None
        self._recorder: Recorder | None = None
        self._description: FitDescription | None = None
        self._stand_in: Any = None
        self._fitting = False
        self._armed = False
        self.off = False
        self._step = 0
        self._times: list[float] = []
        self._fetched_at = 0.0

    @guarded
    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        """Describes the fit and puts the recording train function in place."""
        if self._fitting:
            self._fetch()
            self._leave(FitAbandonedError("an exception outside of the train step ended the fit before this one"))
        model = self.model
        replicas = backend.replicas(model)
        if replicas > 1:
            _LOG.warning("a fit over %d replicas is not monitored: its norms cannot be read in one place", replicas)
            return
        if self._project is not None:
            self._run = paramedic.init(self._project, self._name)
        iterations = [
            int(keras.ops.convert_to_numpy(optimizer.iterations)) for optimizer in optimizers_of(model).values()
        ]
        self._step = max([_last_steps.get(self._reporting, 0), *iterations])
        self._description = FitDescription(model, self.params)
        self._reporting.describe(self._description.at_begin())
        self._reporting.event(TrainingBegan(), self._step or None)
        self._install(model)
        self._times.clear()
        self._fetched_at = time.time()
        self._fitting = True
        atexit.register(self._at_exit)

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        """Says that the call of the train function that follows belongs to this fit."""
        self._armed = True

    @guarded
    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Reports the steps so far, what validation measured, and the end of the epoch."""
        if not self._fitting:
            return
        self._fetch()
        columns = {key: ([value], None) for key, value in (logs or {}).items() if key.startswith("val_")}
        if columns and self._step > 0:
            self._reporting.log_rows([self._step], [time.time()], columns)
        self._reporting.event(EpochEnded(epoch=epoch), self._step or None)

    @guarded
    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        """Reports the rest and leaves the model as it was."""
        self._fetch()
        self._leave(None)

    @property
    def _reporting(self) -> Run:
        assert self._run is not None, "a run is opened when a fit begins"
        return self._run

    def _install(self, model: Any) -> None:
        if self._recorder is None or not self._recorder.serves(model):
            capacity = self._every + model.steps_per_execution - 1
            keeps_batch = self._probing and not self._samples_known()
            self._probes = None
            self._recorder = backend.Recorder(model, capacity, self._on_traced, self.switch_off, keeps_batch)
        elif self._recorder.traced is not None:
            self._on_traced(self._recorder.traced)
        model.train_function = self._stand_in = functools.partial(self._train, self._recorder)

    def _restore(self) -> None:
        recorder = self._recorder
        if recorder is not None and recorder.model.train_function is self._stand_in:
            recorder.model.train_function = recorder.plain

    def _train(self, recorder: Recorder, *arguments: Any) -> Any:
        """Stands in for a model's train function during a fit; what it returns and raises is that one's."""
        if not self._fitting or not self._armed or recorder is not self._recorder:
            # A fit that was left by an exception elsewhere never took this away; what runs now is not for it to see.
            return recorder.plain(*arguments)
        self._armed = False
        try:
            returned = recorder.run(*arguments)
            self._step_ended(recorder)
        except backend.DATA_ENDED:
            raise
        except BaseException as error:
            self._training_failed(error)
            raise
        return returned

    @guarded
    def _step_ended(self, recorder: Recorder) -> None:
        now = time.time()
        self._times.append(now)
        steps = len(self._times) * recorder.model.steps_per_execution
        due = self._probes is not None and self._probes.due(self._step + steps)
        if due or steps >= self._every or now - self._fetched_at >= _MAX_DELAY:
            self._fetch(probe=due)
        if self._stop_on.calls(self._reporting):
            recorder.model.stop_training = True

    @guarded
    def _training_failed(self, error: BaseException) -> None:
        self._fetch()
        self._leave(error)
        if self._recorder is not None and self._recorder.traced is None:
            # Its ring is still to be made, and a function may make variables only when it is called first.
            self._recorder = None

    @guarded
    def _at_exit(self) -> None:
        # The process ends within a fit. What ended it is for the run to say; the last steps are still on the device.
        self._fetch()

    def _leave(self, error: BaseException | None) -> None:
        """Gives the model its own train function back, and says how the fit ended."""
        if not self._fitting:
            return
        self._fitting = False
        atexit.unregister(self._at_exit)
        self._restore()
        if self._probes is not None:
            self._probes.end()
        if error is None:
            self._reporting.event(TrainingEnded(), self._step or None)
        if self._project is not None:
            self._reporting.begin_finish(error, FINISH_TIMEOUT)  # says the error, and does not wait
        elif error is not None:
            self._reporting.error(error, self._step or None)

    def switch_off(self, problem: Exception) -> None:
        """Does nothing from here on, and says why once."""
        if self.off:
            return
        self.off = True
        _LOG.warning("the Keras monitor met a problem and is off; the training goes on without it", exc_info=problem)
        with contextlib.suppress(Exception):
            self._leave(None)  # so that nobody takes the silence for a stalled training

    def _fetch(self, probe: bool = False) -> None:
        """Moves the steps on the device to the run; waits for the last of them, and probes the model when asked to."""
        if self._recorder is None:
            return
        times, self._times = self._times, []
        self._fetched_at = time.time()
        recorded = self._recorder.fetch()
        if recorded is None:
            return
        # Steps of one execution share the time at which it returned; only a last one can be shorter than the others.
        executions = np.arange(recorded.count) // self._recorder.model.steps_per_execution
        clock = np.array([*times, self._fetched_at])[np.minimum(executions, len(times))]
        step, self._step = self._step, self._step + recorded.count
        _last_steps[self._reporting] = self._step
        report(self._reporting, step, clock, recorded, self._probe() if probe else None)

    def _probe(self) -> Probed | None:
        """Measures what takes passes of their own. Where that fails, nothing is measured, and nothing else changes."""
        probes, recorder, description = self._probes, self._recorder, self._description
        assert probes is not None
        assert recorder is not None
        assert description is not None
        try:
            if not probes.ready:
                probes.use(self._samples())
            if not probes.ready:
                samples = recorder.first_batch()
                if samples is not None:
                    x, y, weights = keras.utils.unpack_x_y_sample_weight(samples)
                    self._reporting.describe(description.when_seen(x, y))
                    probes.use(probe_batch(x, y, weights, None))
            if probes.ready:
                return probes.run(self._step, recorder.probed)
            _LOG.debug("there are no samples to probe the model with")
        except Exception:
            _LOG.debug("the model cannot be probed", exc_info=True)
        self._probes = None
        return None

    def _samples_known(self) -> bool:
        assert self._description is not None
        arguments = self._description.arguments
        return arguments.arrays is not None or arguments.first_batch is not None

    def _on_traced(self, traced: Traced) -> None:
        assert self._description is not None
        self._reporting.describe(self._description.when_traced(traced))
        if self._probing and self._recorder is not None:
            if self._probes is None:
                self._probes = Probes(self._recorder.model, traced.variables, self._on_layers)
            self._probes.begin()

    def _samples(self) -> Any:
        """Samples to probe with; None when they cannot be had from the arguments of the fit."""
        assert self._description is not None
        arguments = self._description.arguments
        given = arguments.arrays or arguments.first_batch
        try:
            if given is not None:
                x, y, weights = given
                return probe_batch(x, y, weights, arguments.batch_size)
        except Exception:
            _LOG.debug("the model cannot be probed with these inputs", exc_info=True)
        return None

    def _on_layers(self, names: list[str]) -> None:
        self._reporting.describe(RunDescription(probed_layers=names))

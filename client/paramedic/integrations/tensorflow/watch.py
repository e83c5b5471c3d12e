"""The watch."""

import logging
import time
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from paramedic.describe.names import MAX_NAME, unique
from paramedic.integrations.cadence import FIRST
from paramedic.integrations.guarded import guarded
from paramedic.integrations.keras.probe_batch import probe_batch
from paramedic.integrations.keras.probes import Probes
from paramedic.integrations.recorded import Probed, Recorded, report
from paramedic.integrations.tensorflow import signals
from paramedic.integrations.tensorflow.description import (
    described_batch,
    described_loop,
    described_model,
    tensor_table,
)
from paramedic.integrations.tensorflow.probed_loop import ProbedLoop
from paramedic.integrations.tensorflow.samples import Samples
from paramedic.integrations.tensorflow.steps import aligned
from paramedic.integrations.tensorflow.unconverted import unconverted
from paramedic.integrations.tensorflow.updates import UpdateRecorder, Updates
from paramedic.integrations.watch import EVERY, Watch
from paramedic.run import Run
from paramedic.v1.description_pb2 import RunDescription

_LOG = logging.getLogger("paramedic")

LOSS = "loss"

_PATIENCE = 256
"""Calls of `log` without an update after which there will be none to see."""

_WEIGHED = 17
"""After the first calls of `log` eager updates have their weights measured before every so many: a prime, so as to meet
whatever a loop does in turns."""

_SAMPLING = 100
"""Steps within which the first batch is to be seen."""


class TensorFlowWatch(Watch):
    """Watches a loop around a `GradientTape`: eager, in a tf.function, compiled by XLA, or over several replicas.

    A step is an update by the optimizer. It is measured where the loop calls the optimizer, within the graph where
    there is one, and reported when the loop, in Python, calls `log`: once a step as a rule; several times before an
    update where gradients are accumulated; or once after many updates, as where a whole epoch is a tf.function.

    Norms are those of the whole step: gradients before clipping and without the loss scale, weights before the update;
    over replicas, of the summed gradients. Clipping is seen through where the optimizer does it, and where TensorFlow's
    clipping functions do it in the graph that calls the optimizer; elsewhere, show the gradients to `gradients` first.
    Where several optimizers share the work, steps that lack one of them have no norms. Eager steps have norms of
    weights and updates up to the 64th call of `log`, and before every 17th from there on.

    Watch the model before its first step is traced: a graph that is there already measures nothing, and one that was
    traced meanwhile goes on measuring. A tf.function that is to be saved with tf.saved_model must be traced before or
    after, for what it measures with is no part of the model.
    """

    def __init__(
        self,
        run: Run,
        model: Any,
        optimizer: Any = None,
        *,
        loss: Any = None,
        step: int = 0,
        every: int = 4 * EVERY,
        probes: bool = True,
    ) -> None:
        """Begins to watch.

        Args:
            run: Where to report.
            model: A keras.Model or tf.Module.
            optimizer: A keras.optimizers.Optimizer, or a sequence of several; None where the loop updates the weights
                by itself.
            loss: The keras.losses.Loss that the loop calls: it tells the targets, which probes of gradients need. Or a
                function that returns the loss, to be described.
            step: The last step before the loop, where a checkpoint left off.
            every: Steps between two fetches. Slow steps are fetched once a second.
            probes: Whether to measure what takes passes of its own over a few samples.

        Raises:
            TypeError: An optimizer is none of Keras's.
        """
        optimizers, variables = _by_name(optimizer), list(model.trainable_variables)
        super().__init__(run, step, every)
        self._model = model
        self._marking = True
        self._taken = 0
        self._samples: Samples | None = None
        self._batch: Any = None
        self._probing = probes and isinstance(model, keras.Model)
        self._looked = False
        self._probes: Probes | None = None
        self._until = self._step + _SAMPLING
        self._recorder = UpdateRecorder(optimizers, every, self._on_problem, self._on_update)
        self._optimizers = optimizers
        self._order: list[int] = []
        self._blind = not optimizers  # steps are calls of `log` then
        self._logs: list[signals.Log] = []
        self._loss = loss
        run.describe(described_loop(model, list(optimizers.values()), loss))
        self._recorder.know(variables)
        if not optimizers:
            self._recorder.remember(variables)
        self._recorder.insert()
        if isinstance(model, keras.Model):
            self._samples = Samples(model, loss, self._on_problem)
            self._samples.insert()
        run.before_end(self.remove)

    @unconverted
    @guarded
    def log(self, /, loss: Any = None, *, gradients: Any = None, **scalars: Any) -> None:
        """Takes in what the loop says of its step; to be called from Python, outside of any tf.function.

        Args:
            loss: Of the step: a tensor, which is not waited for, or a number. The mean is taken of one a sample or a
                replica, and of several calls before one update. After many updates in one tf.function: that of the last
                one, or those of all, [updates]. None: what is said belongs to the steps so far, such as a validation's
                outcome.
            gradients: Where no optimizer of Keras's updates the weights: the gradients of the step, by the model's
                trainable variables, once these are updated.
            **scalars: Further numbers by name: accuracy, val_loss.
        """
        if not self._run.recording:
            return
        if loss is None and gradients is None:
            self._remark(scalars)
        else:
            if gradients is not None:
                self._recorder.updated(*self._paired(gradients))
            self._take(loss, scalars)

    @unconverted
    def gradients(self, gradients: Any) -> Any:
        """Takes gradients as they are before the loop changes them, by clipping for instance; works in a tf.function.

        What the optimizer is given next is taken for the same gradients. Clipping by TensorFlow's own functions in a
        tf.function need not be told of.

        Args:
            gradients: By the model's trainable variables.

        Returns:
            The same.
        """
        if not self.off:
            try:
                gradients = list(gradients)
                self._recorder.use(*self._paired(gradients))
            except Exception as problem:
                self.switch_off(problem)
        return gradients

    def _paired(self, gradients: Any) -> tuple[list[Any], list[Any]]:
        given, variables = list(gradients), list(self._model.trainable_variables)
        if len(given) != len(variables):
            raise ValueError(
                f"gradients: expected one for each of the model's {len(variables)} trainable variables, "
                f"got {len(given)}"
            )
        return given, variables

    def _take(self, loss: Any, scalars: dict[str, Any]) -> None:
        if not tf.executing_eagerly():
            raise ValueError("watch.log() runs once a step, in Python: call it outside of the tf.function")
        values = {} if loss is None else {LOSS: signals.kept(loss)}
        for name, value in scalars.items():
            if value is not None:
                values[name] = signals.kept(value)
        self._logs.append(signals.Log(time.time(), self._recorder.mark() if self._marking else None, values))
        self._taken += 1
        following = self._taken + 1
        self._recorder.weighs_eager = following <= FIRST or following % _WEIGHED == 0
        self._stepped()

    def _remark(self, scalars: dict[str, Any]) -> None:
        self._fetch(None)  # how many steps there were is known then
        super()._remark(scalars)

    def _recorded(self) -> Recorded | None:
        return None  # steps are not as many as calls of `log`: `_fetch` does it all

    def _detach(self) -> None:
        self._recorder.remove()
        if self._samples is not None:
            self._samples.remove()

    def _fetch(self, probe: int | None) -> None:
        self._times.clear()
        self._fetched_at = time.time()
        self._looked = True
        updates, logs = self._recorder.fetch(), self._logs
        marks = signals.marks(logs, updates.numbers)
        if not self._recorder.began and (self._blind or len(logs) >= _PATIENCE):
            self._despair(logs)
            updates, marks = self._recorder.nothing(len(logs)), list(range(1, len(logs) + 1))
        steps, pending = aligned(updates.numbers, updates.present, marks)
        self._logs = [logs[log] for log in pending]
        self._marking = len(logs) != len(updates.numbers) or marks != (updates.numbers + 1).tolist()
        if not steps:
            return
        if updates.lost:
            self._run.lost(updates.lost, "more updates between two calls of watch.log() than there is room for")
        before = self._step + updates.lost
        self._step = before + len(steps)
        self._order_table(updates)
        recorded = Recorded(
            len(steps),
            signals.said(steps, logs) | signals.learning_rates(updates, steps, list(self._optimizers)),
            signals.blocks(updates, steps, self._order),
        )
        times = [logs[step.logs[-1]].time if step.logs else self._fetched_at for step in steps]
        self._look_at_samples()
        report(self._run, before, times, recorded, None if probe is None else self._probe(self._step))

    def _look_at_samples(self) -> None:
        """Describes the first batch once it is there, and probes the model with some of it from then on."""
        if self._samples is not None:
            batch = self._samples.read()
            if batch is not None:
                self._run.describe(described_batch(self._model, *batch))
                self._batch = batch
            if batch is not None or self._step >= self._until:
                self._samples.remove()
                self._samples = None
        if self._probing and self._probes is None and self._batch is not None and self._order:
            self._begin_probes()

    def _begin_probes(self) -> None:
        try:
            variables = [self._recorder.variables[place] for place in self._order]
            optimizer = next(iter(self._optimizers.values()), None)
            probed: Any = ProbedLoop(self._model, variables, self._loss, optimizer)
            probes = Probes(self._model, variables, self._on_layers, probed)
            probes.begin()
            x, y = self._batch
            probes.use(probe_batch(x, y, weights=None, batch_size=None))
            self._probes = probes
        except Exception:
            _LOG.debug("the model cannot be probed", exc_info=True)
            self._probing = False

    @unconverted
    def _on_problem(self, problem: Exception) -> None:
        if not self.off:  # every replica may meet the same one
            self.switch_off(problem)

    @unconverted
    def _on_update(self) -> None:
        if self._samples is not None:
            self._samples.updated()

    def _on_layers(self, names: list[str]) -> None:
        self._run.describe(RunDescription(probed_layers=names))

    def _due(self, step: int) -> bool:
        if self._probes is None:
            return self._probing and not self._looked  # the first step says what there is to probe
        return self._probes.due(step)

    def _probe(self, step: int) -> Probed | None:
        try:
            return None if self._probes is None else self._probes.run(step, lambda batch: batch)
        except Exception:
            _LOG.debug("the model cannot be probed", exc_info=True)
            self._probing, self._probes = False, None
            return None

    def _despair(self, logs: list[signals.Log]) -> None:
        """Says once that the optimizer is not seen at work."""
        if not self._blind:
            self._blind = True
            _LOG.warning(
                "%d calls of watch.log() and no update by the optimizer: there are losses only, and no norms; call "
                "run.watch() before the first step is traced, and give it the optimizer that the loop calls",
                len(logs),
            )

    def _order_table(self, updates: Updates) -> None:
        """Describes the tensors anew when updates change others than before."""
        changed = set(np.flatnonzero(updates.present.any(axis=0)).tolist())
        if len(updates.numbers) < EVERY // 2:
            changed |= set(self._order)  # those that are missing may be updated less often than others
        if changed == set(self._order):
            return
        places = sorted(changed)
        variables, table = tensor_table(self._model, [self._recorder.variables[place] for place in places])
        self._order = [self._recorder.place(variable) for variable in variables]
        self._run.describe(RunDescription(model=described_model(self._model), tensors=table))
        self._probes = None  # it measures the gradients of the variables before


def _by_name(optimizer: Any) -> dict[str, Any]:
    given = list(optimizer) if isinstance(optimizer, Sequence) else [] if optimizer is None else [optimizer]
    for each in given:
        if not isinstance(each, keras.optimizers.Optimizer):
            raise TypeError(
                f"optimizer: expected a keras.optimizers.Optimizer, got a {type(each).__name__}; leave it out, and "
                "give watch.log() the gradients"
            )
    return dict(zip(unique([each.name for each in given], MAX_NAME), given, strict=True))

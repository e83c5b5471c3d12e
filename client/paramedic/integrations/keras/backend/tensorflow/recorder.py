"""A model's train function that records every step into a ring on the device."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from paramedic.integrations.keras import recorder
from paramedic.integrations.keras.backend.tensorflow.first_batch import FirstBatch
from paramedic.integrations.keras.backend.tensorflow.replicas import averaged, is_first, several
from paramedic.integrations.keras.backend.tensorflow.ring import Ring
from paramedic.integrations.keras.backend.tensorflow.taps import Measured, Taps
from paramedic.integrations.keras.scalars import LOSS, scalars
from paramedic.integrations.keras.traced import Traced, recorded, traced_step
from paramedic.integrations.recorded import Recorded


class Recorder(recorder.Recorder):
    """The monitored train function of a model, as it is compiled now.

    The model's own function is left alone, traced or not, and takes its place again when the fit is over; this one is
    built beside it, and kept for the next fit. Norms are computed from values that the step has anyway, by operations
    that only read: the weights come out as they would have, to the bit.
    """

    def __init__(
        self,
        model: Any,
        capacity: int,
        on_traced: Callable[[Traced], None],
        on_problem: Callable[[Exception], None],
        keeps_batch: bool,
    ) -> None:
        """Builds the function; it is traced when it is first called.

        Args:
            model: A compiled keras.Model.
            capacity: Steps that can be recorded between two fetches.
            on_traced: Told once what the steps consist of, before the first of them runs.
            on_problem: Told of what goes wrong in here, which the training never sees.
            keeps_batch: Whether to keep samples of the first batch.
        """
        super().__init__(model, on_traced, on_problem)
        self._capacity = capacity
        self._taps = Taps(self._optimizers, on_problem)
        self._train_step = model.train_step
        self._ring: Ring | None = None
        self._first_batch = FirstBatch(bool(model.jit_compile)) if keeps_batch else None
        self._function = self._make_function()

    def run(self, iterator: Any) -> Any:
        """Runs what the model's own train function would, and records it."""
        return self._function(iterator)

    def first_batch(self) -> Any:
        """Returns samples of the first batch as the step was given them, numpy; None when there are none."""
        return None if self._first_batch is None else self._first_batch.read()

    def fetch(self) -> Recorded | None:
        """Returns the steps since the last fetch; None when there were none."""
        if self._ring is None or self.traced is None:
            return None
        rows = self._ring.fetch().astype(np.float64)
        if not len(rows):
            return None
        norms = rows[:, len(self.traced.scalars) + len(self.traced.scales) :]
        with np.errstate(all="ignore"):  # a training that breaks must not be told so by our arithmetic
            norms[:] = np.sqrt(2 * norms)
        return recorded(self.traced, rows)

    def probed(self, batch: Any) -> Any:
        """Returns what a probe of the model takes: a batch, for its graph reads the variables themselves."""
        return batch

    def _make_function(self) -> Any:
        # Keras builds the function around model.train_step, and reads that attribute when it does.
        attributes = vars(self.model)
        own_step = attributes.get("train_step")
        attributes["train_step"] = self._recording_step
        try:
            self.model.make_train_function(force=True)
            return self.model.train_function
        finally:
            self.model.train_function = self.plain
            del attributes["train_step"]
            if own_step is not None:
                attributes["train_step"] = own_step

    def _recording_step(self, data: Any) -> Any:
        # Python comes by here when the step is traced, and a step that is compiled asks for it no more.
        self._taps.begin_step()
        self._taps.insert()
        try:
            logs = self._train_step(data)
        finally:
            self._taps.remove()
        try:
            self._record(self._taps.measured, logs if isinstance(logs, Mapping) else {}, data)
            if self._first_batch is not None and is_first():
                self._first_batch.record(data)
        except Exception as problem:
            self._on_problem(problem)
        return logs

    def _record(self, measured: Measured, logs: Mapping[str, Any], data: Any) -> None:
        found = scalars(measured.loss, measured.learning_rates, logs)
        if several() > 1:
            found = _averaged(found, measured.loss is not None)
        if not is_first():
            return
        if self.traced is None:
            updated = [(tensor.variable, tensor.optimizer) for tensor in measured.tensors.values()]
            self.traced = traced_step(self.model, updated, list(measured.loss_scales), list(found), data)
            width = len(found) + len(self.traced.scales) + 3 * len(self.traced.variables)
            self._ring = Ring(self._capacity, width)
            self._on_traced(self.traced)
        assert self._ring is not None
        tensors = [measured.tensors.get(id(variable)) for variable in self.traced.variables]
        row = [found.get(name, np.nan) for name in self.traced.scalars]
        row += [measured.loss_scales.get(name, np.nan) for name in self.traced.scales]
        for part in ("gradient", "weight", "update"):
            row += [np.nan if tensor is None else getattr(tensor, part) for tensor in tensors]
        self._ring.write(tf.stack([tf.cast(value, tf.float32) for value in row]))


def _averaged(found: Mapping[str, Any], divided: bool) -> dict[str, Any]:
    """Averages scalar signals over replicas; all of them ask for it.

    Args:
        found: By name.
        divided: Whether the loss of a replica is its share of the loss, which is their sum.
    """
    shares = several() if divided else 1
    parts = [tf.cast(value, tf.float32) * (shares if name == LOSS else 1) for name, value in found.items()]
    return dict(zip(found, tf.unstack(averaged(tf.stack(parts))), strict=True)) if parts else {}

"""A model's train function that records every step into a ring on the device."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from paramedic.describe.keras import array_profiles, optimizers_of, tensor_table
from paramedic.integrations.keras.backend.tensorflow.first_batch import FirstBatch
from paramedic.integrations.keras.backend.tensorflow.ring import Ring
from paramedic.integrations.keras.backend.tensorflow.taps import Measured, Taps
from paramedic.integrations.recorded import Given, Recorded
from paramedic.v1.description_pb2 import DataProfile, Tensor

LOSS = "loss"
LEARNING_RATE = "learning_rate"


@dataclass(frozen=True, slots=True)
class Traced:
    """What is known of a train step once it was traced for the first time.

    Attributes:
        scalars: Names of the scalar signals, in the order of the columns.
        scales: Optimizers that scale the loss; their scales are the columns that follow.
        variables: Variables that optimizers update, in forward order; three columns each follow, signal by signal.
        table: The same variables, described.
        scale_of: For each variable, the position of its optimizer in scales; -1 for one that does not scale.
        data: Inputs and targets of the step.
        weighted: Whether the step was given weights of samples, which is also what Keras makes of weights of classes.
    """

    scalars: tuple[str, ...]
    scales: tuple[str, ...]
    variables: tuple[Any, ...]
    table: tuple[Tensor, ...]
    scale_of: npt.NDArray[np.int64]
    data: DataProfile
    weighted: bool

    @property
    def metrics(self) -> list[str]:
        """Names of what is reported beside the loss and the learning rates."""
        return [name for name in self.scalars if name != LOSS and not name.startswith(LEARNING_RATE)]


class Recorder:
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
        first_batch: FirstBatch | None = None,
    ) -> None:
        """Builds the function; it is traced when it is first called.

        Args:
            model: A compiled keras.Model.
            capacity: Steps that can be recorded between two fetches.
            on_traced: Told once what the steps consist of, before the first of them runs.
            on_problem: Told of what goes wrong in here, which the training never sees.
            first_batch: Keeps the first batch; None where nobody needs it.
        """
        self.model = model
        self.first_batch = first_batch
        self.plain = model.train_function
        self.traced: Traced | None = None
        self._capacity = capacity
        self._on_traced = on_traced
        self._on_problem = on_problem
        self._optimizers = optimizers_of(model)
        self._taps = Taps(self._optimizers, on_problem)
        self._train_step = model.train_step
        self._ring: Ring | None = None
        self._function = self._make_function()

    def serves(self, model: Any) -> bool:
        """Whether it was built for this model as it is compiled now."""
        return self.model is model and self.plain is model.train_function and self._optimizers == optimizers_of(model)

    def run(self, iterator: Any) -> Any:
        """Runs what the model's own train function would, and records it."""
        return self._function(iterator)

    def fetch(self) -> Recorded | None:
        """Returns the steps since the last fetch; None when there were none."""
        if self._ring is None or self.traced is None:
            return None
        rows = self._ring.fetch()
        if not len(rows):
            return None
        return _recorded(self.traced, rows)

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
            if self.first_batch is not None:
                self.first_batch.record(data)
        except Exception as problem:
            self._on_problem(problem)
        return logs

    def _record(self, measured: Measured, logs: Mapping[str, Any], data: Any) -> None:
        scalars = _scalars(measured, logs)
        if self.traced is None:
            self.traced = self._describe(measured, tuple(scalars), data)
            width = len(scalars) + len(self.traced.scales) + 3 * len(self.traced.variables)
            self._ring = Ring(self._capacity, width)
            self._on_traced(self.traced)
        assert self._ring is not None
        columns = [scalars.get(name, np.nan) for name in self.traced.scalars]
        columns += [measured.loss_scales.get(name, np.nan) for name in self.traced.scales]
        tensors = [measured.tensors.get(id(variable)) for variable in self.traced.variables]
        for part in ("gradient", "weight", "update"):
            columns += [np.nan if tensor is None else getattr(tensor, part) for tensor in tensors]
        self._ring.write(tf.stack([tf.cast(value, tf.float32) for value in columns]))

    def _describe(self, measured: Measured, scalars: tuple[str, ...], data: Any) -> Traced:
        updated = [tensor.variable for tensor in measured.tensors.values()]
        variables, table = tensor_table(self.model, updated)
        scales = tuple(measured.loss_scales)
        optimizers = [measured.tensors[id(variable)].optimizer for variable in variables]
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        return Traced(
            scalars=scalars,
            scales=scales,
            variables=tuple(variables),
            table=tuple(table),
            scale_of=np.array([scales.index(name) if name in scales else -1 for name in optimizers], np.int64),
            data=DataProfile(inputs=array_profiles(x), targets=array_profiles(y)),
            weighted=weights is not None,
        )


def _scalars(measured: Measured, logs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the scalar signals of a step by name: the batch's own loss, learning rates, and what Keras reports."""
    loss = logs.get(LOSS) if measured.loss is None else measured.loss
    scalars = {} if loss is None else {LOSS: loss}
    for position, (optimizer, rate) in enumerate(measured.learning_rates.items()):
        scalars[f"{LEARNING_RATE}/{optimizer}" if position else LEARNING_RATE] = rate
    for name, value in logs.items():
        scalars.setdefault(name, value)
    return {name: value for name, value in scalars.items() if _is_number(value)}


def _is_number(value: Any) -> bool:
    if not tf.is_tensor(value):
        return isinstance(value, int | float | np.number)
    return bool(value.shape.rank == 0 and (value.dtype.is_floating or value.dtype.is_integer or value.dtype.is_bool))


def _recorded(traced: Traced, rows: npt.NDArray[np.float32]) -> Recorded:
    scalars, scales = len(traced.scalars), len(traced.scales)
    values = rows.astype(np.float64)
    # A last column of ones serves the optimizers that do not scale: they are at position -1.
    scale = np.column_stack([values[:, scalars : scalars + scales], np.ones(len(rows))])[:, traced.scale_of]
    with np.errstate(all="ignore"):  # a training that breaks must not be told so by our arithmetic
        gradient, weight, update = np.split(np.sqrt(2 * values[:, scalars + scales :]), 3, axis=1)
        gradient = (gradient / scale).astype(np.float32)
    blocks: Given = {}
    if gradient.size:
        blocks["gradient_norm"] = (gradient, None)
        blocks["weight_norm"] = (weight.astype(np.float32), None)
        blocks["update_norm"] = (update.astype(np.float32), None)
    columns: Given = {name: (values[:, column].copy(), None) for column, name in enumerate(traced.scalars)}
    return Recorded(len(rows), columns, blocks)

"""A model's train function that hands out a row for every step beside what it returns."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from paramedic.integrations.keras import recorder
from paramedic.integrations.keras.backend.jax.taps import Measured, Taps
from paramedic.integrations.keras.backend.shared.first_batch import FirstBatch
from paramedic.integrations.keras.scalars import scalars
from paramedic.integrations.keras.traced import Traced, recorded, traced_step
from paramedic.integrations.recorded import Recorded


class _Step(NamedTuple):
    """What a step returns beside its state: what Keras asked for, and a row."""

    logs: Any
    row: Any


class Recorder(recorder.Recorder):
    """The monitored train function of a model, as it is compiled now.

    The model's own function is left alone, traced or not, and takes its place again when the fit is over; this one is
    built beside it, and kept for the next fit. Its step is compiled with norms of values that it has anyway as a
    further output, which is taken away before Keras sees it, and stays on the device.
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
            capacity: Steps that are recorded between two fetches.
            on_traced: Told once what the steps consist of, before the first of them runs.
            on_problem: Told of what goes wrong in here, which the training never sees.
            keeps_batch: Whether to keep samples of the first batch.
        """
        super().__init__(model, on_traced, on_problem)
        self._capacity = capacity
        self._taps = Taps(model, self._optimizers, on_problem)
        self._train_step = model.train_step
        self._first_batch = FirstBatch() if keeps_batch else None
        self._widths: dict[str, int] = {}
        self._order: Any = None
        self._rows: list[Any] = []
        self._state: Any = None
        self._function = self._make_function()

    def run(self, state: Any, iterator: Any) -> Any:
        """Runs what the model's own train function would, and records it."""
        self._state = None  # it is given away to the step
        logs, self._state = self._function(state, iterator)
        return logs, self._state

    def fetch(self) -> Recorded | None:
        """Returns the steps since the last fetch; None when there were none. Waits for the last of them."""
        rows, self._rows = self._rows, []
        if not rows or self.traced is None:
            return None
        return recorded(self.traced, np.stack(jax.device_get(rows))[:, self._order])

    def first_batch(self) -> Any:
        """Returns samples of the first batch as the step was given them, numpy; None when there are none."""
        return None if self._first_batch is None else self._first_batch.read()

    def probed(self, batch: Any) -> Any:
        """Returns what a probe of the model takes: a batch, and the weights that the last step left."""
        trainable, others, optimizer, _ = self._state
        numbers = zip(self.model.optimizer.variables, optimizer, strict=True)
        return {
            "batch": batch,
            "trainable": trainable,
            "others": others,
            "numbers": [value for variable, value in numbers if variable.shape == ()],
        }

    def _make_function(self) -> Any:
        # Keras builds the function around these attributes, and reads them when it does.
        attributes = vars(self.model)
        build = self.model._make_function
        own = {name: attributes[name] for name in ("train_step", "_make_function") if name in attributes}
        attributes["train_step"] = self._recording_step
        attributes["_make_function"] = lambda step_function: build(self._collecting(step_function))
        try:
            self.model.make_train_function(force=True)
            return self.model.train_function
        finally:
            self.model.train_function = self.plain
            del attributes["train_step"], attributes["_make_function"]
            attributes.update(own)

    def _collecting(self, step_function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """Takes the rows out of what a step returns, of which there may be several an execution."""

        def step(state: Any, data: Any) -> Any:
            if self._first_batch is not None:
                self._keep(data)
            returned, state = step_function(state, data)
            if not isinstance(returned, _Step):
                return returned, state
            if returned.row is not None and len(self._rows) < self._capacity:
                self._rows.append(returned.row)
            return returned.logs, state

        return step

    def _keep(self, data: Any) -> None:
        try:
            assert self._first_batch is not None
            self._first_batch.record(data)
        except Exception as problem:
            self._on_problem(problem)

    def _recording_step(self, state: Any, data: Any) -> Any:
        # Python comes by here when the step is traced, and a step that is compiled asks for it no more.
        self._taps.begin_step()
        self._taps.insert()
        try:
            logs, state = self._train_step(state, data)
        finally:
            self._taps.remove()
        row = None
        try:
            row = self._row(self._taps.measured, logs if isinstance(logs, Mapping) else {}, data)
        except Exception as problem:
            self._on_problem(problem)
        return _Step(logs, row), state

    def _row(self, measured: Measured, logs: Mapping[str, Any], data: Any) -> Any:
        found = scalars(measured.loss, measured.learning_rates, logs)
        if self.traced is None:
            self._describe(measured, found, data)
        traced = self.traced
        assert traced is not None
        numbers = [found.get(name, np.nan) for name in traced.scalars]
        numbers += [measured.loss_scales.get(name, np.nan) for name in traced.scales]
        norms = [measured.norms.get(name, np.full(width, np.nan)) for name, width in self._widths.items()]
        return _joined(numbers, norms)

    def _describe(self, measured: Measured, found: Mapping[str, Any], data: Any) -> None:
        updated = [(variable, name) for name, variables in measured.variables.items() for variable in variables]
        traced = traced_step(self.model, updated, list(measured.loss_scales), list(found), data)
        # Rows have the tensors optimizer by optimizer, and each of these its gradients first; it is the host that
        # puts them into the order of the table.
        columns: dict[tuple[int, int], int] = {}
        for variables in measured.variables.values():
            for signal in range(3):
                for variable in variables:
                    columns[signal, id(variable)] = len(columns)
        first = len(traced.scalars) + len(traced.scales)
        order = [columns[signal, id(variable)] for signal in range(3) for variable in traced.variables]
        self._order = np.concatenate([np.arange(first), first + np.array(order, np.int64)])
        self._widths = {name: 3 * len(variables) for name, variables in measured.variables.items()}
        self.traced = traced
        self._on_traced(traced)


def _row(numbers: list[Any], norms: list[Any]) -> Any:
    parts = [jnp.asarray(each, jnp.float32).reshape(1) for each in numbers]
    return jnp.concatenate([jnp.zeros(0), *parts, *norms], dtype=jnp.float32)


_joined = jax.jit(_row)

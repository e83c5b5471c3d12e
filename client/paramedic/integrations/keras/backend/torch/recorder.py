"""A model's train function that records every step into rings on the device."""

from collections.abc import Callable, Mapping
from typing import Any

from paramedic.integrations.keras import recorder
from paramedic.integrations.keras.backend.shared.first_batch import FirstBatch
from paramedic.integrations.keras.backend.torch.taps import Taps
from paramedic.integrations.keras.scalars import scalars
from paramedic.integrations.keras.traced import Traced, traced_step
from paramedic.integrations.recorded import Recorded
from paramedic.integrations.torch.said import Said
from paramedic.integrations.torch.transfer import fetched


class Recorder(recorder.Recorder):
    """The monitored train function of a model, as it is compiled now.

    That is the model's own function, with its optimizers tapped for as long as it runs. One that torch compiles is not
    tapped, as that would be compiled along with it and change how it rounds: of its steps there is what they return.
    """

    def __init__(
        self,
        model: Any,
        _capacity: int,
        on_traced: Callable[[Traced], None],
        on_problem: Callable[[Exception], None],
        keeps_batch: bool,
    ) -> None:
        """Prepares to record.

        Args:
            model: A compiled keras.Model.
            _capacity: Steps that can be recorded between two fetches; what is recorded here takes the room it needs.
            on_traced: Told once what the steps consist of, after the first of them.
            on_problem: Told of what goes wrong in here, which the training never sees.
            keeps_batch: Whether to keep samples of the first batch.
        """
        super().__init__(model, on_traced, on_problem)
        self._tapped = not model.jit_compile
        self._taps = Taps(self._optimizers, on_problem)
        self._said = Said()
        self._first_batch = FirstBatch() if keeps_batch else None
        self._steps = 0
        self._count = 0
        self._unmeasured = 0

    def run(self, data: Any) -> Any:
        """Runs the model's own train function, and records it."""
        if self._tapped:
            self._begin()
            self._taps.insert()
        try:
            logs = self.plain(data)
        finally:
            self._taps.remove()
        try:
            self._record(logs if isinstance(logs, Mapping) else {}, data)
        except Exception as problem:
            self._on_problem(problem)
        return logs

    def fetch(self) -> Recorded | None:
        """Returns the steps since the last fetch; None when there were none. Waits for the last of them."""
        count, self._count = self._count, 0
        unmeasured, self._unmeasured = self._unmeasured, 0
        if not count:
            return None
        norms = self._taps.norms
        measured = [] if norms is None else norms.take()
        arrays = fetched([*measured, *self._said.take()])
        scalars = self._said.columns(arrays[len(measured) :])
        if norms is None:
            return Recorded(count, scalars)
        rows, blocks = norms.blocks(arrays[: len(measured)])
        if unmeasured:
            blocks = {
                name: (values, [unmeasured + row for row in (range(rows) if given is None else given)])
                for name, (values, given) in blocks.items()
            }
        return Recorded(count, scalars, blocks)

    def first_batch(self) -> Any:
        """Returns samples of the first batch as the step was given them, numpy; None when there are none."""
        return None if self._first_batch is None else self._first_batch.read()

    def probed(self, batch: Any) -> Any:
        """Returns what a probe of the model takes: a batch, and the weights."""
        model = self.model
        return {
            "batch": batch,
            "trainable": [variable.value for variable in model.trainable_variables],
            "others": [variable.value for variable in model.non_trainable_variables],
            "numbers": [variable.value for variable in model.optimizer.variables if variable.shape == ()],
        }

    def _begin(self) -> None:
        try:
            if self._taps.norms is None and all(optimizer.built for optimizer in self._optimizers.values()):
                self._taps.prepare()
            self._taps.begin_step(self._steps)
        except Exception as problem:
            self._on_problem(problem)

    def _record(self, logs: Mapping[str, Any], data: Any) -> None:
        taps = self._taps
        found = scalars(taps.loss, taps.learning_rates, logs)
        for name, value in found.items():
            self._said.say(name, value)
        self._said.write()
        norms = taps.norms
        if norms is not None:
            norms.write()
        if self.traced is None:
            self._describe(found, data[0])
        if taps.norms is not norms or norms is None:
            self._unmeasured += 1  # what was to be measured is known only now
        self._steps += 1
        self._count += 1

    def _describe(self, found: Mapping[str, Any], data: Any) -> None:
        taps = self._taps
        if taps.updated:
            taps.prepare()
        described = [] if taps.norms is None else list(taps.known.values())
        self.traced = traced_step(self.model, described, [], list(found), data)
        if taps.norms is not None:
            taps.norms.arrange([variable.value for variable in self.traced.variables])
        if self._first_batch is not None:
            self._first_batch.record(data)
        self._on_traced(self.traced)

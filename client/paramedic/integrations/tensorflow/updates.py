"""What optimizers are asked to do, recorded on the device while they do it."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from paramedic.integrations.keras.backend.tensorflow.replicas import is_first, summed
from paramedic.integrations.keras.backend.tensorflow.taps import half_square, loss_scale, read
from paramedic.integrations.tensorflow.clipping import unclipped
from paramedic.integrations.tensorflow.journal import Journal
from paramedic.integrations.tensorflow.unconverted import unconverted

_HEAD = 3
"""Numbers of a row before the norms: its kind, learning rate, loss scale."""


@dataclass(frozen=True, slots=True)
class Updates:
    """Updates that were fetched, in order.

    Attributes:
        numbers: int64 [updates], counted from 0.
        optimizers: Names, [updates].
        rates: Learning rates, float64 [updates].
        norms: Of gradients, weights and updates, float32 [updates, 3, variables]; zero where nothing was updated.
        present: Which variables were updated, [updates, variables].
        weighed: Whether weights and updates were measured, [updates]; gradients always are.
        lost: Updates before them that came too fast to be kept.
    """

    numbers: npt.NDArray[np.int64]
    optimizers: list[str]
    rates: npt.NDArray[np.float64]
    norms: npt.NDArray[np.float32]
    present: npt.NDArray[np.bool_]
    weighed: npt.NDArray[np.bool_]
    lost: int


@dataclass(frozen=True, slots=True)
class _Kind:
    """What rows of one kind tell of: the updates by one optimizer of some variables."""

    optimizer: str
    scaled: bool
    weighed: bool
    places: tuple[int, ...]


class UpdateRecorder:
    """Stands between a loop and its optimizers, and writes a row on the device for each update.

    The row is written where the update happens: at once, or in whatever graph, branch or loop calls the optimizer. Over
    several replicas, the first one writes it, of the gradients of all.

    Attributes:
        variables: That were updated so far, as they became known.
        weighs_eager: Whether weights and updates are measured of updates outside of graphs, where each operation is a
            call from Python. In a graph, where it is none, they always are: to choose costs small models more.
    """

    def __init__(
        self,
        optimizers: Mapping[str, Any],
        every: int,
        on_problem: Callable[[Exception], None],
        on_update: Callable[[], None],
    ) -> None:
        """Prepares to record.

        Args:
            optimizers: Keras's, by name.
            every: Updates that are expected between two fetches.
            on_problem: Told of what goes wrong in here, which the training never sees.
            on_update: Told that an optimizer is called, in Python.
        """
        self._on_update = on_update
        self.variables: list[Any] = []
        self.weighs_eager = True
        self._on_problem = on_problem
        self._patches = [(vars(each), self._tap(name, each)) for name, each in optimizers.items()]
        self._places: dict[int, int] = {}
        self._kinds: list[_Kind] = []
        self._journal = Journal(every)
        self._gradients: dict[int, Any] = {}
        self._weights: dict[int, Any] = {}

    def insert(self) -> None:
        """Puts the taps in. They are attributes of the optimizers: copies and what is saved know nothing of them."""
        for attributes, apply in self._patches:
            attributes["apply"] = apply

    def remove(self) -> None:
        """Takes the taps out. Graphs that were traced meanwhile go on writing rows, which nobody reads."""
        for attributes, apply in self._patches:
            if attributes.get("apply") is apply:
                del attributes["apply"]
        self._weights = {}

    def know(self, variables: Iterable[Any]) -> None:
        """Makes room for variables that updates are expected of."""
        variables = list(variables)
        for variable in variables:
            if id(variable) not in self._places:
                place = self._places.get(id(_inner(variable)), len(self.variables))
                self._places[id(variable)] = self._places[id(_inner(variable))] = place
                if place == len(self.variables):
                    self.variables.append(variable)

    def place(self, variable: Any) -> int:
        """Returns the place of a variable that is known."""
        return self._places[id(variable)]

    def use(self, gradients: Sequence[Any], variables: Sequence[Any]) -> None:
        """Takes gradients in place of those that the next update, in the same graph, is given."""
        self._gradients = {id(variable): each for variable, each in zip(variables, gradients, strict=True)}

    @property
    def began(self) -> bool:
        """Whether an optimizer was called, or a graph that calls it traced."""
        return bool(self._kinds)

    def mark(self) -> Any:
        """Returns how many updates there were, on the device."""
        return self._journal.mark()

    def fetch(self) -> Updates:
        """Returns the updates since the last time; waits for them."""
        parts, new = self._journal.fetch()
        width = len(self.variables)
        numbers = np.concatenate([np.zeros(0, np.int64), *(part for part, _ in parts)])
        rows = np.concatenate([np.zeros((0, _HEAD + 3 * width)), *(_widened(part, width) for _, part in parts)])
        order = np.argsort(numbers)
        return self._read(numbers[order], rows[order], new - len(rows))

    def nothing(self, count: int) -> Updates:
        """Returns updates of which nothing was seen."""
        width = len(self.variables)
        return Updates(
            numbers=np.arange(count),
            optimizers=[""] * count,
            rates=np.full(count, np.nan),
            norms=np.zeros((count, 3, width), np.float32),
            present=np.zeros((count, width), np.bool_),
            weighed=np.zeros(count, np.bool_),
            lost=0,
        )

    def remember(self, variables: Sequence[Any]) -> None:
        """Keeps the values of variables that are updated by no optimizer."""
        self._weights = {id(variable): read(variable) for variable in variables}

    def updated(self, gradients: Sequence[Any], variables: Sequence[Any]) -> None:
        """Records an update that no optimizer made, once it is made; of variables that were remembered before it."""
        pairs = list(zip(gradients, variables, strict=True))
        known = [(gradient, variable) for gradient, variable in pairs if id(variable) in self._weights]
        before = _Before(
            variables=[variable for _, variable in known],
            gradients=[half_square(gradient) for gradient, _ in known],
            weights=[self._weights[id(variable)] for _, variable in known],
            rate=tf.constant(np.nan),
            scale=None,
        )
        self._write("", before)
        self.remember(variables)

    def _read(self, numbers: npt.NDArray[np.int64], rows: npt.NDArray[np.float64], lost: int) -> Updates:
        kinds = rows[:, 0].astype(np.int64)
        changed = np.zeros((len(self._kinds), len(self.variables)), np.bool_)
        for number, kind in enumerate(self._kinds):
            changed[number, list(kind.places)] = True
        scaled = np.array([kind.scaled for kind in self._kinds], np.bool_)[kinds]
        with np.errstate(all="ignore"):  # a training that breaks must not be told so by our arithmetic
            norms = np.sqrt(2 * rows[:, _HEAD:]).reshape(len(rows), 3, len(self.variables))
            norms[:, 0] /= np.where(scaled, rows[:, 2], 1.0)[:, None]
        return Updates(
            numbers=numbers,
            optimizers=[self._kinds[kind].optimizer for kind in kinds.tolist()],
            rates=rows[:, 1],
            norms=norms.astype(np.float32),
            present=changed[kinds],
            weighed=np.array([kind.weighed for kind in self._kinds], np.bool_)[kinds],
            lost=max(lost, 0),
        )

    def _tap(self, name: str, optimizer: Any) -> Callable[..., Any]:
        original = optimizer.apply

        def apply(grads: Any, trainable_variables: Any = None) -> Any:
            grads = list(grads)  # either may be an iterator, and is read twice
            if trainable_variables is not None:
                trainable_variables = list(trainable_variables)
            before = None
            try:
                self._on_update()
                before = self._before(optimizer, grads, trainable_variables)
            except Exception as problem:
                self._on_problem(problem)
            result = original(grads, trainable_variables)
            if before is not None:
                try:
                    self._write(name, before)
                except Exception as problem:
                    self._on_problem(problem)
            return result

        # AutoGraph leaves Keras's code alone, and converts an author's own.
        return unconverted(apply) if original.__module__.startswith("keras.") else apply

    @unconverted
    def _before(self, optimizer: Any, gradients: list[Any], variables: list[Any] | None) -> "_Before | None":
        """Measures what an update starts from; None where another replica does."""
        given, self._gradients = self._gradients, {}
        if variables is None:
            variables = optimizer._trainable_variables
        pairs = [
            (variable, given.get(id(variable), unclipped(gradient)))
            for variable, gradient in zip(variables, gradients, strict=True)
            if not getattr(variable, "overwrite_with_gradient", False)  # its "gradient" is its next value
        ]
        variables, gradients = [variable for variable, _ in pairs], [gradient for _, gradient in pairs]
        gradients = summed(gradients)
        if not is_first():
            return None
        weighed = self.weighs_eager or not tf.executing_eagerly()
        return _Before(
            variables=variables,
            gradients=[half_square(gradient) for gradient in gradients],
            weights=[read(variable) for variable in variables] if weighed else None,
            rate=tf.convert_to_tensor(optimizer.learning_rate),
            scale=loss_scale(optimizer),
        )

    @unconverted
    def _write(self, name: str, before: "_Before") -> None:
        self.know(before.variables)
        places = tuple(self._places[id(variable)] for variable in before.variables)
        kind = _Kind(name, before.scale is not None, before.weights is not None, places)
        if kind not in self._kinds:
            self._kinds.append(kind)
        norms: list[list[Any]] = [[0.0] * len(self.variables) for _ in range(3)]
        for place, gradient in zip(places, before.gradients, strict=True):
            norms[0][place] = gradient
        if before.weights is not None:
            for place, weight, variable in zip(places, before.weights, before.variables, strict=True):
                norms[1][place], norms[2][place] = half_square(weight), half_square(read(variable) - weight)
        scale = 1.0 if before.scale is None else before.scale
        self._journal.write([self._kinds.index(kind), before.rate, scale, *itertools.chain(*norms)])


@dataclass(frozen=True, slots=True)
class _Before:
    """What an update starts from.

    Attributes:
        variables: That it changes.
        gradients: Half their squared norms, before clipping.
        weights: Their values; None where weights and updates are not measured.
        rate: The learning rate.
        scale: What the loss was multiplied by; None where it was not.
    """

    variables: list[Any]
    gradients: list[Any]
    weights: list[Any] | None
    rate: Any
    scale: Any


def _widened(rows: npt.NDArray[np.float32], width: int) -> npt.NDArray[np.float64]:
    """Rows with room for the variables that became known since."""
    before = (rows.shape[1] - _HEAD) // 3
    wide = np.zeros((len(rows), _HEAD + 3 * width))
    wide[:, :_HEAD] = rows[:, :_HEAD]
    wide[:, _HEAD:].reshape(len(rows), 3, width)[:, :, :before] = rows[:, _HEAD:].reshape(len(rows), 3, before)
    return wide


def _inner(variable: Any) -> Any:
    """TensorFlow's variable within Keras's: a loop may hand an optimizer either."""
    return variable.value if isinstance(variable, keras.Variable) else variable

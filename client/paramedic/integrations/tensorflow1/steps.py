"""Steps of a training whose runs may each update a part of the variables only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from paramedic.integrations.recorded import Given, Recorded

Row = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Where the numbers of one optimizer's runs belong.

    Attributes:
        scalars: Signals by their position in what a run fetches; absent where the optimizer has none.
        columns: Of the tensor table, int64 [variables].
        whole: Whether the table has no others.
    """

    scalars: Mapping[str, int]
    columns: npt.NDArray[np.int64]
    whole: bool


@dataclass(slots=True, eq=False)
class Part:
    """What one run added to a step.

    Attributes:
        place: Of its numbers.
        row: float32 [2 + variables]: the loss, the learning rate, and half the squared norm of each gradient.
        weights: float32 [2, variables]: half the squared norms of weights and updates; None where not measured.
    """

    place: Place
    row: Row
    weights: Any = None


@dataclass(slots=True, eq=False)
class Step:
    """One step.

    Attributes:
        parts: What its runs added.
        said: What the loop says of it, by signal.
    """

    parts: list[Part] = field(default_factory=list)
    said: dict[str, float] = field(default_factory=dict)


class Steps:
    """Puts steps together from runs.

    Where several optimizers train in turn, as those of a GAN, a step lasts until a variable is updated again. It has
    norms where all variables were updated in it: a step with those of one network only has scalars.
    """

    def __init__(self) -> None:
        self._width = 0
        self._open: Step | None = None
        self._filled: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._closed: list[Step] = []

    def resize(self, width: int) -> None:
        """The tensor table has another length; no step is open."""
        self._width = width

    @property
    def last(self) -> Step | None:
        """The step that ran last, as long as it was not collected."""
        return self._open or (self._closed[-1] if self._closed else None)

    def ends_before(self, place: Place) -> bool:
        """Whether a run belongs to another step than the one that is open."""
        return self._open is not None and bool(self._filled[place.columns].any())

    def add(self, part: Part) -> bool:
        """Adds a run to the step that is open.

        Returns:
            Whether every variable was updated by now.
        """
        if self._open is None:
            self._open = Step()
            if not part.place.whole:
                self._filled = np.zeros(self._width, np.bool_)
        self._open.parts.append(part)
        if part.place.whole:
            return True
        self._filled[part.place.columns] = True
        return bool(self._filled.all())

    def close(self) -> bool:
        """Ends the step that is open; whether there was one."""
        if self._open is None:
            return False
        self._closed.append(self._open)
        self._open = None
        return True

    def collect(self) -> Recorded | None:
        """Returns the steps that were closed since the last time; None when there were none."""
        steps, self._closed = self._closed, []
        if not steps:
            return None
        scalars = [self._scalars(step) for step in steps]
        with np.errstate(all="ignore"):  # a training that breaks must not be told so by our arithmetic
            blocks = [self._norms(step) for step in steps]
        return Recorded(len(steps), _columns(scalars), _columns(blocks))

    def _scalars(self, step: Step) -> dict[str, float]:
        found = {name: float(part.row[index]) for part in step.parts for name, index in part.place.scalars.items()}
        return found | step.said

    def _norms(self, step: Step) -> dict[str, Row]:
        found = {"gradient_norm": self._joined(step, [part.row[2:] for part in step.parts])}
        if all(part.weights is not None for part in step.parts):
            found["weight_norm"] = self._joined(step, [part.weights[0] for part in step.parts])
            found["update_norm"] = self._joined(step, [part.weights[1] for part in step.parts])
        return {name: np.sqrt(2 * row) for name, row in found.items() if row is not None}

    def _joined(self, step: Step, rows: Sequence[Row]) -> Row | None:
        """Returns the numbers of all variables; None where some were not updated."""
        if step.parts[0].place.whole:
            return rows[-1]
        joined, known = np.zeros(self._width, np.float32), np.zeros(self._width, np.bool_)
        for part, row in zip(step.parts, rows, strict=True):
            joined[part.place.columns] = row
            known[part.place.columns] = True
        return joined if known.all() else None


def _columns(rows: Sequence[dict[str, Any]]) -> Given:
    """Turns rows into columns, with the rows that each has values of."""
    found: dict[str, tuple[list[Any], list[int]]] = {}
    for place, row in enumerate(rows):
        for name, value in row.items():
            values, places = found.setdefault(name, ([], []))
            values.append(value)
            places.append(place)
    return dict(found)

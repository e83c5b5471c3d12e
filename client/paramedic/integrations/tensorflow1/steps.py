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
        scalars: Positions of signals in what a run fetches; absent where the optimizer has none.
        columns: Of the tensor table, int64 [variables].
    """

    scalars: Mapping[str, int]
    columns: npt.NDArray[np.int64]


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
        self._only: Place | None = None
        # Nearly all steps are nothing but the row of the only optimizer.
        self._closed: list[Step | Row] = []

    def arrange(self, width: int, places: Sequence[Place]) -> None:
        """The tensor table is another; no step is open, and all were collected."""
        self._width = width
        self._only = places[0] if len(places) == 1 else None

    def say(self, scalars: dict[str, float]) -> bool:
        """Adds what the loop says to the step that ran last; False when that was collected."""
        step = self._open or (self._closed[-1] if self._closed else None)
        if step is None:
            return False
        if not isinstance(step, Step):
            self._closed[-1] = step = self._step(step)
        step.said |= scalars
        return True

    def ends_before(self, place: Place) -> bool:
        """Whether a run belongs to another step than the one that is open."""
        return self._open is not None and bool(self._filled[place.columns].any())

    def add_whole(self, row: Row) -> None:
        """Adds a step of the only optimizer."""
        self._closed.append(row)

    def add(self, part: Part) -> bool:
        """Adds a run to the step that is open.

        Returns:
            Whether every variable was updated by now.
        """
        if self._open is None:
            self._open = Step()
            self._filled = np.zeros(self._width, np.bool_)
        self._open.parts.append(part)
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
        closed, self._closed = self._closed, []
        if not closed:
            return None
        with np.errstate(all="ignore"):  # a training that breaks must not be told so by our arithmetic
            return self._of_one(self._only, closed) if self._only is not None else self._of_many(closed)

    def _of_one(self, place: Place, closed: Sequence[Step | Row]) -> Recorded:
        """Steps of one optimizer, which are as many rows."""
        rows = np.stack([each.parts[-1].row if isinstance(each, Step) else each for each in closed])
        scalars: Given = {name: (rows[:, index], None) for name, index in place.scalars.items()}
        blocks: Given = {"gradient_norm": (np.sqrt(2 * rows[:, 2:]), None)}
        steps = [each if isinstance(each, Step) else None for each in closed]
        said = _columns([step.said if step is not None else {} for step in steps])
        for name in said.keys() & scalars.keys():  # what the loop says of a step holds for that step
            column = rows[:, place.scalars[name]].astype(np.float64)
            column[said[name][1]] = said[name][0]
            said[name] = column, None
        weighed = [index for index, step in enumerate(steps) if step is not None and step.parts[-1].weights is not None]
        if weighed:
            squares = np.stack([steps[index].parts[-1].weights for index in weighed])  # type: ignore[union-attr]
            blocks["weight_norm"] = np.sqrt(2 * squares[:, 0]), weighed
            blocks["update_norm"] = np.sqrt(2 * squares[:, 1]), weighed
        return Recorded(len(closed), scalars | said, blocks)

    def _of_many(self, closed: Sequence[Step | Row]) -> Recorded:
        """Steps of several optimizers."""
        steps = [each if isinstance(each, Step) else self._step(each) for each in closed]
        blocks = _columns([self._norms(step) for step in steps])
        norms: Given = {name: (np.sqrt(2 * np.array(rows)), places) for name, (rows, places) in blocks.items()}
        return Recorded(len(steps), _columns([self._scalars(step) for step in steps]), norms)

    def _step(self, row: Row) -> Step:
        assert self._only is not None, "only one optimizer's steps are nothing but a row"
        return Step([Part(self._only, row)])

    def _scalars(self, step: Step) -> dict[str, float]:
        found = {name: part.row[index] for part in step.parts for name, index in part.place.scalars.items()}
        return found | step.said

    def _norms(self, step: Step) -> dict[str, Row]:
        """Returns half the squared norms of a step, by signal."""
        found = {"gradient_norm": self._joined(step, [part.row[2:] for part in step.parts])}
        if all(part.weights is not None for part in step.parts):
            found["weight_norm"] = self._joined(step, [part.weights[0] for part in step.parts])
            found["update_norm"] = self._joined(step, [part.weights[1] for part in step.parts])
        return {name: row for name, row in found.items() if row is not None}

    def _joined(self, step: Step, rows: Sequence[Row]) -> Row | None:
        """Returns the numbers of all variables; None where some were not updated."""
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

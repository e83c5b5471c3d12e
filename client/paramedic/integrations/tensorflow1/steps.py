"""Steps of a training whose runs may each update a part of the variables only."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from paramedic.integrations.recorded import Given, Recorded

Norms = npt.NDArray[np.float32]


@dataclass(slots=True)
class Step:
    """One step.

    Attributes:
        scalars: By signal.
        norms: float32 [tensors] by signal, where all tensors have them.
    """

    scalars: dict[str, float] = field(default_factory=dict)
    norms: dict[str, Norms] = field(default_factory=dict)


class Steps:
    """Puts steps together from runs.

    Where several optimizers train in turn, as those of a GAN, a step lasts until a variable is updated again. It has
    norms where all variables were updated in it: a step with those of one network only has scalars.
    """

    def __init__(self) -> None:
        self._width = 0
        self._open: Step | None = None
        self._filled: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._partial: dict[str, tuple[Norms, npt.NDArray[np.bool_]]] = {}
        self._closed: list[Step] = []

    def resize(self, width: int) -> None:
        """The tensor table has another length; no step is open."""
        self._width = width

    @property
    def last(self) -> Step | None:
        """The step that ran last, as long as it was not collected."""
        return self._open or (self._closed[-1] if self._closed else None)

    def ends_before(self, columns: npt.NDArray[np.int64]) -> bool:
        """Whether a run that updates these columns of the table belongs to another step than the one that is open."""
        return self._open is not None and bool(self._filled[columns].any())

    def add(self, columns: npt.NDArray[np.int64], scalars: dict[str, float], norms: dict[str, Norms]) -> bool:
        """Adds a run to the step that is open.

        Args:
            columns: Of the table, that it updated.
            scalars: By signal.
            norms: float32 [columns] by signal.

        Returns:
            Whether every variable was updated by now.
        """
        if self._open is None:
            self._open = Step()
            self._filled = np.zeros(self._width, np.bool_)
        self._open.scalars |= scalars
        for signal, values in norms.items():
            if signal not in self._partial:
                self._partial[signal] = np.zeros(self._width, np.float32), np.zeros(self._width, np.bool_)
            row, known = self._partial[signal]
            row[columns] = values
            known[columns] = True
        self._filled[columns] = True
        return bool(self._filled.all())

    def close(self) -> bool:
        """Ends the step that is open; whether there was one."""
        if self._open is None:
            return False
        self._open.norms = {signal: row for signal, (row, known) in self._partial.items() if known.all()}
        self._closed.append(self._open)
        self._open = None
        self._partial = {}
        return True

    def collect(self) -> Recorded | None:
        """Returns the steps that were closed since the last time; None when there were none."""
        steps, self._closed = self._closed, []
        if not steps:
            return None
        return Recorded(
            len(steps), _columns([step.scalars for step in steps]), _columns([step.norms for step in steps])
        )


def _columns(rows: Sequence[dict[str, Any]]) -> Given:
    """Turns rows into columns, with the rows that each has values of."""
    found: dict[str, tuple[list[Any], list[int]]] = {}
    for place, row in enumerate(rows):
        for name, value in row.items():
            values, places = found.setdefault(name, ([], []))
            values.append(value)
            places.append(place)
    return dict(found)

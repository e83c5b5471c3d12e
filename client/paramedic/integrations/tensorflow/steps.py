"""Which updates of the weights make one step, and which calls of `log` speak of it.

Updates are recorded inside the training's graphs, calls of `log` in Python. What brings them together is how many
updates there had been at the time of each call.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt


@dataclass(slots=True)
class Step:
    """One step of the training.

    Attributes:
        updates: Places of the updates that it consists of, in order: one, unless several optimizers share the work.
        logs: Calls of `log` that speak of it.
        group: Steps between the call of `log` before and the one that speaks of it.
        place: Of the step among them.
    """

    updates: list[int]
    logs: list[int] = field(default_factory=list)
    group: int = 1
    place: int = 0


def aligned(
    numbers: npt.NDArray[np.int64], present: npt.NDArray[np.bool_], marks: Sequence[int]
) -> tuple[list[Step], list[int]]:
    """Makes steps of updates.

    Updates of different variables between two calls of `log` are one step; when a variable is updated again, that is
    the next one. Every step of a group hears what its `log` says. A call that no update came before, as while gradients
    are accumulated, speaks of the step that follows.

    Args:
        numbers: Of the updates, increasing, [updates].
        present: Which variables each of them changed, [updates, variables].
        marks: For each call of `log`, how many updates there had been by then.

    Returns:
        The steps in order, and the calls that speak of none of them yet.
    """
    steps: list[Step] = []
    pending: list[int] = []
    place = 0
    for log, end in enumerate(np.searchsorted(numbers, np.asarray(marks, np.int64)).tolist()):
        before = len(steps)
        place = _add(steps, place, end, present)
        group = steps[before:]
        pending.append(log)
        if group:
            for position, step in enumerate(group):
                step.logs, step.group, step.place = pending, len(group), position
            pending = []
    _add(steps, place, len(numbers), present)
    return steps, pending


def _add(steps: list[Step], place: int, end: int, present: npt.NDArray[np.bool_]) -> int:
    """Makes steps of the updates from one place to another; returns that."""
    updated = None
    for update in range(place, end):
        if updated is None or (updated & present[update]).any():
            steps.append(Step([update]))
            updated = present[update]
        else:
            steps[-1].updates.append(update)
            updated = updated | present[update]
    return end

"""Collects what is logged at one step into one row."""

from operator import index
from typing import Any

from paramedic.run import Run
from paramedic.tags import gradient_norm, signal


class Rows:
    """Values by tag become rows of a run: a row is complete when a later step begins.

    Steps of a run never decrease; other loggers have a count for every tag. What comes with an earlier step, such as a
    validation counted by epochs, belongs to the step at which it came.
    """

    def __init__(self, run: Run) -> None:
        """Begins without a row.

        Args:
            run: Where they go.
        """
        self._run = run
        self._step: int | None = None
        self._values: dict[str, Any] = {}
        self._norms: dict[str, Any] = {}

    @property
    def step(self) -> int | None:
        """The step that is being collected, or was collected last; None before the first."""
        return self._step

    def add(self, tag: str, value: Any, step: int | None) -> None:
        """Takes in a value.

        Args:
            tag: What it is of, in the logger's words.
            value: A number, or a framework's tensor without dimensions.
            step: Its step; None, or what is no number: the one that is being collected.
        """
        at = _whole(step)
        if at is not None and (self._step is None or at > self._step):
            self.flush()
            self._step = at
        tensor = gradient_norm(tag)
        if tensor is None:
            self._values[signal(tag)] = value
        else:
            self._norms[tensor] = value

    def flush(self) -> None:
        """Logs the row that is being collected."""
        values, norms, self._values, self._norms = self._values, self._norms, {}, {}
        if values or norms:
            self._run.log(self._step or 0, values.pop("loss", None), norms or None, **values)


def _whole(step: Any) -> int | None:
    try:
        return int(step) if isinstance(step, float) else index(step)
    except (TypeError, ValueError, OverflowError):
        return None

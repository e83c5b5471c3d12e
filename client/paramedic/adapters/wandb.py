"""Weights & Biases' calls: `from paramedic.adapters import wandb`, then `wandb.init`, `wandb.log`, `wandb.finish`."""

from collections.abc import Iterator, Mapping
from typing import Any

import paramedic
from paramedic.adapters.rows import Rows
from paramedic.run import Run


class Logger:
    """What `init` returns: takes dictionaries of numbers.

    Attributes:
        run: The run that is reported to.
    """

    def __init__(self, run: Run) -> None:
        """Wraps a run.

        Args:
            run: To report to.
        """
        self.run = run
        self._rows = Rows(run)
        self._next = 0

    def log(self, data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
        """Takes in numbers by name; mappings within are told by path, and what is no number is passed over.

        Args:
            data: By name: {"loss": 0.5, "val": {"loss": 0.6}}.
            step: Theirs. None: a step a call.
            commit: Whether the step is complete; None: unless a step is given.
        """
        for tag, value in _flat(data, ""):
            self._rows.add(tag, value, self._next if step is None else step)
        self._next = max(self._next, self._rows.step or 0)
        if commit if commit is not None else step is None:
            self._rows.flush()
            self._next += 1

    def finish(self, exit_code: int | None = None, **ignored: Any) -> None:
        """Ends the run, as failed with another exit code than 0."""
        self._rows.flush()
        self.run.finish("failed" if exit_code else "finished")


_latest: Logger | None = None


def init(
    project: str | None = None,
    config: Mapping[str, Any] | None = None,
    name: str | None = None,
    id: str | None = None,  # noqa: A002  (their word)
    mode: str | None = None,
    **ignored: Any,  # noqa: ARG001
) -> Logger:
    """Begins a run, which the functions of this module report to from here on.

    Args:
        project: Of the run.
        config: The author's settings.
        name: For people.
        id: Unique within the project.
        mode: "online", "offline" or "disabled".
        **ignored: What concerns their service alone: entity, tags, notes.

    Raises:
        TypeError: As `paramedic.init`.
        ValueError: As `paramedic.init`.
    """
    global _latest
    _latest = Logger(paramedic.init(project or "default", name, config, mode=mode, id=id))  # type: ignore[arg-type]
    return _latest


def log(data: Mapping[str, Any], step: int | None = None, commit: bool | None = None) -> None:
    """Takes in numbers by name, as `Logger.log` does.

    Raises:
        RuntimeError: No run was begun.
    """
    _begun().log(data, step, commit)


def finish(exit_code: int | None = None) -> None:
    """Ends the run, where one was begun."""
    global _latest
    if _latest is not None:
        _latest.finish(exit_code)
        _latest = None


def _begun() -> Logger:
    if _latest is None:
        raise RuntimeError("call wandb.init(project=...) before wandb.log")
    return _latest


def _flat(data: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{key}/")
        elif not isinstance(value, str | bytes | list | tuple) and value is not None and hasattr(value, "__float__"):
            yield f"{path}{key}", value

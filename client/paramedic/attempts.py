"""Attempts of one training: what is stored with a checkpoint, and which attempt goes on from it."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from paramedic.names import MAX_IDENTITY_CHARACTERS, name_problem
from paramedic.processes import MAX_NUMBER

_SUFFIX = ".attempt"
_MAX_DIRECTORY_NAME = 120  # file systems take 255 bytes; attempt and rank come behind


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a checkpoint tells of the run that made it.

    Attributes:
        project: Of the run.
        id: Likewise.
        attempt: That made the checkpoint.
    """

    project: str
    id: str
    attempt: int


def read_state(state: object) -> Resumed:
    """Reads what `Run.checkpoint` returned, after whatever way it took through a file.

    Raises:
        TypeError: It is none.
        ValueError: Something in it is missing, or makes no sense.
    """
    if not isinstance(state, Mapping):
        raise TypeError(f"resume: expected what run.checkpoint() returned, got {type(state).__name__}")
    for key in ("project", "id"):
        problem = name_problem(state.get(key), MAX_IDENTITY_CHARACTERS)
        if problem is not None:
            raise ValueError(f"resume[{key!r}]: {problem}; expected what run.checkpoint() returned")
    attempt = state.get("attempt")
    if isinstance(attempt, bool) or not isinstance(attempt, int) or not 0 <= attempt < MAX_NUMBER:
        raise ValueError(f"resume['attempt']: expected 0 to {MAX_NUMBER - 1}, got {attempt!r}")
    return Resumed(str(state["project"]), str(state["id"]), attempt)


def state_of(project: str, id: str, attempt: int, step: int | None) -> dict[str, Any]:  # noqa: A002
    """What a checkpoint is to hold; JSON keeps it as it is."""
    return {"project": project, "id": id, "attempt": attempt, "step": step}


def spool_stem(root: Path, project: str, id: str) -> Path:  # noqa: A002
    """What the spool directories of all attempts and ranks of a run begin with, below the one of all runs."""
    return root / _directory_name(project) / _directory_name(id)


def last_attempt(stem: Path, rank: int) -> int:
    """The highest attempt of a rank that this machine knows of; -1 where it knows none.

    Args:
        stem: What the spool directories of all attempts of the run begin with.
        rank: Whose attempts.
    """
    known = [-1]
    with suppress(OSError, ValueError):
        known.append(int(_note(stem, rank).read_text("ascii")))
    pattern = re.compile(rf"{re.escape(stem.name)}-(\d+)-{rank}")
    with suppress(OSError):
        known += [int(found[1]) for path in stem.parent.iterdir() if (found := pattern.fullmatch(path.name))]
    return min(max(known), MAX_NUMBER - 1)


def note_attempt(stem: Path, rank: int, attempt: int) -> None:
    """Keeps in mind that an attempt began: one that dies before its first checkpoint leaves nothing else behind.

    Where it cannot be kept, the next attempt is counted from the checkpoint alone.
    """
    with suppress(OSError):
        stem.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _note(stem, rank).write_text(str(attempt), "ascii")


def _note(stem: Path, rank: int) -> Path:
    return stem.with_name(f"{stem.name}-{rank}{_SUFFIX}")


def _directory_name(name: str) -> str:
    quoted = quote(name, safe="").replace(".", "%2E") if set(name) == {"."} else quote(name, safe="")
    if len(quoted) <= _MAX_DIRECTORY_NAME:
        return quoted
    return f"{quoted[: _MAX_DIRECTORY_NAME // 2]}-{sha256(name.encode()).hexdigest()[:16]}"

"""Which run a process writes: from arguments, a checkpoint, the environment, in this order."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from operator import index
from pathlib import Path

from paramedic.attempts import Resumed, last_attempt, read_state, spool_stem
from paramedic.names import MAX_IDENTITY_CHARACTERS, name_problem
from paramedic.processes import ALONE, MAX_NUMBER, Process, launched_id, this_process, warn_of_strangers

DEFAULT_PROJECT = "default"


@dataclass(frozen=True, slots=True)
class Identity:
    """A run, as the contract has it: project and id, attempt and rank."""

    project: str
    id: str
    attempt: int
    rank: int


def identify(
    project: str,
    id: str | None,  # noqa: A002  (the name it has in init)
    attempt: int | None,
    rank: int | None,
    resume: object,
    spool_root: Path,
    environment: Mapping[str, str],
) -> Identity:
    """Finds out which run this process writes.

    Args:
        project: As given to init.
        id: Likewise; None: of the checkpoint or the environment, or made up.
        attempt: Likewise; None: the next one after the checkpoint, or of the environment.
        rank: Likewise; None: of the environment.
        resume: What a checkpoint kept of `Run.checkpoint`; None: nothing is resumed.
        spool_root: Where runs have their spools, which tell of earlier attempts.
        environment: Variables to fall back on.

    Raises:
        TypeError: An argument is of the wrong type.
        ValueError: An argument, or a variable of the environment, makes no sense.
    """
    check_name("project", project, MAX_IDENTITY_CHARACTERS)
    if id is not None:
        check_name("id", id, MAX_IDENTITY_CHARACTERS)
    attempt = None if attempt is None else _count("attempt", attempt)
    rank = None if rank is None else _count("rank", rank)
    resumed = None if resume is None else read_state(resume)
    if resumed is not None:
        project, id = _same_run(project, id, resumed)  # noqa: A001
    told = id is not None and attempt is not None and rank is not None
    process = ALONE if told else this_process(environment)
    rank = process.rank if rank is None else rank
    id = id or _id_of(process, project)  # noqa: A001
    if id is None:
        warn_of_strangers(process)
        # Restarts of a run with an id of its own are none: each is another run.
        return Identity(project, _made_up(), attempt if attempt is not None else process.attempt or 0, rank)
    if attempt is None:
        attempt = process.restarts if process.attempt is None else process.attempt
        if resumed is not None:
            known = last_attempt(spool_stem(spool_root, project, id), rank)
            attempt = max(attempt, resumed.attempt + 1, known + 1)
    return Identity(project, id, attempt, rank)


def check_name(argument: str, name: object, limit: int) -> None:
    """Refuses what is no name.

    Raises:
        TypeError: It is no string.
        ValueError: It is too long, or holds what no name may.
    """
    if not isinstance(name, str):
        raise TypeError(f"{argument}: expected a string, got {type(name).__name__}")
    problem = name_problem(name, limit)
    if problem is not None:
        raise ValueError(f"{argument}: {problem}")


def _same_run(project: str, id: str | None, resumed: Resumed) -> tuple[str, str]:  # noqa: A002
    """Project and id of the run that goes on, which other arguments must not contradict."""
    if project not in (DEFAULT_PROJECT, resumed.project):
        raise ValueError(f"project: {project!r} was given, but resume continues a run of {resumed.project!r}")
    if id not in (None, resumed.id):
        raise ValueError(f"id: {id!r} was given, but resume continues {resumed.id!r}")
    return resumed.project, resumed.id


def _id_of(process: Process, project: str) -> str | None:
    """The id that all processes share, as the environment tells it."""
    if process.id is None:
        return None
    if not process.launched:
        check_name("PARAMEDIC_RUN_ID", process.id, MAX_IDENTITY_CHARACTERS)
        return process.id
    check_name("the launcher's job id", process.id, MAX_IDENTITY_CHARACTERS)
    return launched_id(project, process.id)


def _made_up() -> str:
    return f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"


def _count(argument: str, value: object) -> int:
    try:
        number = index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(f"{argument}: expected an integer, got {type(value).__name__}") from None
    if not 0 <= number <= MAX_NUMBER:
        raise ValueError(f"{argument}: expected 0 to {MAX_NUMBER}, got {number}")
    return number

"""Which process of which training this is: told by arguments, by the environment, or by what launched it.

Launchers number the processes that they start, and most name what they start them for. Their variables are believed
only where they tell of more than one process: a shell may still hold those of some earlier job.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from paramedic.speech import say

MAX_NUMBER = 2**31 - 1

_WITHIN_JOB = 100
"""Restarts that a launcher within a job has room for before the job itself is restarted."""

_OWN_STEPS = 2**32 - 16
"""From here on SLURM's steps are its own: the batch script, the interactive shell."""


@dataclass(frozen=True, slots=True)
class Process:
    """What the environment tells of this process.

    Attributes:
        id: Of the run that all processes share; None where nothing tells.
        launched: Whether the id is that of a launcher's job, and not chosen for the run.
        attempt: Which one this is, as somebody chose it; None where nobody did.
        restarts: How often a launcher started the training again.
        rank: Of this process.
        world: How many processes there are; 1 where nothing tells of more.
    """

    id: str | None = None
    launched: bool = False
    attempt: int | None = None
    restarts: int = 0
    rank: int = 0
    world: int = 1


ALONE = Process()
"""A process of which the environment tells nothing."""

_ordinals: dict[tuple[str, str], int] = {}


def this_process(environment: Mapping[str, str]) -> Process:
    """Reads PARAMEDIC_RUN_ID, PARAMEDIC_ATTEMPT and PARAMEDIC_RANK, then what torchrun, SLURM and Open MPI say.

    Raises:
        ValueError: A variable that is believed makes no sense; the message names it.
    """
    job, rank, world = _torchrun(environment) or _slurm(environment) or _open_mpi(environment) or (None, 0, 1)
    chosen = environment.get("PARAMEDIC_RUN_ID") or None
    own_rank = number("PARAMEDIC_RANK", environment)
    return Process(
        id=chosen or job,
        launched=chosen is None and job is not None,
        attempt=number("PARAMEDIC_ATTEMPT", environment),
        restarts=_restarts(environment),
        rank=rank if own_rank is None else own_rank,
        world=world,
    )


def launched_id(project: str, job: str) -> str:
    """The id of another run of this process under a launcher's job: the job's, then with a number behind it.

    Every process of the job begins the same runs in the same order.
    """
    ordinal = _ordinals[project, job] = _ordinals.get((project, job), 0) + 1
    return job if ordinal == 1 else f"{job}-{ordinal}"


def warn_of_strangers(process: Process) -> None:
    """Says that processes do not find each other; one of them is enough to say it."""
    if process.world > 1 and process.rank == 0:
        say(
            logging.WARNING,
            "this is one of %d processes, and nothing tells which run they share, so that each has a run of its own:"
            " pass id= to paramedic.init, or set PARAMEDIC_RUN_ID, to the same text in all of them",
            process.world,
        )


def number(variable: str, environment: Mapping[str, str]) -> int | None:
    """The number that a variable holds; None where it holds none.

    Raises:
        ValueError: It holds something else, or a number that nothing has; the message names it.
    """
    text = environment.get(variable, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or int(text) > MAX_NUMBER:
        raise ValueError(f"{variable}: expected a number from 0 to {MAX_NUMBER}, got {text!r}")
    return int(text)


def _torchrun(environment: Mapping[str, str]) -> tuple[str | None, int, int] | None:
    """Id, rank and number of processes by torchrun, whose variables other launchers of PyTorch set as well."""
    world = number("WORLD_SIZE", environment)
    rank = number("RANK", environment) if world is not None and world > 1 else None
    if world is None or rank is None:
        return None
    name = environment.get("TORCHELASTIC_RUN_ID", "")
    if name not in ("", "none"):  # torchrun's word for a job without a name
        return name, rank, world
    # Several trainings of one job, one after the other, must not be taken for one.
    return _slurm_job(environment) if _slurm_step(environment) else None, rank, world


def _slurm(environment: Mapping[str, str]) -> tuple[str | None, int, int] | None:
    """Id, rank and number of processes by srun."""
    job = _slurm_job(environment)
    world = number("SLURM_NTASKS", environment) if job else None
    rank = number("SLURM_PROCID", environment) if world is not None and world > 1 else None
    return None if world is None or rank is None else (job, rank, world)


def _slurm_job(environment: Mapping[str, str]) -> str | None:
    """The job and its step, as `squeue --steps` writes them."""
    job, task = environment.get("SLURM_JOB_ID"), environment.get("SLURM_ARRAY_TASK_ID")
    if not job:
        return None
    if task:
        job = f"{environment.get('SLURM_ARRAY_JOB_ID') or job}_{task}"
    return f"slurm-{job}{_slurm_step(environment)}"


def _slurm_step(environment: Mapping[str, str]) -> str:
    step = environment.get("SLURM_STEP_ID", "")
    return f".{step}" if step.isascii() and step.isdecimal() and int(step) < _OWN_STEPS else ""


def _open_mpi(environment: Mapping[str, str]) -> tuple[str | None, int, int] | None:
    """Rank and number of processes by mpirun, which names no job."""
    world = number("OMPI_COMM_WORLD_SIZE", environment)
    rank = number("OMPI_COMM_WORLD_RANK", environment) if world is not None and world > 1 else None
    return None if world is None or rank is None else (None, rank, world)


def _restarts(environment: Mapping[str, str]) -> int:
    """How often the training was restarted: torchrun counts anew when SLURM starts the whole job again."""
    job, within = (number(name, environment) for name in ("SLURM_RESTART_COUNT", "TORCHELASTIC_RESTART_COUNT"))
    return job or 0 if within is None else _WITHIN_JOB * (job or 0) + within

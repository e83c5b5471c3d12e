"""What the processes of one training agree on."""

import itertools
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as distributed

import paramedic
from paramedic.run import Run

_PATIENCE = timedelta(seconds=10)
"""How long rank 0 may take to open a run before the others go on without one."""

_openings = itertools.count()


def shared_run(
    project: str, name: str | None, rank: int, processes: int, resume: Mapping[str, Any] | None = None
) -> Run:
    """Opens a run that every process of a training reports to, each as its rank.

    Rank 0 opens it, and leaves its id in the store by which the processes found each other, rather than to hand it
    round: it waits for nobody this way, in case the others do not ask.

    Args:
        project: Of the run.
        name: Of the run, for people.
        rank: Of this process.
        processes: Of the training.
        resume: What the training's checkpoint holds of a run; where that is one of this project, it goes on.

    Raises:
        ValueError: The project, the name or the environment makes no sense.
        RuntimeError: Rank 0 opened none.
    """
    resume = resume if resume and resume.get("project") == project else None
    if processes < 2 or not distributed.is_available() or not distributed.is_initialized():
        return paramedic.init(project, name, resume=resume)
    store = distributed.distributed_c10d._get_default_store()
    key = f"paramedic/{next(_openings)}"
    if rank:
        store.wait([key], _PATIENCE)
        attempt, _, run_id = store.get(key).decode().partition(" ")
        return paramedic.init(project, name, id=run_id, attempt=int(attempt), rank=rank)
    run = paramedic.init(project, name, rank=0, resume=resume)
    store.set(key, f"{run.identity.attempt} {run.identity.id}")
    return run


def any_wants(wanted: bool, processes: int, device: Any) -> bool:
    """Returns whether any process of the training wants something; every one of them has to ask.

    Args:
        wanted: Whether this one does.
        processes: Of the training.
        device: On which the processes talk to each other.
    """
    if processes < 2:
        return wanted
    if not distributed.is_available() or not distributed.is_initialized():
        return False
    votes = torch.tensor(float(wanted), device=device)
    try:
        distributed.all_reduce(votes, op=distributed.ReduceOp.MAX)
    except RuntimeError:  # another process is gone, which the training is to find out, and to say its own way
        return False
    return bool(votes.item())

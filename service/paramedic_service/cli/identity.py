"""Runs as people write and read them."""

from paramedic.v1.run_pb2 import RunIdentity
from paramedic_service.cli.output import fail


def parse(text: str, attempt: int, rank: int) -> RunIdentity:
    """Returns the run that PROJECT/ID names; ends the command when it names none."""
    project, slash, run = text.partition("/")
    if not (project and slash and run):
        fail(f"{text} names no run; write PROJECT/ID", 2)
    return RunIdentity(project=project, id=run, attempt=attempt, rank=rank)


def label(run: RunIdentity) -> str:
    """Returns PROJECT/ID, with attempt and rank where they are not the first."""
    attempt = f" attempt {run.attempt}" if run.attempt else ""
    rank = f" rank {run.rank}" if run.rank else ""
    return f"{run.project}/{run.id}{attempt}{rank}"

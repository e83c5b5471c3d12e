"""Runs as people write and read them."""

from collections.abc import Collection

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


def label_of_ranks(run: RunIdentity, ranks: Collection[int]) -> str:
    """Returns the label of a run, or of several ranks of it: "PROJECT/ID attempt 1, ranks 0 to 7"."""
    if len(ranks) == 1:
        return label(run)
    attempt = f" attempt {run.attempt}" if run.attempt else ""
    return f"{run.project}/{run.id}{attempt}, ranks {listed(ranks)}"


def listed(ranks: Collection[int]) -> str:
    """Returns ranks in words: "0 to 7", "0, 3 and 5"."""
    ordered = sorted(ranks)
    if len(ordered) > 2 and ordered[-1] - ordered[0] == len(ordered) - 1:
        return f"{ordered[0]} to {ordered[-1]}"
    *others, last = map(str, ordered)
    return f"{', '.join(others)} and {last}" if others else last

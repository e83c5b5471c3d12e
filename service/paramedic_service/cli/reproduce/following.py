"""A reproduction as it goes: progress, and each training as it ends."""

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import isfinite
from threading import Thread
from types import FrameType

import grpc
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from paramedic.v1 import reproduction_pb2
from paramedic.v1.reproduction_pb2 import Reproduction, TrainingOutcome
from paramedic_service.cli.output import printable
from paramedic_service.cli.reproductions_client import Reproductions

# How long a service that is restarted may be away, seconds; the reproduction goes on when it is back.
_PATIENCE = 60.0
_PAUSE = 1.0
_ENDED = (
    reproduction_pb2.REPRODUCTION_STATE_FINISHED,
    reproduction_pb2.REPRODUCTION_STATE_FAILED,
    reproduction_pb2.REPRODUCTION_STATE_CANCELLED,
)


def has_ended(reproduction: Reproduction) -> bool:
    """Whether nothing more comes of a reproduction."""
    return reproduction.state in _ENDED


def follow(service: Reproductions, created: Reproduction, console: Console, name: str) -> Reproduction:
    """Says that a reproduction is queued and shows it until it ended; an interrupt cancels it.

    Args:
        service: That runs it.
        created: It, as it was queued.
        console: Where to show it.
        name: For people.

    Returns:
        It, as it ended.

    Raises:
        grpc.RpcError: The service is gone for good.
    """
    view = View(console, [created], [name])
    with interrupt_cancels(service, [created], view):
        console.print(f"reproduction {created.id} of {printable(name)} is queued", markup=False)
        with view.progress:
            return watch(service, created, view)


@contextmanager
def interrupt_cancels(service: Reproductions, queued: Sequence[Reproduction], view: "View") -> Iterator[None]:
    """Lets an interrupt cancel reproductions, which then end as they are watched; a second one ends the program.

    As an exception it could come up where nobody hears it, inside of a call.
    """
    before = signal.getsignal(signal.SIGINT)

    def cancel() -> None:
        try:
            for each in queued:
                service.cancel(each.id)
        except grpc.RpcError as error:
            view.say(f"could not be cancelled: {error.details()}")

    def interrupted(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        Thread(target=cancel, name="paramedic-cancel", daemon=True).start()

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def watch(service: Reproductions, created: Reproduction, view: "View") -> Reproduction:
    """Shows a reproduction until it ended.

    Raises:
        grpc.RpcError: The service is gone for good.
    """
    latest, heard = created, time.monotonic()
    while not has_ended(latest):
        try:
            with service.watch(created.id) as changes:
                for change in changes:
                    heard = time.monotonic()
                    if change.HasField("reproduction"):
                        latest = change.reproduction
                    elif change.HasField("training"):
                        view.training(latest, change.training)
                    else:
                        latest.progress.CopyFrom(change.progress)
                    view.update(latest)
        except grpc.RpcError as error:
            away = error.code() is grpc.StatusCode.UNAVAILABLE and time.monotonic() - heard < _PATIENCE
            if not away:
                raise
            time.sleep(_PAUSE)
    return latest


class View:
    """A live line for each of some reproductions, and what happened in them above.

    Args:
        console: Where to show them; a pipe gets what happened only.
        reproductions: As they were queued.
        names: For people.
    """

    def __init__(self, console: Console, reproductions: Sequence[Reproduction], names: Sequence[str]) -> None:
        self.progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[phase]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._names = {each.id: printable(name) for each, name in zip(reproductions, names, strict=True)}
        self._tasks = {
            each.id: self.progress.add_task(self._names[each.id], total=None, phase="queued") for each in reproductions
        }

    def update(self, reproduction: Reproduction) -> None:
        """Shows how it stands."""
        state = reproduction_pb2.ReproductionState.Name(reproduction.state).removeprefix("REPRODUCTION_STATE_").lower()
        told = reproduction.progress
        phase = (told.phase or state) if state == "running" else state
        self.progress.update(
            self._tasks[reproduction.id],
            total=told.steps or None,
            completed=told.steps_done,
            phase=printable(f"{phase}, {told.ended} of {told.trainings} trainings" if told.trainings else phase),
        )

    def training(self, reproduction: Reproduction, outcome: TrainingOutcome) -> None:
        """Tells of a training that ended."""
        arms = reproduction.spec.arms
        arm = arms[outcome.arm].name if outcome.arm < len(arms) else "as reported"
        loss = f"{outcome.final_loss:.4g}" if isfinite(outcome.final_loss) else "not finite"
        found = ", ".join(finding.rule for finding in outcome.findings) or "no findings"
        told = outcome.error.splitlines()[0] if outcome.error else f"final loss {loss}, {found}"
        self.say(f"{self._names[reproduction.id]}: {arm}, seed {outcome.seed}: {told}")

    def say(self, line: str) -> None:
        """Shows a line above the progress."""
        self.progress.console.print(printable(line), markup=False, soft_wrap=True)

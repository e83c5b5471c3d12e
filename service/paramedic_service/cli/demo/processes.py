"""The demo's processes: each in a group of its own that ends, whatever happens, with the block that started it."""

import contextlib
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from paramedic_service.cli.output import printable

# How long a process may take to end itself when asked to, seconds: the service drains, a training flushes.
_GRACE = 15.0

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Process:
    """A running Python program, whose output goes to a file."""

    def __init__(self, name: str, popen: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self._popen = popen
        self._log = log

    @property
    def exit_status(self) -> int | None:
        """Exit status, negative for a signal; None while it runs."""
        return self._popen.poll()

    def log_tail(self, lines: int = 20) -> list[str]:
        """Returns the last lines of what it wrote."""
        with self._log.open(encoding="utf-8", errors="replace") as log:
            return [printable(line.rstrip()) for line in deque(log, maxlen=lines)]

    def show_log_tail(self) -> None:
        """Writes the last lines of what it wrote to standard error."""
        sys.stderr.write("".join(f"{self.name}: {line}\n" for line in self.log_tail()))


@contextlib.contextmanager
def running(name: str, arguments: Sequence[str], environment: Mapping[str, str], directory: Path) -> Iterator[Process]:
    """Runs a Python program for as long as the block lasts.

    Args:
        name: For people, and of the log file.
        arguments: Of the interpreter.
        environment: Added to that of this process.
        directory: Where the log goes.
    """
    log = directory / f"{name}.log"
    popen: subprocess.Popen[bytes] | None = None
    try:
        # Who is interrupted between a start and taking note of it would leave a process behind.
        with log.open("wb") as output, _signals_held():
            # A group of its own: an interrupt from the terminal reaches the demo alone, which then ends it in order.
            popen = subprocess.Popen(  # noqa: S603
                [sys.executable, *arguments],
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        yield Process(name, popen, log)
    finally:
        if popen is not None:
            _end(popen)


def _end(popen: subprocess.Popen[bytes]) -> None:
    try:
        popen.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            popen.wait(_GRACE)
    finally:  # also when a second interrupt cuts the wait short
        with contextlib.suppress(ProcessLookupError):
            os.killpg(popen.pid, signal.SIGKILL)
        popen.wait()


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Lets signals that would end the block arrive when it is over."""
    arrived: list[int] = []
    before = {number: signal.signal(number, lambda number, _: arrived.append(number)) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for late in arrived:
            signal.raise_signal(late)


@contextlib.contextmanager
def signals_end_the_block() -> Iterator[None]:
    """Lets a termination or a closed terminal unwind the block, as an interrupt does."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

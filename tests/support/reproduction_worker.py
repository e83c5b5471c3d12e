"""A worker whose trainings are scripted: what they do stands in the title of their specification.

A title is a program of words. Run as a module by the local executor, in the place of the real worker.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from paramedic.v1.reproduction_pb2 import (
    Curve,
    ReproductionProgress,
    TrainingOutcome,
    WatchReproductionResponse,
)
from paramedic_service.reproduction.worker.job import Emit, Job
from paramedic_service.reproduction.worker.process import serve_jobs
from paramedic_service.reproduction.worker.tether import tether

MEBIBYTE = 1024 * 1024
_state = {"jobs": 0}


def run(job: Job, emit: Emit) -> None:
    """Does what the title says, word by word."""
    _state["jobs"] += 1
    emit(WatchReproductionResponse(progress=ReproductionProgress(trainings=2, phase="training")))
    for word in job.spec.title.split():
        name, _, argument = word.partition("=")
        _WORDS[name](job, emit, argument)


def _train(job: Job, emit: Emit, argument: str) -> None:
    """train=SEED: a training ends."""
    curve = Curve(signal="loss", steps=range(10), values=range(10))
    emit(WatchReproductionResponse(training=TrainingOutcome(seed=int(argument), final_loss=0.5, curves=[curve])))


def _tell(job: Job, emit: Emit, argument: str) -> None:
    """tell=WHAT: a training ends whose cause is a fact about this process."""
    facts = {
        "process": lambda: os.getpid(),
        "jobs": lambda: _state["jobs"],
        "directory": lambda: job.directory,
        "cwd": Path.cwd,
        "environment": lambda: " ".join(sorted(os.environ)),
        "nice": lambda: os.getpriority(os.PRIO_PROCESS, 0),
        "privileges": lambda: next(
            line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("NoNewPrivs")
        ),
        "shared": lambda: job.shared,
        "sample": lambda: job.shared.read_text() if job.shared else "",
        "device": lambda: os.environ["CUDA_VISIBLE_DEVICES"],
    }
    emit(WatchReproductionResponse(training=TrainingOutcome(cause=str(facts[argument]()))))


def _mark(job: Job, emit: Emit, argument: str) -> None:
    """mark=FILE: adds a line with the process id to a file."""
    with Path(argument).open("a") as file:
        file.write(f"{os.getpid()}\n")


def _wait(job: Job, emit: Emit, argument: str) -> None:
    """wait=FILE: until it exists; a test that fails ends this by ending its service."""
    while not Path(argument).exists():
        time.sleep(0.01)


def _child(job: Job, emit: Emit, argument: str) -> None:
    """child=FILE: starts a process that would outlive this one, and writes its id."""
    child = subprocess.Popen(["sleep", "600"])
    Path(argument).write_text(str(child.pid))


def _print(job: Job, emit: Emit, argument: str) -> None:
    """print=WORDS: on standard output, as frameworks do."""
    print(argument.replace("_", " "), flush=True)


def _chatter(job: Job, emit: Emit, argument: str) -> None:
    """chatter=MEBIBYTES: prints that much."""
    for _ in range(int(argument)):
        os.write(2, b"." * 1023 + b"\n" * (MEBIBYTE - 1023))


def _raise(job: Job, emit: Emit, argument: str) -> None:
    """raise=WORDS: an error that a person is to read."""
    raise ValueError(argument.replace("_", " "))


def _import(job: Job, emit: Emit, argument: str) -> None:
    """import=MODULE: which is not installed."""
    raise ModuleNotFoundError(f"No module named {argument!r}", name=argument)


def _die(job: Job, emit: Emit, argument: str) -> None:
    """die=SIGNAL: this process dies by it."""
    os.kill(os.getpid(), signal.Signals[argument])


def _die_once(job: Job, emit: Emit, argument: str) -> None:
    """die_once=FILE: this process is killed unless the file exists, which it makes."""
    with contextlib.suppress(FileExistsError):
        Path(argument).touch(exist_ok=False)
        os.kill(os.getpid(), signal.SIGKILL)


def _exit(job: Job, emit: Emit, argument: str) -> None:
    """exit=STATUS: this process ends by itself."""
    os._exit(int(argument))


def _take(job: Job, emit: Emit, argument: str) -> None:
    """take=MEBIBYTES: of memory, and keeps them."""
    _state["memory"] = os.urandom(MEBIBYTE) * int(argument)  # type: ignore[assignment]


def _take_elsewhere(job: Job, emit: Emit, argument: str) -> None:
    """take_elsewhere=MEBIBYTES: of memory, in a process that this one starts."""
    subprocess.Popen([sys.executable, "-c", f"x = b'.' * {int(argument) * MEBIBYTE}; import time; time.sleep(600)"])


def _write(job: Job, emit: Emit, argument: str) -> None:
    """write=MEBIBYTES: in its directory, a file each."""
    for number in range(int(argument)):
        (job.directory / str(number)).write_bytes(os.urandom(MEBIBYTE))


def _write_one(job: Job, emit: Emit, argument: str) -> None:
    """write_one=MEBIBYTES: in one file."""
    with (job.directory / "one").open("wb") as file:
        for _ in range(int(argument)):
            file.write(os.urandom(MEBIBYTE))


def _babble(job: Job, emit: Emit, argument: str) -> None:
    """babble=SIZE: a message without sense where events go, which announces a size."""
    os.write(_EVENTS, int(argument).to_bytes(4, "little") + b"\xff" * 16)


_WORDS = {
    name.removeprefix("_"): action
    for name, action in list(globals().items())
    if name.startswith("_") and callable(action) and not name.startswith("__")
}

if __name__ == "__main__":
    tether(int(sys.argv[1]))
    _EVENTS = os.dup(1)
    serve_jobs(run)

"""A service of reproductions in a process of its own, which a test may kill. Its trainings are scripted.

Takes the directory of its store, and where jobs run; runs what is queued there until it is killed or told to stop.
"""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from paramedic.v1.reproduction_pb2 import REPRODUCTION_STATE_QUEUED, Reproduction, ReproductionState
from paramedic_service.reproduction.executors.ray import RayExecutor
from paramedic_service.reproduction.records import to_record
from paramedic_service.store.opening import open_store
from support.reproductions import local_executor, reproducing, script


@contextlib.contextmanager
def service_process(directory: Path, *, ray: int | None = None) -> Iterator[subprocess.Popen[str]]:
    """The process, as soon as it serves.

    Args:
        directory: Of its store.
        ray: A process in the network of the Ray cluster that jobs run on; None: they run on this machine.
    """
    command = [sys.executable, "-m", "support.reproduction_service", str(directory)]
    command += [] if ray is None else [str(ray)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "serving\n"
        yield process
    finally:
        process.kill()
        process.wait()


def enqueue(directory: Path, *words: str, number: int = 0) -> str:
    """Puts a reproduction into the store of a service that does not run; gives its id."""
    store = open_store(f"sqlite:///{directory / 'paramedic.db'}")
    message = Reproduction(id=f"id{number}", project="p", spec=script(*words), state=REPRODUCTION_STATE_QUEUED)
    store.create_reproduction(to_record(message))
    store.close()
    return message.id


def outcome(directory: Path, reproduction: str) -> Reproduction:
    """A reproduction as its store has it."""
    store = open_store(f"sqlite:///{directory / 'paramedic.db'}", read_only=True)
    record = store.get_reproduction(reproduction)
    assert record is not None
    result = store.reproduction_result(record.number)
    store.close()
    return Reproduction.FromString(record.body if result is None else result.body)


def state(directory: Path, reproduction: str) -> "ReproductionState.ValueType":
    return outcome(directory, reproduction).state


async def _serve(directory: Path, *ray: str) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with reproducing(directory, _ray_executor(int(ray[0])) if ray else local_executor()):
        print("serving", flush=True)
        await stop.wait()


def _ray_executor(namespace: int) -> RayExecutor:
    from support.ray_cluster import executor_in

    return executor_in(namespace)


if __name__ == "__main__":
    import structlog

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(_serve(Path(sys.argv[1]), *sys.argv[2:]))

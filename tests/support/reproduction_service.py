"""A service of reproductions in a process of its own, which a test may kill. Its trainings are scripted.

Takes the directory of its store; runs what is queued there until it is killed or told to stop.
"""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from support.reproductions import local_executor, reproducing


@contextlib.contextmanager
def service_process(directory: Path) -> Iterator[subprocess.Popen[str]]:
    """The process, as soon as it serves."""
    command = [sys.executable, "-m", "support.reproduction_service", str(directory)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "serving\n"
        yield process
    finally:
        process.kill()
        process.wait()


async def _serve(directory: Path) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with reproducing(directory, local_executor()):
        print("serving", flush=True)
        await stop.wait()


if __name__ == "__main__":
    import structlog

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    asyncio.run(_serve(Path(sys.argv[1])))

import random
import subprocess
import sys
import time
from pathlib import Path

from paramedic_service.store.interface import Store, StoreError
from paramedic_service.store.opening import open_store
from support import appending

KILLS = 6


def test_what_was_appended_outlives_sigkill_at_any_moment(url: str) -> None:
    moments = random.Random(20)
    durable = 0
    for _ in range(KILLS):
        said = run_and_kill(url, after_lines=moments.randrange(1, 25))
        store = reopened(url)
        durable = check(store, max([durable, *said]))
        store.close()


def run_and_kill(url: str, after_lines: int) -> list[int]:
    """Lets a process append, kills it with SIGKILL, and gives the last sequence of each group it saw appended."""
    command = [sys.executable, str(Path(appending.__file__)), url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(after_lines)]
        process.kill()
        lines += process.stdout.readlines()
    words = [line.split() for line in lines if line.endswith("\n")]
    assert len(words) >= after_lines, "the process ended by itself"
    return [int(number) for word, number in words if word == "appended"]


def reopened(url: str) -> Store:
    """Opens the store; a PostgreSQL server may take a moment to notice that its client is gone."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return open_store(url)
        except StoreError:
            if time.monotonic() > deadline:
                raise


def check(store: Store, at_least: int) -> int:
    """Makes sure that everything up to a sequence is stored, whole groups only; gives the last sequence."""
    run = store.get_run(appending.KEY)
    assert run is not None
    records = list(store.read_log(run.number))
    last = len(records)
    assert last >= at_least
    assert last % appending.GROUP == 0
    assert [record.sequence for record in records] == list(range(1, last + 1))
    assert all(record.body == appending.body(record.sequence or 0) for record in records)
    assert (run.last_sequence, run.last_step, run.rows) == (last, last, last)
    # The latest checkpoint is whole too, and at most one group behind.
    snapshot = store.snapshot(run.number)
    assert snapshot is not None
    assert snapshot == (run.folded_position, str(run.folded_position).encode())
    assert run.folded_position in (records[-1].position, records[-1 - appending.GROUP].position)
    (finding,) = store.list_findings().items
    assert finding.body == snapshot[1]
    return last

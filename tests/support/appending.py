"""A process that appends to a run until it is killed, and says after each group what has become durable.

    python appending.py URL

Every group has `GROUP` entries, and is followed by a checkpoint whose snapshot and finding name its last position.
"""

import sys

from paramedic_service.store.opening import open_store
from paramedic_service.store.records import Checkpoint, FindingRecord, LogRecord, RunKey, RunState

KEY = RunKey("killing", "run")
GROUP = 40


def body(sequence: int) -> bytes:
    """What entry `sequence` holds; as long as telemetry is, so that a good part of the time goes into writing it."""
    return sequence.to_bytes(8, "big") * 3000


def main(url: str) -> None:
    store = open_store(url)
    run = store.register(KEY, "killed", 1.0)
    sequence = run.last_sequence
    while True:
        group = range(sequence + 1, sequence + 1 + GROUP)
        position = store.append([LogRecord(run.number, each, 1, each, each, body(each)) for each in group])[-1]
        sequence = group[-1]
        print("appended", sequence, flush=True)
        name = str(position).encode()
        finding = FindingRecord(KEY, "rule", 1, True, float(position), name)
        store.checkpoint([Checkpoint(run.number, position, RunState.RUNNING, 1.0, [finding], name)], 1.0)
        print("checkpoint", position, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

"""Regenerates the recordings: trains every run of the corpus, labels it by its outcome, and packs what was recorded.

Run from `tests`: `python -m corpus.generate`. Runs that are already in the directory are left alone, unless they are
planned no more; delete them, or give `--fresh`, to train them again.
"""

import argparse
import json
import logging
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from corpus.programs.program import SPLITS

RECORDINGS = Path(__file__).parent / "recordings"
OUTCOMES = "outcomes.json"
_CHUNK = 12  # runs a process trains before it is asked for its outcomes
_PROCESSES = 2


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--into", type=Path, default=RECORDINGS, help="directory of the recordings")
    parser.add_argument("--split", choices=SPLITS, help="only runs of this split")
    parser.add_argument("--only", default="", help="only runs whose id contains this")
    parser.add_argument("--fresh", action="store_true", help="train again what is already there")
    parser.add_argument("--processes", type=int, choices=(1, 2), default=_PROCESSES)
    asked = parser.parse_args(arguments)
    generate(asked.into, asked.split, asked.only, asked.fresh, asked.processes)


def generate(into: Path, split: str | None, only: str, fresh: bool, processes: int) -> None:
    """Trains what is missing.

    Args:
        into: Directory of the recordings.
        split: Only runs of this split; None: of both.
        only: Only runs whose id contains this.
        fresh: Whether to train again what is already there.
        processes: That train at the same time.
    """
    from corpus.catalogue import planned
    from corpus.labels import label
    from corpus.recording import SUFFIX

    into.mkdir(parents=True, exist_ok=True)
    outcomes = {run_id: outcome for run_id, outcome in _read(into).items() if run_id in planned()}
    for path in into.glob(f"*{SUFFIX}"):
        if path.name.removesuffix(SUFFIX) not in planned():
            path.unlink()
    wanted = [each.id for each in planned().values() if only in each.id and split in (None, each.program.split)]
    missing = [each for each in wanted if fresh or each not in outcomes or not (into / (each + SUFFIX)).exists()]
    print(f"{len(wanted) - len(missing)} of {len(wanted)} runs are there", flush=True)
    began = time.monotonic()
    chunks = [missing[start : start + _CHUNK] for start in range(0, len(missing), _CHUNK)]
    for done, (run_id, outcome) in enumerate(_trained(chunks, into, processes), 1):
        outcomes[run_id] = outcome
        _write(into, outcomes)
        pace = (time.monotonic() - began) / done
        print(f"{done}/{len(missing)} {run_id} {outcome}, {pace * (len(missing) - done):.0f} s to go", flush=True)
    label(into, outcomes)


def _trained(chunks: list[list[str]], into: Path, processes: int) -> Iterator[tuple[str, dict[str, Any]]]:
    # A fresh process a chunk: TensorFlow keeps some of every graph it ever traced.
    with ProcessPoolExecutor(processes, get_context("spawn"), max_tasks_per_child=1) as pool:
        for future in as_completed([pool.submit(_train_chunk, chunk, into) for chunk in chunks]):
            yield from future.result()


def _train_chunk(run_ids: list[str], into: Path) -> list[tuple[str, dict[str, Any]]]:
    os.environ |= {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    from corpus.catalogue import planned
    from corpus.recording import SUFFIX, pack
    from corpus.training import train

    runs = planned()
    found = []
    for run_id in run_ids:
        with tempfile.TemporaryDirectory() as scratch:
            outcome = train(runs[run_id].trained, runs[run_id].seed, run_id, Path(scratch))
            pack(Path(scratch), into / (run_id + SUFFIX))
        found.append((run_id, asdict(outcome)))
    return found


def _read(into: Path) -> dict[str, dict[str, Any]]:
    path = into / OUTCOMES
    return dict(json.loads(path.read_text())) if path.exists() else {}


def _write(into: Path, outcomes: dict[str, dict[str, Any]]) -> None:
    lines = ",\n".join(f"{json.dumps(run)}: {json.dumps(outcome)}" for run, outcome in sorted(outcomes.items()))
    (into / OUTCOMES).write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()

"""Reproduces every faulty run of the corpus from its recording, and tells how many come back and find a remedy.

Run from `tests`: `python -m corpus.reproduce`; `make reproductions` does. What was trained before by the code as it is
now is not trained again, so that whoever interrupts it loses little. All of it takes about twenty minutes on two cores
that do nothing else.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from corpus.judged import read_labels
from corpus.programs.program import SPLITS
from corpus.reproduced import Arms, Kept, code_version, key
from corpus.reproducing import Asked, ask, train
from corpus.reproductions_table import Reproduced, tables
from paramedic.v1.reproduction_pb2 import ReproductionSpec
from paramedic_service.reproduction.verdict import judge

HERE = Path(__file__).parent
KEPT = HERE / "reproductions.json"
_PROCESSES = 2
_A_POOL = 16
"""Runs that a process reproduces, more or less, before its memory is given back."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--recordings", type=Path, default=HERE / "recordings", help="directory of the recordings")
    parser.add_argument("--kept", type=Path, default=KEPT, help="file that keeps what was trained")
    parser.add_argument("--split", choices=SPLITS, action="append", help="only this split; may be given again")
    parser.add_argument("--only", default="", help="only runs whose id contains this")
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--fresh", action="store_true", help="train again what is already there")
    again.add_argument("--stale", action="store_true", help="leave what older code trained, and say how much that is")
    parser.add_argument("--runs", action="store_true", help="list what came of each run; never of a split kept apart")
    parser.add_argument("--processes", type=int, choices=(1, 2), default=_PROCESSES)
    asked = parser.parse_args(arguments)
    splits = asked.split or SPLITS
    if asked.runs and splits != ["tuning"]:
        parser.error("only runs of the tuning split are looked at one by one: give --split tuning")
    if asked.fresh:
        asked.kept.unlink(missing_ok=True)
    found = reproduce(asked.recordings, asked.kept, splits, asked.only, asked.processes, asked.stale)
    if asked.runs:
        for each in found:
            print(each)
    print(tables(found))


def reproduce(
    recordings: Path, kept: Path, splits: Sequence[str], only: str, processes: int, stale: bool
) -> list[Reproduced]:
    """Reproduces what was not reproduced before, and judges all of it.

    Args:
        recordings: Their directory.
        kept: File with what was trained before; written after every run.
        splits: Of the programs.
        only: Only runs whose id contains this.
        processes: That train at the same time.
        stale: Whether trainings by older code do.
    """
    labels = [label for split in splits for label in read_labels(recordings / "labels.json", split)]
    all_asked = [ask(recordings, label) for label in labels if not label.healthy and only in label.id]
    known = Kept(kept)
    untrained = {
        each.label.id: spec
        for each in all_asked
        if each.spec and (spec := missing(each.spec, known.of(each.label.id), stale=stale))
    }
    print(f"{len(all_asked) - len(untrained)} of {len(all_asked)} runs need no training", flush=True)
    wanted = {each.label.id: each.spec for each in all_asked if each.spec}
    began = time.monotonic()
    for done, (run_id, trained) in enumerate(_trained(untrained, processes), 1):
        if isinstance(trained, Exception):
            print(f"{run_id} could not be trained: {trained!r}", flush=True)
        else:
            known.keep(run_id, [key(wanted[run_id], arm) for arm in wanted[run_id].arms], trained)
        pace = (time.monotonic() - began) / done
        print(f"{done}/{len(untrained)} {run_id}, {pace * (len(untrained) - done):.0f} s to go", flush=True)
    return [_judged(each, known) for each in all_asked]


def missing(spec: ReproductionSpec, known: Arms, *, stale: bool) -> ReproductionSpec | None:
    """The arms that were not trained yet, behind the one as reported, which has to stand first; None: all were."""
    trained = {arm for arm, each in known.items() if stale or each.code == code_version()}
    arms = [arm for arm in spec.arms if key(spec, arm) not in trained]
    if not arms:
        return None
    rest = ReproductionSpec()
    rest.CopyFrom(spec)
    del rest.arms[1:]
    rest.arms.extend(arm for arm in arms if arm != spec.arms[0])
    return rest


def _trained(specs: dict[str, ReproductionSpec], processes: int) -> Iterator[tuple[str, Arms | Exception]]:
    """What came of each specification, or what it raised: one that fails is no reason to lose the others."""
    waiting = list(specs)
    while waiting:
        # Fresh processes by and by: TensorFlow keeps some of every graph it ever traced.
        these, waiting = waiting[: _A_POOL * processes], waiting[_A_POOL * processes :]
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            started = {pool.submit(train, specs[run_id]): run_id for run_id in these}
            for future in as_completed(started):
                error = future.exception()
                if error is not None and not isinstance(error, Exception):
                    raise error
                yield started[future], error or future.result()


def _judged(asked: Asked, known: Kept) -> Reproduced:
    if asked.spec is None:
        return Reproduced(asked.label, asked.undeclared, asked.unfound)
    trained = known.of(asked.label.id)
    arms = {place: each for place, arm in enumerate(asked.spec.arms) if (each := trained.get(key(asked.spec, arm)))}
    outcomes = [training.outcome(place) for place, each in arms.items() for training in each.trainings]
    older = sum(len(each.trainings) for each in arms.values() if each.code != code_version())
    return Reproduced(asked.label, verdict=judge(asked.spec, outcomes), trained=len(outcomes), older=older)


if __name__ == "__main__":
    main()

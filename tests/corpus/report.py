"""The report: how well Paramedic and the baselines diagnose the recorded runs. `make corpus` makes it.

Run from `tests`: `python -m corpus.report`. Nothing is trained; the recordings are folded through the rules as they
are now.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from corpus import paramedic_says
from corpus.alarm import Alarm
from corpus.baselines import autotrainer, deepdiagnosis, sagemaker, umlaut
from corpus.judged import Judged, Label, read_labels
from corpus.programs.program import SPLITS
from corpus.recording import SUFFIX, entries
from corpus.scores import Scores, by_fault, by_rule, score
from corpus.sweep import Swept, sweep
from corpus.table import details, rewrite, summary
from corpus.telemetry import Telemetry, decode

HERE = Path(__file__).parent
README = HERE.parents[1] / "README.md"
OURS = "Paramedic"
_PROCESSES = 2
_BASELINES = (sagemaker, autotrainer, deepdiagnosis, umlaut)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--split", choices=SPLITS, default="reporting")
    parser.add_argument("--recordings", type=Path, default=HERE / "recordings", help="directory of the recordings")
    parser.add_argument("--json", action="store_true", help="write one JSON document, with every run")
    parser.add_argument("--runs", action="store_true", help="list the runs that were missed, accused or misnamed")
    parser.add_argument(
        "--readme", action="store_true", help="rewrite the tables in README.md: also of what was seen before"
    )
    asked = parser.parse_args(arguments)
    if asked.readme and asked.split != "reporting":
        parser.error("the README shows the reporting split; rules were tuned on the tuning split")
    reports = [
        _report(asked.recordings, split) for split in ((asked.split, "seen") if asked.readme else (asked.split,))
    ]
    for each in reports:
        if asked.json:
            print(json.dumps(each.document, indent=1))
        else:
            print(each.summary, details(by_fault(each.ours), by_rule(each.ours)), sep="\n")
        if asked.runs:
            print(_noteworthy(each.ours))
    if asked.readme:
        rewrite(README, "\n\n".join(each.summary for each in reports))


@dataclass(frozen=True, slots=True)
class _Report:
    """On one split: our judgements, the table, and all of it as JSON."""

    ours: list[Judged]
    summary: str
    document: dict[str, Any]


def _report(recordings: Path, split: str) -> _Report:
    runs, telemetry = judge(recordings, split)
    scores = {name: score(judged) for name, judged in runs.items()}
    swept = {each.NAME: sweep(each.judge, telemetry, scores[OURS].recall, scores[OURS].accused) for each in _BASELINES}
    quiet = score([run for run in runs[OURS] if not run.label.error])
    return _Report(runs[OURS], summary(scores, swept, quiet, split), _document(split, runs, scores, swept))


def judge(recordings: Path, split: str) -> tuple[dict[str, list[Judged]], list[tuple[Label, Telemetry]]]:
    """Lets everybody judge every run of a split.

    Args:
        recordings: Their directory.
        split: Of `SPLITS`.

    Returns:
        The judgements by diagnostician, and the runs as the baselines read them.
    """
    labels = read_labels(recordings / "labels.json", split)
    runs: dict[str, list[Judged]] = {name: [] for name in (OURS, *(each.NAME for each in _BASELINES))}
    telemetry = []
    with ProcessPoolExecutor(_PROCESSES) as pool:
        said = pool.map(partial(_judge_one, recordings), [label.id for label in labels], chunksize=4)
        for label, (alarms, decoded) in zip(labels, said, strict=True):
            telemetry.append((label, decoded))
            runs[OURS].append(Judged(label, alarms))
            for each in _BASELINES:
                runs[each.NAME].append(Judged(label, tuple(each.judge(decoded))))
    return runs, telemetry


def _judge_one(recordings: Path, run_id: str) -> tuple[tuple[Alarm, ...], Telemetry]:
    with tempfile.TemporaryDirectory() as scratch:
        log = list(entries(recordings / (run_id + SUFFIX), Path(scratch)))
    return paramedic_says.alarms(log), decode(log)


def _document(
    split: str, runs: dict[str, list[Judged]], scores: dict[str, Scores], swept: dict[str, Swept]
) -> dict[str, Any]:
    return {
        "split": split,
        "diagnosticians": {name: asdict(each) for name, each in scores.items()},
        "sweeps": {name: asdict(each) for name, each in swept.items()},
        "faults": [asdict(each) for each in by_fault(runs[OURS])],
        "rules": [asdict(each) for each in by_rule(runs[OURS])],
        "runs": [asdict(each) for each in runs[OURS]],
    }


def _noteworthy(runs: Sequence[Judged]) -> str:
    lines = []
    for run in runs:
        said = "; ".join(f"{alarm.causes[:2]} @{alarm.step} {alarm.rules}" for alarm in run.alarms)
        if run.label.healthy and run.alarms:
            lines.append(f"accused  {run.label.id}: {said}")
        elif not run.label.healthy and not run.detected:
            lines.append(f"missed   {run.label.id} {run.label.causes}: {said or 'nothing was said'}")
        elif not run.label.healthy and not run.right_first:
            lines.append(f"misnamed {run.label.id} {run.label.causes}: {said}")
    return "\n".join(sorted(lines))


if __name__ == "__main__":
    main()

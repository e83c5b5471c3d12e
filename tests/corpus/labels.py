"""Which runs count, as healthy or as faulty: decided by what came of the training, never by what a rule says of it.

A healthy run counts when it reached the skill that its program states, and its held-out loss did not rise again: at
its end it is below `RISEN` times the lowest of any epoch. A faulty run counts when it was harmed, against its healthy
twin of the same seed: an exception ended it; or its skill cannot be measured or is at least `SKILL_LOST` below the
twin's; or its held-out loss is at least `LOSS_FACTOR` times the twin's, and larger by `LOSS_ADDED`, where the edit left
the data, the loss and the output layer alone, so that the two can be compared. Whatever is neither is dropped: an edit
that did no harm is no fault.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from corpus.catalogue import Planned, planned
from corpus.programs.program import HEALTHY

LABELS = "labels.json"
SKILL_LOST = 0.1
LOSS_FACTOR = 1.5
LOSS_ADDED = 0.1
RISEN = 1.2


def label(directory: Path, outcomes: Mapping[str, Mapping[str, Any]]) -> None:
    """Writes the labels of the runs that count, and why the others do not.

    Args:
        directory: Of the recordings.
        outcomes: By run id.
    """
    runs = {run_id: run for run_id, run in planned().items() if run_id in outcomes}
    labels, dropped = [], {}
    for run_id, run in runs.items():
        twin = outcomes.get(f"{run.program.id}.{HEALTHY}.{run.seed}")
        why = _unlearned(run, outcomes[run_id]) if run.fault is None else _unharmed(run, outcomes[run_id], twin)
        if why:
            dropped[run_id] = why
        else:
            labels.append(_label(run, outcomes[run_id], twin))
    lines = ",\n".join(json.dumps(each) for each in labels)
    reasons = ",\n".join(f"{json.dumps(run_id)}: {json.dumps(why)}" for run_id, why in dropped.items())
    (directory / LABELS).write_text('{"runs": [\n' + lines + '\n], "dropped": {\n' + reasons + "\n}}\n")


def _label(run: Planned, outcome: Mapping[str, Any], twin: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "id": run.id,
        "program": run.program.id,
        "kind": run.program.kind,
        "split": run.program.split,
        "fault": run.fault.id if run.fault else HEALTHY,
        "causes": list(run.fault.causes) if run.fault else [],
        "seed": run.seed,
        "onset": run.fault.onset if run.fault else 0,
        **outcome,
        "twin_skill": twin["skill"] if twin and run.fault else None,
    }


def _unlearned(run: Planned, outcome: Mapping[str, Any]) -> str:
    if outcome["error"]:
        return f"healthy, but ended by {outcome['error']}"
    if outcome["skill"] is None or outcome["skill"] < run.program.learns:
        return f"healthy, but its skill of {outcome['skill']} is below {run.program.learns}"
    if outcome["best_loss"] is not None and outcome["loss"] > RISEN * outcome["best_loss"]:
        return f"healthy, but its held-out loss rose from {outcome['best_loss']:.3f} to {outcome['loss']:.3f}"
    return ""


def _unharmed(run: Planned, outcome: Mapping[str, Any], twin: Mapping[str, Any] | None) -> str:
    if outcome["error"]:
        return ""
    if twin is None or _unlearned(run, twin):
        return "its healthy twin does not count"
    if outcome["skill"] is None or outcome["skill"] <= twin["skill"] - SKILL_LOST:
        return ""
    assert run.fault is not None
    if not {"loss", "data"} & run.fault.edit.keys() and "wrong_output_layer" not in run.fault.causes:
        if outcome["loss"] is None:
            return ""
        if outcome["loss"] >= LOSS_FACTOR * twin["loss"] and outcome["loss"] >= twin["loss"] + LOSS_ADDED:
            return ""
    return f"no harm: skill {outcome['skill']:.3f} beside {twin['skill']:.3f}"

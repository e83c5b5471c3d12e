"""The corpus as planned and as committed."""

import json
from collections import defaultdict

from corpus.catalogue import FAULTS, PROGRAMS, planned
from corpus.generate import RECORDINGS
from corpus.programs.program import SPLITS
from corpus.recording import SUFFIX
from paramedic_service.incidents.catalogue import CAUSES

LABELS = json.loads((RECORDINGS / "labels.json").read_text())


def test_every_split_has_programs_of_every_kind_of_model() -> None:
    kinds = {split: {each.kind for each in PROGRAMS if each.split == split} for split in SPLITS}
    every = set.intersection(*kinds.values())
    assert every >= {"mlp", "cnn", "rnn", "gru", "lstm", "bidirectional", "transformer", "autoencoder", "regression"}


def test_every_fault_is_in_programs_that_rules_are_tuned_on_and_in_others() -> None:
    splits = defaultdict(set)
    for fault in FAULTS:
        splits[fault.id].add(fault.program.split == "tuning")
    assert {fault for fault, found in splits.items() if len(found) < 2} == set()


def test_every_accepted_cause_is_one_that_incidents_name() -> None:
    assert {cause for fault in FAULTS for cause in fault.causes} <= {cause.id for cause in CAUSES}


def test_every_fault_accepts_one_to_three_causes() -> None:
    assert {len(fault.causes) for fault in FAULTS} <= {1, 2, 3}


def test_every_planned_run_is_labelled_or_dropped_with_a_reason() -> None:
    assert {run["id"] for run in LABELS["runs"]} | LABELS["dropped"].keys() == planned().keys()
    assert all(LABELS["dropped"].values())


def test_there_are_enough_runs_that_count() -> None:
    faulty = [run for run in LABELS["runs"] if run["causes"]]
    assert len(faulty) >= 80
    assert len(LABELS["runs"]) - len(faulty) >= 80


def test_every_labelled_run_has_its_recording_and_all_are_small() -> None:
    recordings = {path.name.removesuffix(SUFFIX): path for path in RECORDINGS.glob(f"*{SUFFIX}")}
    assert {run["id"] for run in LABELS["runs"]} <= recordings.keys()
    assert sum(path.stat().st_size for path in recordings.values()) <= 30 * 2**20

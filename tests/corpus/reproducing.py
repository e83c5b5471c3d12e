"""Reproduces one recorded run as the service would: from its recording to a specification, and to its trainings."""

import logging
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from corpus.judged import Label
from corpus.recording import SUFFIX, entries
from corpus.reproduced import Trained, Training, code_version, key
from paramedic.v1.reproduction_pb2 import ReproductionSpec, WatchReproductionResponse
from paramedic_service.ingest.live import LiveRun
from paramedic_service.ingest.restore import Replayer
from paramedic_service.reproduction.origin import OriginError, from_run
from paramedic_service.reproduction.plan import Limits, SpecError, plan
from paramedic_service.store.records import RunKey


@dataclass(frozen=True, slots=True)
class Asked:
    """What `paramedic reproduce RUN` comes to.

    Attributes:
        label: The run.
        spec: What to train; None where nothing can be.
        undeclared: Why nothing is declared that could be trained; empty where something is.
        unfound: Why there is nothing to reproduce, though the training is declared; empty where there is.
    """

    label: Label
    spec: ReproductionSpec | None = None
    undeclared: str = ""
    unfound: str = ""


def ask(recordings: Path, label: Label) -> Asked:
    """Folds a recording and makes the specification of its worst incident.

    Args:
        recordings: Their directory.
        label: Of the run.
    """
    live = LiveRun(RunKey("corpus", label.id, 0, 0), 0, label.id, created_at=0.0)
    replayer = Replayer(live)
    with tempfile.TemporaryDirectory() as scratch:
        for entry in entries(recordings / (label.id + SUFFIX), Path(scratch)):
            replayer.feed(entry)
    undeclared = _undeclared(live)
    if undeclared:
        return Asked(label, undeclared=undeclared)
    try:
        return Asked(label, from_run(live, Limits(), asked=ReproductionSpec()).spec)
    except OriginError as error:
        return Asked(label, unfound=str(error))


def _undeclared(live: LiveRun) -> str:
    """Why a training cannot be made again from its description, whatever was found in it."""
    if not live.description.model.layers:
        return "it ended before its model was known"
    bare = ReproductionSpec(description=live.description)
    bare.data.synthesis.SetInParent()
    try:
        plan(bare, Limits())
    except SpecError as error:
        return str(error).partition(", expected")[0]  # what else there is says nothing of the run
    return ""


def train(spec: ReproductionSpec) -> dict[str, Trained]:
    """Trains a specification as a worker of the service does.

    Args:
        spec: What to train.

    Returns:
        The arms by their keys.
    """
    code = code_version()  # as it is before it is imported
    os.environ |= {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    from paramedic_service.reproduction.worker.job import Job
    from paramedic_service.reproduction.worker.run import run

    found: dict[int, list[Training]] = {}

    def take(event: WatchReproductionResponse) -> None:
        if event.HasField("training"):
            found.setdefault(event.training.arm, []).append(Training.of(event.training))

    run(Job("corpus", spec, Limits()), take)
    return {
        key(spec, spec.arms[arm]): Trained(code, tuple(sorted(each, key=lambda training: training.seed)))
        for arm, each in found.items()
    }

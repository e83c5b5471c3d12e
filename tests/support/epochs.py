"""Synthetic trainings with epochs: losses, accuracies and validation, cut into batches in any way."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from paramedic_service.rules.description import (
    ArrayProfile,
    Data,
    Description,
    Layer,
    Loss,
    Model,
    Tensor,
)
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.finding import Finding
from paramedic_service.rules.telemetry import Block, Column, Rows
from support.telemetry import spans

EPOCH = 30
"""Steps an epoch."""

KERNELS = (Tensor("hidden/kernel", 400, "hidden", "kernel"), Tensor("output/kernel", 200, "output", "kernel"))


@dataclass
class Training:
    """What a training reports, row by row; float64 [steps] each, empty for what it does not.

    Attributes:
        loss: Of each batch.
        accuracy: Mean since the epoch began.
        val_loss: At each epoch's end, [epochs].
        val_accuracy: Likewise.
        rate: Learning rate.
        ratio: Norm of each update over that of its weights.
    """

    loss: np.ndarray
    accuracy: np.ndarray = field(default_factory=lambda: np.empty(0))
    val_loss: np.ndarray = field(default_factory=lambda: np.empty(0))
    val_accuracy: np.ndarray = field(default_factory=lambda: np.empty(0))
    rate: np.ndarray = field(default_factory=lambda: np.empty(0))
    ratio: np.ndarray = field(default_factory=lambda: np.empty(0))

    @property
    def epochs(self) -> int:
        return len(self.loss) // EPOCH


def classifier(classes: int = 10, counts: Sequence[int] = (), dropout: bool = False, width: int = 64) -> Description:
    """A classifier over some classes, with balanced labels unless they are counted."""
    layers = [Layer("hidden", "Dense", activation="relu", units=width)]
    if dropout:
        layers.append(Layer("dropout", "Dropout", settings={"rate": 0.5}))
    layers.append(Layer("output", "Dense", activation="softmax", units=classes))
    counts = tuple(counts or [100] * classes)
    return Description(
        KERNELS,
        model=Model(tuple(layers)),
        losses=(Loss("sparse_categorical_crossentropy"),),
        data=Data(
            targets=(ArrayProfile(encoding="integer", class_counts=counts, examined=sum(counts)),), samples=sum(counts)
        ),
    )


def healthy(epochs: int = 20, seed: int = 0) -> Training:
    """A classifier that learns: validation follows training and levels off a little behind it."""
    rng = np.random.default_rng(seed)
    steps = epochs * EPOCH
    curve = 0.1 + 2.2 * np.exp(-np.arange(steps) / 120)
    ends = curve[EPOCH - 1 :: EPOCH]
    accuracy = 0.98 - 0.88 * np.exp(-np.arange(1, epochs + 1) / 3)
    return Training(
        curve * np.exp(rng.normal(0, 0.1, steps)),
        np.repeat(accuracy, EPOCH) + rng.normal(0, 0.002, steps),
        (ends + 0.03) * np.exp(rng.normal(0, 0.03, epochs)),
        accuracy - 0.02 + rng.normal(0, 0.005, epochs),
        np.full(steps, 1e-3),
        np.full(steps, 3e-3) * np.exp(rng.normal(0, 0.2, steps)),
    )


def follow(
    training: Training,
    description: Description | None = None,
    cuts: Sequence[int] = (),
    diagnosis: Diagnosis | None = None,
) -> tuple[Diagnosis, list[Finding]]:
    """Diagnoses a training whose rows arrive in batches that end at the cuts, and at the ends of its epochs."""
    if diagnosis is None:
        diagnosis = Diagnosis()
        diagnosis.describe(classifier() if description is None else description)
    ends = range(EPOCH, len(training.loss) + 1, EPOCH)
    found: list[Finding] = []
    for start, stop in spans(len(training.loss), [*cuts, *ends]):
        found += diagnosis.observe(rows_of(training, start, stop))
        if stop in ends:
            found += end_epoch(diagnosis, training, stop // EPOCH - 1)
    return diagnosis, found


def end_epoch(diagnosis: Diagnosis, training: Training, epoch: int) -> list[Finding]:
    """Reports what validation measured, and the end of an epoch."""
    step = (epoch + 1) * EPOCH - 1
    measured = {"val_loss": training.val_loss, "val_accuracy": training.val_accuracy}
    columns = {name: Column(values[epoch : epoch + 1]) for name, values in measured.items() if len(values)}
    found = diagnosis.observe(Rows(np.array([step]), np.array([step * 0.25]), columns)) if columns else []
    return found + diagnosis.epoch_ended()


def rows_of(training: Training, start: int, stop: int) -> Rows:
    """Rows [start, stop) of a training."""
    series = {"loss": training.loss, "accuracy": training.accuracy, "learning_rate": training.rate}
    blocks = {}
    if len(training.ratio):
        ratio = training.ratio[start:stop, None].astype(np.float32)
        weights = np.full((stop - start, len(KERNELS)), 8, np.float32)
        blocks = {"weight_norm": Block(weights), "update_norm": Block(weights * ratio)}
    index = np.arange(start, stop)
    scalars = {name: Column(values[start:stop]) for name, values in series.items() if len(values)}
    return Rows(index, index * 0.25, scalars, blocks)


def openings(found: Sequence[Finding]) -> dict[str, int]:
    """Step at which each rule first opened."""
    first: dict[str, int] = {}
    for finding in found:
        first.setdefault(finding.rule, finding.opened_step)
    return first

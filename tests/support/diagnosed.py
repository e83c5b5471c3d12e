"""Small trainings, run for real under the Monitor, and what Paramedic says of them afterwards."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

import paramedic
from paramedic.integrations.keras import Monitor
from paramedic_service.ingest.live import LiveRun
from support.folding import folded

Samples = tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Training:
    """What a program's author wrote.

    Attributes:
        data: Makes inputs and labels, the samples along their first axis.
        layers: Makes the layers of a sequential model, without its input.
        loss: Name of the loss.
        optimizer: Makes the optimizer.
        metrics: Beside the loss.
        batch_size: Samples a step.
        epochs: Of the fit.
        held_out: Share of the samples, the last of them, that each epoch is validated on.
        shape: Of one input sample, where the model declares another than the data's.
    """

    data: Callable[[np.random.Generator], Samples]
    layers: Callable[[], list[Any]]
    loss: str
    optimizer: Callable[[], Any]
    metrics: tuple[str, ...] = ()
    batch_size: int = 32
    epochs: int = 10
    held_out: float = 0.0
    shape: tuple[int | None, ...] | None = None


def run(training: Training, seed: int, directory: Path) -> LiveRun:
    """Trains, and folds what the Monitor recorded by the service's own rules.

    An exception ends the training as it would end the author's: the run reports it on its way out.

    Args:
        training: To run.
        seed: Of data and weights.
        directory: For the recording.
    """
    keras.backend.clear_session()
    keras.utils.set_random_seed(1 + seed)
    with suppress(Exception), paramedic.init("sources", id="run", mode="offline", spool_dir=directory) as reporting:
        x, y = training.data(np.random.default_rng(seed))
        model = keras.Sequential([keras.Input(training.shape or x.shape[1:]), *training.layers()])
        model.compile(training.optimizer(), training.loss, metrics=list(training.metrics))
        model.fit(
            x,
            y,
            batch_size=training.batch_size,
            epochs=training.epochs,
            validation_split=training.held_out,
            verbose=0,
            callbacks=[Monitor(reporting)],
        )
    return folded(directory)

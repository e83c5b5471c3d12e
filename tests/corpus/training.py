"""Trains one run of the corpus as its author would, and measures what came of it."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import keras
import numpy as np

import paramedic
from corpus.programs.data import Data
from corpus.programs.program import Program
from paramedic.integrations.keras import Monitor

PROJECT = "corpus"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a training; the only thing that decides whether a fault did harm.

    Attributes:
        steps: Trained.
        steps_per_epoch: As planned.
        skill: On held-out samples; None when nothing can be predicted.
        loss: On held-out samples, by the loss it was trained by; None when it cannot be computed, or is not finite.
        best_loss: The lowest of the same at the end of an epoch; None when there was no validation.
        error: Class name of the exception that ended it; empty when none did.
    """

    steps: int
    steps_per_epoch: int
    skill: float | None
    loss: float | None
    best_loss: float | None
    error: str


def train(program: Program, seed: int, run_id: str, spool: Path) -> Outcome:
    """Trains and records.

    Args:
        program: What to train, edited or not.
        seed: Of everything that is random.
        run_id: The run's name in the recording.
        spool: Directory for the client's spool.
    """
    keras.backend.clear_session()
    keras.utils.set_random_seed(1 + seed)
    keras.config.set_dtype_policy(program.policy)
    generator = np.random.default_rng((seed, crc32(program.id.encode())))
    data = program.data(generator)
    model = program.model()
    if program.prepare is not None:
        program.prepare(model, data)
    model.compile(program.optimizer(), _made(program.loss), metrics=list(program.metrics))
    steps_per_epoch = -(-len(data.x) // program.batch_size)
    error, history = "", None
    try:
        with paramedic.init(PROJECT, mode="offline", id=run_id, spool_dir=spool) as run:
            history = _fit(model, data, program, steps_per_epoch, generator, Monitor(run))
    except Exception as problem:
        _LOG.debug("%s ended with an exception", run_id, exc_info=True)
        error = type(problem).__name__
    finally:
        keras.config.set_dtype_policy("float32")
    losses = [loss for loss in history.history.get("val_loss", ()) if np.isfinite(loss)] if history else []
    skill, loss = _measure(model, data, program)
    return Outcome(int(model.optimizer.iterations), steps_per_epoch, skill, loss, min(losses, default=None), error)


def _fit(model: Any, data: Data, program: Program, steps: int, generator: np.random.Generator, monitor: Monitor) -> Any:
    settings: dict[str, Any] = {"epochs": program.epochs, "verbose": 0, "callbacks": [monitor]}
    if program.class_weights is not None:
        settings["class_weight"] = dict(program.class_weights)
    if program.validated:
        settings["validation_data"] = (data.x_test, data.y_test)
    if program.feed is None:
        return model.fit(data.x, data.y, batch_size=program.batch_size, **settings)
    batches: Iterator[tuple[Any, Any]] = program.feed(data, program.batch_size, program.epochs, generator)
    return model.fit(batches, steps_per_epoch=steps, **settings)


def _measure(model: Any, data: Data, program: Program) -> tuple[float | None, float | None]:
    try:
        prediction = model(data.x_test, training=False)
        skill = program.skill(np.asarray(prediction, np.float32), data.truth)
        loss = float(model.compute_loss(x=data.x_test, y=data.y_test, y_pred=prediction, training=False))
    except Exception:
        _LOG.debug("%s cannot be measured", program.id, exc_info=True)
        return None, None
    return (skill if np.isfinite(skill) else None), (loss if np.isfinite(loss) else None)


def _made(loss: Any) -> Any:
    return loss if isinstance(loss, str) else loss()

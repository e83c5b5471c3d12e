"""What 16 arms of one architecture take, against as many fits of Keras that train the same."""

import gc
import json
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from paramedic_service.reproduction.data import Samples
from paramedic_service.reproduction.plan import ArmPlan, LayerPlan, LossPlan, ModelPlan, OptimizerPlan
from paramedic_service.reproduction.worker.arrays import Arrays
from paramedic_service.reproduction.worker.device import side_by_side
from paramedic_service.reproduction.worker.trainer import Trainer
from paramedic_service.rules.description import Description

UNITS, TIME, FEATURES, CLASSES, BATCH = 64, 20, 8, 10, 32
STEPS = 100
RATES = [1e-4 * 1.4**power for power in range(16)]
PARTS = 4
ROUNDS = 3


def measure() -> dict[str, float]:
    """Trains both sides in one process, by turns, a quarter of the arms at a time.

    Returns:
        `arms16_speedup`: seconds of 16 fresh models' fits over seconds of 16 arms of one plan, which report every
        signal and are judged; the graphs of both are traced within them. The median over rounds, with the lowest and
        the highest. `arms16_s` and `fits16_s`: the medians of both sides. On a GPU also `arms16_over_one`: 16 arms
        against one, both compiled.
    """
    samples = _samples()
    arrays = Arrays(samples)
    _fit(samples, RATES[0])  # what Keras imports when it first fits is nobody's
    times = np.array([_round(samples, arrays) for _ in range(ROUNDS)])
    speedups = times[:, 1] / times[:, 0]
    measured = {
        "arms16_speedup": float(np.median(speedups)),
        "arms16_speedup_low": float(speedups.min()),
        "arms16_speedup_high": float(speedups.max()),
        "arms16_s": float(np.median(times[:, 0])),
        "fits16_s": float(np.median(times[:, 1])),
    }
    if tf.config.list_physical_devices("GPU"):
        trainer = Trainer(STEPS)
        _train(trainer, arrays, RATES[:1])
        one, all_of_them = (_timed(lambda rates=rates: _train(trainer, arrays, rates)) for rates in (RATES[:1], RATES))
        measured["arms16_over_one"] = all_of_them / one
    return measured


def _round(samples: Samples, arrays: Arrays) -> tuple[float, float]:
    """Seconds of the arms and of the fits."""
    trainer = Trainer(STEPS)
    arms = fits = 0.0
    for part in range(PARTS):
        rates = RATES[part * len(RATES) // PARTS : (part + 1) * len(RATES) // PARTS]
        arms += _timed(lambda rates=rates: _train(trainer, arrays, rates))
        fits += _timed(lambda rates=rates: [_fit(samples, rate) for rate in rates])
    return arms, fits


def _timed(work: Callable[[], object]) -> float:
    gc.collect()
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _train(trainer: Trainer, arrays: Arrays, rates: Sequence[float]) -> None:
    with ThreadPoolExecutor(side_by_side()) as pool:
        outcomes = list(pool.map(lambda rate: trainer.train(_arm(rate), 0, arrays, lambda _: None), rates))
    assert all(np.isfinite(outcome.final_loss) for outcome in outcomes)


def _fit(samples: Samples, rate: float) -> None:
    model: Any = keras.Sequential(
        [keras.Input((TIME, FEATURES)), keras.layers.LSTM(UNITS), keras.layers.Dense(CLASSES)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    model.fit(samples.inputs[0], samples.targets[0], batch_size=BATCH, verbose=0)


def _arm(rate: float) -> ArmPlan:
    layers = (
        LayerPlan("input", "InputLayer", {"shape": (TIME, FEATURES), "dtype": "float32"}),
        LayerPlan("lstm", "LSTM", {"units": UNITS}, ("input",)),
        LayerPlan("output", "Dense", {"units": CLASSES}, ("lstm",)),
    )
    return ArmPlan(
        index=0,
        name="",
        description=Description(),
        model=ModelPlan(layers, ("output",), 0),
        optimizer=OptimizerPlan("adam", rate),
        losses=(LossPlan("sparse_categorical_crossentropy", from_logits=True),),
        metrics=("accuracy",),
        batch_size=BATCH,
        class_weights=False,
        operations=(),
        structure="lstm",
    )


def _samples() -> Samples:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(STEPS * BATCH + 500, TIME, FEATURES)).astype("float32")
    y = (x.mean(axis=1) @ rng.normal(size=(FEATURES, CLASSES))).argmax(axis=1)
    return Samples((x[500:],), (y[500:],), (x[:500],), (y[:500],))


if __name__ == "__main__":
    print(json.dumps(measure()))

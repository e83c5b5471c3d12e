"""What a program reports of a training is what a Monitor reports of Keras's own fit of the same."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import paramedic
from paramedic.integrations.keras import Monitor
from paramedic_service.reproduction.plan import ArmPlan, OptimizerPlan
from paramedic_service.reproduction.worker.arrays import Arrays
from paramedic_service.reproduction.worker.build import build
from paramedic_service.reproduction.worker.folding import Folding
from paramedic_service.reproduction.worker.losses import keras_loss
from paramedic_service.reproduction.worker.optimizers import keras_optimizer
from paramedic_service.reproduction.worker.order import batches
from paramedic_service.reproduction.worker.trainer import Trainer
from paramedic_service.rules.telemetry import Rows
from support.planned import arm, model, samples
from support.probed import layer_signal, paths
from support.spooled import Told

BATCH, EPOCH, SEED = 8, 8, 3


def monitored(planned: ArmPlan, directory: Path) -> Told:
    """Keras's own fit of an arm, over the same batches."""
    given = samples(planned.model.layers[0].arguments["shape"])
    order = batches(len(given.inputs[0]), BATCH, EPOCH, SEED).ravel()
    network = build(planned.model, SEED)
    network.compile(keras_optimizer(planned.optimizer), keras_loss(planned.loss), metrics=list(planned.metrics))
    run = paramedic.init("keras", id="run", mode="offline", spool_dir=directory)
    x, y = given.inputs[0][order], given.targets[0][order]
    # The probe looks at samples in the order in which they are given; these are the same ones in any order.
    network.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0, callbacks=[Monitor(run)])
    run.finish(timeout=30)
    [spool] = directory.glob("*/*")
    return Told(spool)


class Heard(Folding):
    """What a trainer reports."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Rows] = []

    def observe(self, rows: Rows) -> None:
        self.rows.append(rows)
        super().observe(rows)

    def scalar(self, name: str) -> np.ndarray:
        return np.concatenate([rows.scalars[name].values for rows in self.rows])

    def norms(self, name: str) -> np.ndarray:
        return np.concatenate([rows.blocks[name].values for rows in self.rows])


def heard(planned: ArmPlan) -> Heard:
    folding = Heard()
    arrays = Arrays(samples(planned.model.layers[0].arguments["shape"]))
    outcome = Trainer(EPOCH, lambda: folding).train(planned, SEED, arrays, lambda _: None)
    assert outcome.error == ""
    return folding


LSTM = model((6, 2), ("LSTM", {"units": 4, "return_sequences": True}), ("GRU", {"units": 3}), ("Dense", {"units": 3}))
LONG = model((80, 2), ("SimpleRNN", {"units": 4}), ("Dense", {"units": 3}))
"""Longer than what is unrolled."""
MASKED = model((6, 2), ("Masking", {"mask_value": 0.0}), ("LSTM", {"units": 4}), ("Dense", {"units": 3}))
EMBEDDED = model(
    (6,), ("Embedding", {"input_dim": 9, "output_dim": 4}), ("Flatten", {}), ("Dense", {"units": 3}), dtype="int32"
)
DEEP = model(
    (6,),
    ("Dense", {"units": 8, "activation": "relu"}),
    ("BatchNormalization", {}),
    ("Dropout", {"rate": 0.4}),
    ("Dense", {"units": 3}),
)


NETWORKS = {"lstm": LSTM, "long": LONG, "masked": MASKED, "embedded": EMBEDDED, "deep": DEEP}


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        *((name, {}) for name in NETWORKS),
        # Gradients of an embedding are clipped in a way of their own.
        *((name, {bound: 0.02}) for name in ("lstm", "embedded") for bound in ("global_clipnorm", "clipnorm")),
        *((name, {"clipvalue": 0.002}) for name in ("lstm", "embedded")),
    ],
    ids=str,
)
def test_every_step_is_reported_as_a_monitor_reports_it(name, bounds, tmp_path):
    planned = arm(NETWORKS[name], optimizer=OptimizerPlan("adam", 0.01, **bounds), batch_size=BATCH)
    told, ours = monitored(planned, tmp_path), heard(planned)
    for signal in ("loss", "accuracy", "learning_rate"):
        assert ours.scalar(signal) == pytest.approx(list(told.scalar(signal).values()), rel=1e-4, abs=1e-6)
    for signal in ("gradient_norm", "weight_norm", "update_norm"):
        np.testing.assert_allclose(ours.norms(signal), told.norms(signal), rtol=2e-3, atol=1e-6)


def test_activations_and_the_path_through_time_are_probed_as_a_monitor_probes_them(tmp_path):
    planned = arm(LSTM, optimizer=OptimizerPlan("adam", 0.0), batch_size=64)
    given = Arrays(samples((6, 2)))
    folding = Heard()
    Trainer(5, lambda: folding).train(planned, SEED, given, lambda _: None)
    network = build(planned.model, SEED)
    network.compile(keras_optimizer(planned.optimizer), keras_loss(planned.loss))
    run = paramedic.init("keras", id="run", mode="offline", spool_dir=tmp_path)
    whole = [array.numpy() for array in (*given.x, *given.y)]
    network.fit(*whole, batch_size=64, epochs=5, shuffle=False, verbose=0, callbacks=[Monitor(run)])
    run.finish(timeout=30)
    [spool] = tmp_path.glob("*/*")
    told = Told(spool)
    [first, last] = [rows for rows in folding.rows if rows.layers]
    for name in ("activation_mean", "activation_deviation", "dead_share", "saturated_share", "sample_deviation"):
        theirs = list(layer_signal(told, name)[1].values())
        np.testing.assert_allclose(first.layers[name].values[0], theirs, rtol=1e-4, atol=1e-6)
    for layer, by_step in paths(told).items():
        np.testing.assert_allclose(first.paths[layer].values[0], by_step[1], rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(last.paths[layer].values[0], by_step[5], rtol=1e-4, atol=1e-7)
    assert first.paths.keys() == paths(told).keys()


def test_the_share_of_zeros_is_that_of_the_gradient_of_each_step():
    planned = arm(EMBEDDED, batch_size=BATCH)
    arrays = Arrays(samples((6,)))
    zeros = heard(planned).norms("gradient_zero_share")
    order = batches(arrays.count, BATCH, EPOCH, SEED)
    for step in range(EPOCH):
        seen = np.unique(tf.gather(tf.cast(arrays.x[0], tf.int32), order[step]))
        assert zeros[step, 0] == pytest.approx(1 - len(seen) / 9)


def test_class_weights_are_those_that_keras_takes(tmp_path):
    given = samples((6,))
    given.targets[0][:40] = 0
    planned = arm(model((6,), ("Dense", {"units": 3})), class_weights=True, batch_size=BATCH)
    folding = Heard()
    Trainer(EPOCH, lambda: folding).train(planned, SEED, Arrays(given), lambda _: None)
    order = batches(64, BATCH, EPOCH, SEED).ravel()
    counts = np.bincount(given.targets[0])
    network = build(planned.model, SEED)
    network.compile(keras_optimizer(planned.optimizer), keras_loss(planned.loss))
    history: list[float] = []
    every = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: history.append(logs["loss"]))
    weights = {label: 64 / (3 * count) for label, count in enumerate(counts)}
    network.fit(
        given.inputs[0][order],
        given.targets[0][order],
        BATCH,
        shuffle=False,
        verbose=0,
        class_weight=weights,
        callbacks=[every],
    )
    means = np.cumsum(folding.scalar("loss")) / np.arange(1, EPOCH + 1)
    assert means == pytest.approx(history, rel=1e-4)

"""A job from its specification to what came of every training."""

from collections import Counter
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import keras
import numpy as np
import pytest

from paramedic.describe.keras import describe_training
from paramedic.v1.reproduction_pb2 import Arm, ReproductionSpec, TrainingOutcome, WatchReproductionResponse
from paramedic_service.reproduction import workloads
from paramedic_service.reproduction.plan import Limits, SpecError
from paramedic_service.reproduction.worker.job import Job
from paramedic_service.reproduction.worker.run import run

STEPS, SEEDS = 30, 2


def reported(*hidden: Any, rate: float) -> ReproductionSpec:
    """A training of three classes as a client would have described it."""
    x = np.random.default_rng(0).normal(size=(200, 6, 4)).astype("float32")
    y = x.mean(axis=1)[:, :3].argmax(axis=1)
    model = keras.Sequential([keras.Input((6, 4)), *hidden, keras.layers.Dense(3, activation="softmax")])
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return ReproductionSpec(description=describe_training(model, x, y, 16), steps=STEPS, seeds=SEEDS)


def arm(name: str, **patch: Any) -> Arm:
    made = Arm(name=name)
    made.patch.update(patch)
    return made


def perform(spec: ReproductionSpec) -> tuple[list[TrainingOutcome], list[WatchReproductionResponse]]:
    told: list[WatchReproductionResponse] = []
    run(Job("job", spec, Limits()), told.append)
    return [each.training for each in told if each.HasField("training")], told


def test_every_arm_is_trained_from_every_seed_and_told_once_as_it_ends():
    spec = reported(keras.layers.SimpleRNN(8), rate=0.01)
    spec.arms.extend(
        [
            Arm(name="as reported"),
            arm("slower", **{"optimizer.learning_rate": {"multiply": 0.1}}),
            arm("gated", **{"model.layers[*].kind": {"replace": {"SimpleRNN": "LSTM"}}}),
            arm("standardised", **{"data.inputs": {"standardise": True}}),
            arm("nonsense", **{"model.layers[no such].units": {"set": 3}}),
        ]
    )
    outcomes, told = perform(spec)
    assert Counter((each.arm, each.seed) for each in outcomes) == Counter(
        (index, seed) for index in range(5) for seed in range(SEEDS)
    )
    for outcome in outcomes:
        assert bool(outcome.error) == (outcome.arm == 4)
        if outcome.arm != 4:
            assert outcome.final_loss < 2
            assert 0 <= outcome.final_error <= 1
            assert {curve.signal for curve in outcome.curves} >= {"loss", "accuracy", "gradient_norm"}
    last = told[-1].progress
    assert (last.ended, last.trainings) == (5 * SEEDS, 5 * SEEDS)
    assert (last.steps_done, last.steps) == (5 * SEEDS * STEPS, 5 * SEEDS * STEPS)


def test_a_fault_comes_back_and_a_remedy_removes_it():
    spec = reported(keras.layers.LSTM(8), rate=10.0)
    spec.arms.extend([Arm(name="as reported"), arm("usual", **{"optimizer.learning_rate": {"set": 0.01}})])
    for outcome in perform(spec)[0]:
        rules = {finding.rule for finding in outcome.findings}
        assert ("learning_rate_range" in rules) == (outcome.arm == 0)
        assert outcome.cause == ("learning_rate_too_high" if outcome.arm == 0 else "")


def test_a_specification_that_makes_no_sense_is_refused_by_its_field():
    spec = reported(keras.layers.LSTM(8), rate=0.01)
    spec.description.model.layers[0].kind = "Lambda"
    with pytest.raises(SpecError, match=r"description\.model"):
        perform(spec)


@pytest.fixture
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("falling", "support.falling_workload:train", workloads.GROUP)
    monkeypatch.setattr(workloads, "entry_points", lambda **given: EntryPoints([entry]).select(**given))


@pytest.mark.usefixtures("_installed")
def test_a_workload_is_run_by_name_and_judged_by_what_it_reports():
    spec = ReproductionSpec(workload="falling", steps=20, seeds=2)
    spec.workload_arguments.update({"breaks": False})
    spec.arms.extend([Arm(name="as reported"), arm("broken", breaks={"set": True})])
    outcomes, told = perform(spec)
    by_training = {(each.arm, each.seed): each for each in outcomes}
    assert by_training[0, 1].final_loss == pytest.approx(1 + (2 / 19 + 2 / 20) / 2)
    assert by_training[0, 0].final_error == 0.125
    assert by_training[1, 0].error == "RuntimeError: told to"
    assert [finding.rule for finding in by_training[1, 0].findings] == ["training_error"]
    assert told[-1].progress.ended == 4


def test_a_workload_that_is_not_installed_is_refused_with_those_that_are():
    with pytest.raises(LookupError, match="there is no workload 'elsewhere'"):
        perform(ReproductionSpec(workload="elsewhere", steps=5, seeds=1))

"""Trainings of arms: what is measured of them, what ends them, and that they are the same whenever they are run."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from math import inf

import numpy as np
import pytest

from paramedic.v1.reproduction_pb2 import TrainingOutcome
from paramedic_service.reproduction.data import Samples
from paramedic_service.reproduction.plan import (
    ArmPlan,
    LayerPlan,
    LossPlan,
    ModelPlan,
    OptimizerPlan,
    Part,
    SpecError,
)
from paramedic_service.reproduction.worker import training
from paramedic_service.reproduction.worker.arrays import Arrays
from paramedic_service.reproduction.worker.order import batches
from paramedic_service.reproduction.worker.trainer import Trainer
from support.planned import CLASSES, arm, model, samples

DENSE = model((6,), ("Dense", {"units": 8, "activation": "relu"}), ("Dense", {"units": 3}))
LSTM = model((5, 2), ("LSTM", {"units": 4}), ("Dense", {"units": 3}))


def train(planned: ArmPlan, arrays: Arrays, *, steps: int = 40, seed: int = 0, by: Trainer | None = None):
    outcome = (by or Trainer(steps)).train(planned, seed, arrays, lambda _: None)
    outcome.duration = 0
    return outcome


def curve(outcome: TrainingOutcome, signal: str) -> dict[int, float]:
    [found] = [each for each in outcome.curves if each.signal == signal and not each.tensor]
    return dict(zip(found.steps, found.values, strict=True))


def rules(outcome: TrainingOutcome) -> set[str]:
    return {finding.rule for finding in outcome.findings}


@pytest.fixture(scope="module")
def dense() -> Arrays:
    return Arrays(samples((6,)))


def test_a_training_that_learns_ends_with_a_low_loss_and_few_errors_on_what_it_has_not_seen(dense):
    outcome = train(arm(DENSE, optimizer=OptimizerPlan("adam", 0.05)), dense, steps=150)
    assert outcome.error == ""
    assert outcome.final_loss == pytest.approx(np.mean(list(curve(outcome, "loss").values())[-15:]))
    assert outcome.final_loss < 0.2
    assert outcome.final_error < 0.3


def test_the_same_seed_gives_the_same_outcome_to_the_bit_and_another_one_another(dense):
    dropped = model((6,), ("Dense", {"units": 8}), ("Dropout", {"rate": 0.5}), ("Dense", {"units": 3}))
    first, again, other = (train(arm(dropped), dense, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert curve(first, "loss")[1] != curve(other, "loss")[1]


def test_what_is_trained_beside_it_or_before_it_changes_nothing(dense):
    rates = [OptimizerPlan("adam", 0.001 * 4**power) for power in range(6)]
    arms = [arm(DENSE, index=index, optimizer=rate) for index, rate in enumerate(rates)]
    alone = [train(each, dense) for each in arms]
    trainer = Trainer(40)
    with ThreadPoolExecutor(3) as pool:
        beside = list(pool.map(lambda each: train(each, dense, by=trainer), arms))
    assert beside == alone
    assert trainer.programs == 1


def test_probes_of_one_training_are_compiled_beside_another_one():
    planned = arm(LSTM, validated=True)
    given = [Arrays(samples((5, 2), count=count)) for count in (9, 10, 12, 64)]  # and as many samples are probed
    alone = [train(planned, arrays) for arrays in given]
    trainer = Trainer(40)
    with ThreadPoolExecutor(4) as pool:
        beside = list(pool.map(lambda arrays: train(planned, arrays, by=trainer), given))
    assert beside == alone


def test_how_steps_are_cut_into_calls_changes_nothing(dense, monkeypatch):
    planned = arm(LSTM, validated=True)
    arrays = Arrays(samples((5, 2)))
    whole = train(planned, arrays)
    monkeypatch.setattr(training, "SECONDS_A_CALL", 0.0)
    assert train(planned, arrays) == whole


def test_arms_that_differ_in_numbers_or_initialisers_share_one_program(dense):
    begun = model((6,), ("Dense", {"units": 8, "kernel_initializer": Part("Zeros")}), ("Dense", {"units": 3}))
    plain = model((6,), ("Dense", {"units": 8}), ("Dense", {"units": 3}))
    trainer = Trainer(10)
    arms = [
        arm(plain, optimizer=OptimizerPlan("adam", 0.1)),
        arm(plain, optimizer=OptimizerPlan("adam", 0.1, clipvalue=0.01)),
        arm(plain, optimizer=OptimizerPlan("adam", 0.1, arguments={"epsilon": 1.0})),
        arm(begun, optimizer=OptimizerPlan("adam", 0.1)),
    ]
    outcomes = [train(each, dense, by=trainer) for each in arms]
    assert trainer.programs == 1
    assert len({tuple(curve(outcome, "loss").values()) for outcome in outcomes}) == 4


def test_arms_with_the_same_first_layers_begin_with_the_same_weights(dense):
    deeper = model(
        (6,), ("Dense", {"units": 8, "activation": "relu"}), ("Dense", {"units": 3}), ("Dropout", {"rate": 0.0})
    )
    assert curve(train(arm(deeper), dense), "loss") == pytest.approx(curve(train(arm(DENSE), dense), "loss"))


def test_a_label_beyond_the_outputs_ends_the_training_at_its_step_with_the_steps_before_it_told():
    given = samples((6,), count=64)
    given.targets[0][:] = 0
    at = batches(64, 8, 8, 0)[5, 0]  # in the batch of step 6
    given.targets[0][at] = 99
    outcome = train(arm(DENSE), Arrays(given), steps=40)
    assert outcome.error.startswith("InvalidArgumentError")
    assert list(curve(outcome, "loss")) == [1, 2, 3, 4, 5]
    assert "training_error" in rules(outcome)
    assert outcome.final_loss == inf
    assert not outcome.HasField("final_error")


def test_inputs_of_another_shape_than_the_model_takes_are_the_training_s_own_error(dense):
    outcome = train(arm(model((7,), ("Dense", {"units": 3}))), dense)
    assert "expected shape=(None, 7)" in outcome.error
    assert "training_error" in rules(outcome)


def test_samples_of_unequal_length_are_the_training_s_own_error():
    given = samples((6,), count=16)
    ragged = np.empty(16, object)
    ragged[:] = [np.ones(length + 1) for length in range(16)]
    outcome = train(arm(DENSE), Arrays(dataclasses.replace(given, inputs=(ragged,))))
    assert outcome.error.startswith("ValueError")
    assert "training_error" in rules(outcome)


def test_an_arm_that_cannot_be_planned_or_compiled_is_told_why_and_is_no_fault_of_the_training(dense):
    refused = dataclasses.replace(arm(DENSE), error=SpecError("arms[1].patch", "makes no sense"))
    gathering = arm(DENSE, optimizer=OptimizerPlan("sgd", 0.1, arguments={"gradient_accumulation_steps": 4}))
    for planned, words in ((refused, "makes no sense"), (gathering, "gradient_accumulation_steps")):
        outcome = train(planned, dense)
        assert words in outcome.error
        assert rules(outcome) == set()
        assert outcome.final_loss == inf


def test_a_training_ends_soon_after_its_weights_are_no_numbers(dense):
    exploding = arm(DENSE, optimizer=OptimizerPlan("sgd", 1e38))
    outcome = train(exploding, dense, steps=400)
    losses = curve(outcome, "loss")
    assert outcome.final_loss == inf
    assert "nonfinite_loss" in rules(outcome)
    assert max(losses) < 120


def test_held_out_samples_are_looked_at_after_every_epoch_where_the_reported_run_did_so(dense):
    looked = train(arm(DENSE, validated=True), dense, steps=20)
    assert list(curve(looked, "val_loss")) == [8, 16]
    assert list(curve(looked, "val_accuracy")) == [8, 16]
    assert not [each for each in train(arm(DENSE), dense).curves if each.signal.startswith("val_")]


def test_class_weights_change_what_is_learned(dense):
    given = samples((6,))
    given.targets[0][np.random.default_rng(1).random(64) < 0.7] = 0
    arrays = Arrays(given)
    plain, balanced = (train(arm(DENSE, class_weights=weighted), arrays) for weighted in (False, True))
    assert curve(plain, "loss")[1] != pytest.approx(curve(balanced, "loss")[1])


def test_a_loss_of_numbers_is_scored_by_the_share_of_the_variance_that_is_left():
    given = samples((6,))
    x, held = given.inputs[0], given.held_inputs[0]
    linear = dataclasses.replace(given, targets=(10 * x[:, :1],), held_targets=(10 * held[:, :1],))
    planned = arm(
        model((6,), ("Dense", {"units": 1})),
        optimizer=OptimizerPlan("sgd", 0.1),
        loss=LossPlan("mean_squared_error"),
        metrics=("mae",),
    )
    outcome = train(planned, Arrays(linear), steps=100)
    assert outcome.final_error < 0.01
    assert curve(outcome, "mae")[100] < curve(outcome, "mae")[1]


def test_a_model_of_two_inputs_and_outputs_is_trained_on_the_sum_of_its_losses():
    places = (
        LayerPlan("first", "InputLayer", {"shape": (3,), "dtype": "float32"}),
        LayerPlan("second", "InputLayer", {"shape": (2,), "dtype": "float32"}),
        LayerPlan("joined", "Concatenate", {}, ("first", "second")),
        LayerPlan("kind", "Dense", {"units": 3}, ("joined",)),
        LayerPlan("size", "Dense", {"units": 1}, ("joined",)),
    )
    planned = dataclasses.replace(
        arm(DENSE, optimizer=OptimizerPlan("adam", 0.05)),
        model=ModelPlan(places, ("kind", "size"), 0),
        losses=(CLASSES, LossPlan("mean_squared_error", weight=2.0)),
        structure="two",
    )
    first, second = (np.random.default_rng(n).normal(size=(80, 4 - n)).astype("float32") for n in (1, 2))
    kind, size = first.argmax(axis=1), second.sum(axis=1, keepdims=True)
    given = Samples(
        (first[:64], second[:64]), (kind[:64], size[:64]), (first[64:], second[64:]), (kind[64:], size[64:])
    )
    outcome = train(planned, Arrays(given), steps=200)
    assert outcome.error == ""
    assert outcome.final_loss < 0.5
    assert outcome.final_error < 0.25


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16", "float64"])
def test_other_precisions_than_single_are_trained(precision, dense):
    precise = dataclasses.replace(DENSE, precision=precision)
    outcome = train(arm(precise, optimizer=OptimizerPlan("adam", 0.05)), dense, steps=100)
    assert outcome.error == ""
    assert outcome.final_loss < 0.5
    assert not {"dead_tensor", "unchanged_tensor"} & rules(outcome)


def test_a_model_of_which_nothing_trains_is_found_to_be_one(dense):
    frozen = model((6,), ("Dense", {"units": 3, "trainable": False}))
    outcome = train(arm(frozen), dense)
    assert outcome.error == ""
    assert "nothing_trainable" in rules(outcome)
    losses = curve(outcome, "loss")
    assert losses[8 + 1] != losses[1]  # of another batch
    assert np.mean([losses[step] for step in range(1, 9)]) == pytest.approx(
        np.mean([losses[step] for step in range(9, 17)])
    )

"""The rules on how a training sets about learning fire on their faults and know what health looks like there."""

import math
from dataclasses import replace

import numpy as np
import pytest

from paramedic_service.rules.description import ArrayProfile, Data, Description, Layer, Loss, Model, Optimizer
from paramedic_service.rules.diagnosis import Diagnosis
from support.epochs import classifier, follow, healthy, openings, rows_of
from support.telemetry import TENSORS, diagnose, healthy_loss, healthy_norms

STEPS = 600


def noisy(level: float, steps: int = STEPS, deviation: float = 0.02, seed: int = 0) -> np.ndarray:
    return level * np.exp(np.random.default_rng(seed).normal(0, deviation, steps))


def opened_in(loss: np.ndarray, norms: np.ndarray | None = None) -> dict[str, int]:
    return openings(diagnose(loss, norms)[1])


def begun_at(level: float, description: Description | None = None) -> dict[str, int]:
    training = healthy()
    training.loss *= level / training.loss[0]
    return openings(follow(training, description)[1])


def started(losses: np.ndarray, rates: np.ndarray | None = None) -> dict[str, int]:
    training = healthy()
    training.loss[: len(losses)] = losses
    if rates is not None:
        training.rate = np.concatenate([rates, np.full(len(training.loss) - len(rates), rates[-1])])
    return openings(follow(training)[1])


def test_a_classifier_that_begins_far_above_ln_k_and_stays_there_is_confidently_wrong() -> None:
    assert started(np.full(40, 9.0))["initial_loss"] == 15


def test_a_confident_start_that_is_unlearned_at_once_is_healthy() -> None:
    assert "initial_loss" not in started(np.linspace(9.0, 4.0, 30))
    assert "initial_loss" not in started(5 + 40 * np.exp(-np.arange(25) / 8))


def test_a_start_from_which_the_way_back_is_too_long_is_found_when_the_steps_have_doubled() -> None:
    assert started(np.linspace(60, 50, 40))["initial_loss"] == 15
    slower = np.concatenate([np.linspace(90, 30, 16), np.linspace(30, 29, 40)])
    assert started(slower)["initial_loss"] == 31


def test_a_single_loss_that_is_low_enough_makes_the_start_good() -> None:
    losses = np.full(40, 9.0)
    losses[10] = 4.0
    assert "initial_loss" not in started(losses)


def test_while_the_learning_rate_is_warmed_up_a_start_is_given_time() -> None:
    warmed_up = np.linspace(0, 1e-3, 60)
    assert "initial_loss" not in started(np.full(60, 9.0), warmed_up)
    assert started(np.full(100, 9.0), warmed_up)["initial_loss"] == 74


def test_a_classifier_may_begin_somewhat_above_ln_k_or_be_trained_already() -> None:
    assert "initial_loss" not in begun_at(1.5 * math.log(10))
    assert "initial_loss" not in begun_at(0.3)


def test_a_penalty_in_the_loss_leaves_it_without_a_known_beginning() -> None:
    layers = (Layer("output", "Dense", units=10, settings={"kernel_regularizer": {"class_name": "L2"}}),)
    training = healthy()
    training.loss[:40] = 9.0
    _, changes = follow(training, replace(classifier(), model=Model(layers)))
    assert "initial_loss" not in openings(changes)


@pytest.mark.parametrize("settings", [{"reduction": "sum"}, {"further_terms": True}])
def test_a_sum_over_samples_or_with_other_terms_has_no_known_beginning(settings: dict[str, object]) -> None:
    loss = replace(classifier().losses[0], settings=settings)
    training = healthy()
    training.loss[:40] = 9.0
    _, changes = follow(training, replace(classifier(), losses=(loss,)))
    assert "initial_loss" not in openings(changes)
    mean = replace(loss, settings={"reduction": "sum_over_batch_size"})
    _, changes = follow(training, replace(classifier(), losses=(mean,)))
    assert "initial_loss" in openings(changes)


def test_a_high_initial_loss_resolves_once_something_is_learned() -> None:
    training = healthy()
    training.loss[:20] = 9.0
    changes = [f.change.name for f in follow(training)[1] if f.rule == "initial_loss"]
    assert changes == ["OPENED", "RESOLVED"]


def test_an_infinite_loss_is_for_another_rule() -> None:
    training = healthy()
    training.loss[:5] = np.inf
    assert set(openings(follow(training)[1])) == {"nonfinite_loss"}


def test_a_negative_cross_entropy_is_impossible_and_another_loss_may_be_negative() -> None:
    training = healthy()
    training.loss[50:] = -0.5
    assert openings(follow(training)[1])["impossible_loss"] == 50
    other = replace(classifier(), losses=(Loss("cosine_similarity"),))
    assert openings(follow(training, other)[1]) == {}


def test_a_loss_of_nothing_is_impossible_early_and_the_end_of_a_long_training() -> None:
    training = healthy()
    training.loss[40:] = 1e-10
    assert openings(follow(training)[1])["impossible_loss"] == 49
    training = healthy()
    training.loss[400:] = 1e-10
    assert "impossible_loss" not in openings(follow(training)[1])
    at_once = Diagnosis()
    at_once.describe(classifier())
    assert "impossible_loss" not in openings(at_once.observe(rows_of(training, 0, STEPS)))


def stagnating(ratio: float):
    training = healthy()
    training.loss = noisy(2.3)
    training.ratio[:] = ratio
    return training


def test_updates_that_do_not_move_the_weights_are_found_after_forty_steps() -> None:
    assert openings(follow(stagnating(2e-5))[1])["stagnation"] == 39


def test_updates_of_usual_size_or_none_at_all_are_no_low_learning_rate() -> None:
    assert "stagnation" not in openings(follow(stagnating(3e-4))[1])
    assert "stagnation" not in openings(follow(stagnating(0.0))[1])


def test_small_updates_are_health_during_warm_up_after_decay_and_when_all_is_learned() -> None:
    warming = stagnating(2e-5)
    warming.rate = np.linspace(1e-6, 1e-3, STEPS)
    assert "stagnation" not in openings(follow(warming)[1])
    decayed = stagnating(2e-5)
    decayed.ratio[:10], decayed.rate[10:] = 3e-4, 1e-5
    assert "stagnation" not in openings(follow(decayed)[1])
    learning = healthy()
    learning.ratio[:] = 2e-5
    assert "stagnation" not in openings(follow(learning)[1])


def test_weights_that_moved_once_and_no_longer_do_had_no_low_learning_rate() -> None:
    training = stagnating(2e-5)
    training.ratio[:5] = 5e-3
    assert "stagnation" not in openings(follow(training)[1])


def test_a_dead_training_is_found_long_before_one_is_given_up_that_may_begin_late() -> None:
    assert opened_in(noisy(2.3))["loss_not_decreasing"] < 200


def test_coming_down_to_the_loss_of_knowing_nothing_is_no_learning() -> None:
    training = healthy()
    training.loss = noisy(math.log(10), deviation=0.003)
    training.loss[:10] += np.linspace(0.5, 0.1, 10)
    assert openings(follow(training)[1])["loss_not_decreasing"] < 200
    assert "loss_not_decreasing" not in openings(follow(training, Description())[1])


def regression(deviation: float | None) -> Description:
    targets = ArrayProfile(shape=(-1,), deviation=deviation, encoding="continuous")
    return Description(TENSORS, losses=(Loss("mse"),), data=Data(targets=(targets,)))


def test_coming_down_to_the_variance_of_the_targets_is_no_learning() -> None:
    loss = noisy(0.25, deviation=0.003)
    loss[:20] += np.geomspace(4, 0.01, 20)
    assert openings(diagnose(loss, None, description=regression(0.5))[1])["loss_not_decreasing"] < 200
    assert "loss_not_decreasing" not in openings(diagnose(loss, None, description=regression(None))[1])
    assert "loss_not_decreasing" not in openings(diagnose(loss, None, description=regression(0.7))[1])


def test_a_loss_that_falls_slowly_is_given_time() -> None:
    late = np.concatenate([noisy(2.3, 250, 0.005) - 0.0003 * np.arange(250), healthy_loss(350, start=2.2)])
    assert "loss_not_decreasing" not in opened_in(late)


def test_a_gradient_that_grows_announces_learning() -> None:
    loss = np.concatenate([noisy(2.3, 250), healthy_loss(350, start=2.3)])
    norms = healthy_norms(STEPS) * np.exp(np.minimum(np.arange(STEPS), 250) / 150).astype(np.float32)[:, None]
    assert "loss_not_decreasing" not in opened_in(loss, norms)


def test_gradients_between_two_losses_count_however_they_are_batched() -> None:
    norms = healthy_norms(STEPS) * np.exp(np.arange(STEPS) / 200).astype(np.float32)[:, None]
    states = [
        diagnose(noisy(2.3), norms, cuts, loss_every=2)[0].state()["monitors"]["LossMonitor"]
        for cuts in ([], range(1, STEPS))
    ]
    assert states[0] == states[1]


def test_learning_is_expected_only_after_the_warm_up() -> None:
    training = healthy(14)
    training.loss = np.concatenate([noisy(2.3, 220), healthy_loss(200, start=2.3)])
    training.rate = np.minimum(np.arange(420) + 1, 220) * 1e-5
    assert "loss_not_decreasing" not in openings(follow(training)[1])


def test_a_noisy_loss_is_not_called_flat_before_a_fall_would_show() -> None:
    loss = noisy(2.3, 200, deviation=0.4)
    assert "loss_not_decreasing" not in opened_in(loss)


def test_a_loss_that_jumps_with_the_first_steps_and_comes_down_to_nothing_is_found_at_sixty() -> None:
    loss = noisy(2.2)
    loss[2:8] = [9.0, 14.0, 12.0, 8.0, 6.0, 4.0]
    assert opened_in(loss)["oscillation"] == 59


def test_a_jump_from_which_the_training_learns_is_forgiven() -> None:
    loss = healthy_loss(STEPS)
    loss[2:8] = [9.0, 14.0, 12.0, 8.0, 6.0, 4.0]
    loss[8:] *= 0.4
    assert "oscillation" not in opened_in(loss)


def test_a_loss_that_swings_far_beyond_its_noise_is_found() -> None:
    swings = 1.6 + 0.3 * np.sign(np.sin(np.arange(STEPS) / 12))
    swings[:20] = 2.3
    assert "oscillation" in opened_in(swings + noisy(0.02))


@pytest.mark.parametrize("seed", range(5))
def test_the_noise_of_tiny_batches_is_no_swing(seed: int) -> None:
    loss = noisy(1.5, 1500, deviation=0.6, seed=seed)
    loss[:40] += np.linspace(1.5, 0, 40)
    assert "oscillation" not in opened_in(loss)


def test_one_spike_is_no_swing() -> None:
    loss = noisy(1.5)
    loss[300:304] = 8.0
    assert "oscillation" not in opened_in(loss)


def test_a_shock_that_wears_off_is_no_swing() -> None:
    loss = noisy(1.2, deviation=0.005)
    loss[300:360] += np.linspace(3, 0, 60)
    assert "oscillation" not in opened_in(loss)


def test_a_large_error_makes_large_gradients() -> None:
    large = healthy_loss(STEPS) * 1e10
    norms = healthy_norms(STEPS) * np.float32(1e5)
    norms[50:] *= 1e4
    assert "exploding_gradient" not in opened_in(large, norms)
    assert "exploding_gradient" in opened_in(noisy(2.3), norms)


def test_a_gradient_spike_that_is_clipped_does_no_harm() -> None:
    loss, norms = noisy(2.0), healthy_norms(STEPS)
    norms[300] *= 100
    loss[300] = 2.5
    assert "gradient_spike" in opened_in(loss, norms)
    clipped = Description(TENSORS, optimizer=Optimizer(global_clipnorm=1.0))
    assert "gradient_spike" not in openings(diagnose(loss, norms, description=clipped)[1])


def test_the_rules_say_what_they_miss() -> None:
    diagnosis = Diagnosis()
    diagnosis.observe(rows_of(replace(healthy(), ratio=np.empty(0)), 0, 30))
    missing = diagnosis.abstentions
    assert "loss config" in missing["initial_loss"]
    assert "loss config" in missing["impossible_loss"]
    assert "update_norm" in missing["stagnation"]
    assert "loss" in Diagnosis().abstentions["oscillation"]

"""Rules on what gradients do beside their size: along time, from step to step, under clipping, in noise."""

from dataclasses import replace

import numpy as np
import pytest

from paramedic_service.rules import accumulation, clipping, noise_scale, through_time
from paramedic_service.rules.description import Optimizer
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.noise_scale import estimates
from paramedic_service.rules.through_time import explodes, passage
from support.signals import TIME_STEPS, Training, healthy
from support.telemetry import healthy_loss, rows_of

RULES = (*through_time.RULES, *accumulation.RULES, *clipping.RULES, *noise_scale.RULES)


def opened(training: Training) -> dict[str, int]:
    ours = {rule.id for rule in RULES}
    return {rule: step for rule, step in training.opened().items() if rule in ours}


def along(training: Training, factor: float) -> Training:
    """The training with a gradient that changes by a factor a time step on its way back."""
    training.paths["lstm"][:] = factor ** (TIME_STEPS[-1] - TIME_STEPS).astype(np.float64)
    return training


def test_a_healthy_training_is_left_alone() -> None:
    assert opened(healthy(1500)) == {}
    assert opened(healthy().stuck()) == {}


def test_a_gradient_that_halves_and_more_a_step_vanishes_through_time() -> None:
    training = along(healthy().stuck(), 0.3)
    assert opened(training) == {"vanishing_through_time": 50}
    finding = training.diagnose()[0].findings["vanishing_through_time"]
    assert finding.evidence[0].layer == "lstm"
    assert finding.evidence[1].value == pytest.approx(0.3, rel=1e-3)


def test_a_gradient_that_fades_slowly_is_given_time_because_gated_cells_learn_late() -> None:
    assert opened(along(healthy(1000).stuck(), 0.65)) == {"vanishing_through_time": 550}
    assert opened(along(healthy(500).stuck(), 0.65)) == {}


def test_a_training_that_learns_may_forget_the_beginning_of_its_sequences() -> None:
    assert opened(along(healthy(), 0.3)) == {}


def test_zeros_at_the_beginning_of_a_sequence_have_vanished_and_zeros_at_its_end_tell_nothing() -> None:
    training = along(healthy().stuck(), 0.3)
    training.paths["lstm"][:, :5] = 0
    assert opened(training) == {"vanishing_through_time": 50}
    training.paths["lstm"][:, -1] = 0
    assert opened(training) == {}


def test_a_gradient_that_grows_a_thousandfold_explodes_through_time_at_once() -> None:
    assert opened(along(healthy(), 2.0)) == {"exploding_through_time": 0}


def test_losses_of_all_time_steps_may_add_up() -> None:
    training = healthy()
    training.paths["lstm"][:] = TIME_STEPS[::-1] * 40 + 1.0
    assert opened(training) == {}


def test_what_losses_may_add_up_to_grows_with_the_sequence() -> None:
    steps = np.arange(1000)
    for slope, expected in ((5.0, False), (20.0, True)):
        found = passage("lstm", steps, (1 + slope * steps[::-1]).astype(np.float32))
        assert found is not None
        assert explodes(through_time.EXPLODING_THROUGH_TIME, found) is expected


def test_nan_along_the_path_tells_nothing() -> None:
    training = along(healthy().stuck(), 0.3)
    training.paths["lstm"][:, 3] = np.nan
    assert opened(training) == {}


def test_the_worst_of_several_layers_is_named() -> None:
    training = along(healthy().stuck(), 0.3)
    training.paths["gru"] = np.tile(
        (0.1 ** (TIME_STEPS[-1] - TIME_STEPS)).astype(np.float32), (len(training.paths["lstm"]), 1)
    )
    finding = training.diagnose()[0].findings["vanishing_through_time"]
    assert finding.evidence[0].layer == "gru"


def test_the_factor_is_a_time_steps_though_only_some_steps_are_measured() -> None:
    steps = np.array([0, 10, 90, 100])
    found = passage("lstm", steps, (0.9 ** (100 - steps)).astype(np.float32))
    assert found is not None
    assert (found.factor, found.ratio) == pytest.approx((0.9, 0.9**100), rel=1e-4)
    assert passage("lstm", np.array([0]), np.ones(1, np.float32)) is None


def piled_up(rows: int = 600) -> Training:
    """A training whose gradients are never reset: each row's is the sum so far of vectors in one direction."""
    training = healthy(rows)
    training.gradients = (0.2 * np.cumsum(training.gradients, axis=0) + 0.2).astype(np.float32)
    return training


def test_gradients_that_are_not_reset_are_found_when_their_line_is_long_enough() -> None:
    assert opened(piled_up())["accumulating_gradient"] == 31


def test_gradients_that_turn_while_they_pile_up_are_found_too() -> None:
    training = piled_up()
    row = np.arange(600)[:, None]
    training.gradients *= (1 + 0.3 * np.sin(row / 8)).astype(np.float32)
    assert opened(training)["accumulating_gradient"] == 31


@pytest.mark.parametrize("growth", ["a factor a step", "noisy", "too fast", "too little"])
def test_gradients_that_grow_otherwise_do_not_pile_up(growth: str) -> None:
    training = healthy()
    row = np.arange(600)[:, None]
    match growth:
        case "a factor a step":
            training.gradients = np.float32(0.3 * 1.15 ** np.minimum(row, 40)) * np.ones((1, 5), np.float32)
        case "noisy":
            training.gradients *= (1 + 0.5 * row).astype(np.float32)
        case "too fast":
            training.gradients = np.float32(0.3 + 3.0 * np.minimum(row, 40)) * np.ones((1, 5), np.float32)
        case "too little":
            training.gradients = np.float32(0.3 + 0.03 * np.minimum(row, 40)) * np.ones((1, 5), np.float32)
    assert "accumulating_gradient" not in opened(training)


@pytest.mark.parametrize(
    "optimizer",
    [Optimizer(clipnorm=0.01), Optimizer(clipvalue=0.0005), Optimizer(global_clipnorm=0.01)],
)
def test_clipping_that_cuts_everything_to_nothing_is_saturated(optimizer: Optimizer) -> None:
    assert opened(healthy().stuck().described(optimizer=optimizer)) == {"clipping_saturated": 63}


@pytest.mark.parametrize("optimizer", [Optimizer(clipnorm=0.1), Optimizer("adam"), Optimizer(clipvalue=0.01)])
def test_clipping_that_is_merely_on_is_left_alone(optimizer: Optimizer) -> None:
    assert opened(healthy().stuck().described(optimizer=optimizer)) == {}


def test_clipping_that_does_not_keep_the_loss_from_falling_is_left_alone() -> None:
    training = healthy().described(optimizer=Optimizer(clipnorm=0.001))
    training.loss[:] = np.geomspace(5, 0.01, 600)
    assert opened(training) == {}


def test_batches_that_are_too_small_for_the_noise_are_found_after_enough_measurements() -> None:
    training = healthy(1000).stuck()
    training.noise[:, 0] = 1.99 * training.noise[:, 1]
    assert opened(training) == {"gradient_noise": 400}
    assert "too small" in training.diagnose()[0].findings["gradient_noise"].summary


def test_batches_that_are_larger_than_of_use_are_found() -> None:
    training = healthy(1000).stuck()
    training.noise[:, 0] = 1.0005 * training.noise[:, 1]
    assert "too large" in training.diagnose()[0].findings["gradient_noise"].summary


@pytest.mark.parametrize("ratio", [1.99, 1.0005])
def test_noise_is_no_fault_of_a_training_that_learns(ratio: float) -> None:
    training = healthy(1000)
    training.noise[:, 0] = ratio * training.noise[:, 1]
    training.loss[:] = np.geomspace(5, 0.01, 1000)
    assert opened(training) == {}


@pytest.mark.parametrize("ratio", [2.1, 1e200, np.nan])
def test_noise_beyond_measuring_is_no_ground_to_accuse(ratio: float) -> None:
    training = healthy(1000).stuck()
    training.noise[:, 0] = ratio * training.noise[:, 1]
    assert opened(training) == {}


def test_the_estimates_are_those_of_mccandlish() -> None:
    rng = np.random.default_rng(0)
    true, deviation = np.full(50, 0.1), 1.0
    sums = np.zeros(2)
    for _ in range(500):
        samples = true + rng.normal(0, deviation, (32, 50))
        small = np.sqrt(np.mean([np.square(part.mean(0)).sum() for part in np.split(samples, 4)]))
        sums += estimates(float(small), float(np.linalg.norm(samples.mean(0))), 8, 32)
    gradient, covariance = sums / 500
    assert gradient == pytest.approx(np.square(true).sum(), rel=0.1)
    assert covariance == pytest.approx(50 * deviation**2, rel=0.05)


def test_rules_abstain_by_name_without_their_signals() -> None:
    ids = {rule.id for rule in RULES}
    diagnosis = Diagnosis()
    diagnosis.observe(rows_of(healthy_loss(50), None))
    assert ids <= diagnosis.abstentions.keys()
    training = healthy()
    diagnosis.describe(replace(training.description, optimizer=Optimizer("sgd")))
    diagnosis.observe(training.rows(50, 101))
    assert ids & diagnosis.abstentions.keys() == {"clipping_saturated"}
    diagnosis.describe(training.description)
    assert not ids & diagnosis.abstentions.keys()

"""Each weight rule fires on its fault at the right step and stays quiet on health that comes close."""

from dataclasses import replace

import numpy as np
import pytest

from paramedic_service.rules import weights
from paramedic_service.rules.description import Tensor
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.weights_history import total_norms
from paramedic_service.rules.weights_initial import fans, oddity
from support.signals import TENSORS, Training, healthy

KERNELS = [0, 2, 3]


def opened(training: Training) -> dict[str, int]:
    ours = {rule.id for rule in weights.RULES}
    return {rule: step for rule, step in training.opened().items() if rule in ours}


def warming_up(training: Training) -> Training:
    """The learning rate rises from nothing; until it is up, nothing happens."""
    training.stuck().rates[:] = np.linspace(0, 0.01, len(training.rates))
    training.updates[:] *= np.linspace(0, 1e-3, len(training.rates))[:, None].astype(np.float32)
    return training


def test_a_healthy_training_is_left_alone() -> None:
    assert opened(healthy(2000)) == {}


def test_steps_that_hardly_move_stuck_weights_are_too_small() -> None:
    training = healthy().stuck()
    training.updates *= np.float32(1e-3)
    assert opened(training) == {"update_ratio": 63}


def test_small_steps_of_a_training_that_improves_or_warms_up_are_left_alone() -> None:
    training = healthy()
    training.updates *= np.float32(1e-3)
    training.loss[:32] = np.linspace(4, 2.5, 32)
    assert opened(training) == {}
    assert opened(warming_up(healthy())) == {}


def test_steps_that_overwrite_the_weights_are_too_large() -> None:
    training = healthy().stuck(at=9.0, since=200)
    training.updates[200:, KERNELS] *= np.float32(200)
    found = opened(training)
    assert 255 <= found["update_ratio"] <= 330


def test_large_steps_that_bring_the_loss_down_are_left_alone() -> None:
    training = healthy()
    training.updates[:, KERNELS] *= np.float32(100)
    training.loss[:] = np.linspace(9, 0.1, len(training.loss))
    assert opened(training) == {}


def test_a_kernel_that_the_optimizer_does_not_know_does_not_change() -> None:
    training = healthy()
    training.updates[:, 2] = 0
    assert opened(training) == {"unchanged_tensor": 31}


@pytest.mark.parametrize("reason", ["no gradient", "no learning rate"])
def test_a_kernel_that_has_a_reason_not_to_change_is_left_alone(reason: str) -> None:
    training = healthy()
    if reason == "no gradient":
        training.updates[:, 2] = 0
        training.gradients[:, 2] = 1e-6
    else:
        training.updates[:] = 0
        training.rates[:] = 0
    assert "unchanged_tensor" not in opened(training)


def test_weights_that_double_from_check_to_check_grow() -> None:
    training = healthy().stuck(at=9.0, since=150)
    training.weights[150:] *= np.exp2(np.arange(450) / 40).astype(np.float32)[:, None]
    found = opened(training)
    assert 383 <= found["weight_growth"] <= 450
    assert found["exploding_weights"] >= 300


def test_weights_that_grow_while_the_loss_falls_are_left_alone() -> None:
    training = healthy()
    training.loss[:] = np.geomspace(9, 0.01, len(training.loss))
    training.weights *= np.exp2(np.arange(600) / 40).astype(np.float32)[:, None]
    assert opened(training) == {}


def test_weights_that_are_no_numbers_have_exploded_whatever_the_loss() -> None:
    training = healthy()
    training.weights[100:, 0] = np.nan
    assert opened(training)["exploding_weights"] == 191


def test_small_beginnings_may_grow_a_hundredfold() -> None:
    training = healthy().stuck()
    training.weights[:, 3] = np.geomspace(0.03, 3, 600)
    assert "exploding_weights" not in opened(training)


def test_what_began_at_zero_has_no_measure_to_explode_by() -> None:
    training = healthy().stuck()
    training.weights[:, 3] = np.linspace(0, 20, 600)
    assert "exploding_weights" not in opened(training)


def test_an_update_far_beyond_the_recent_largest_is_a_spike() -> None:
    training = healthy()
    training.updates[300] *= np.float32(30)
    training.loss[300] = 5
    assert opened(training) == {"update_spike": 300}


@pytest.mark.parametrize("reason", ["a warm restart", "a better loss", "the first steps"])
def test_an_update_that_has_a_reason_to_be_large_is_no_spike(reason: str) -> None:
    training = healthy()
    if reason == "a warm restart":
        training.updates[250:300] *= np.float32(0.01)
        training.rates[250:300] *= 0.01
        training.updates[:250] *= np.float32(0.01)
        training.rates[:250] *= 0.01
        training.loss[300:] = 3
    elif reason == "a better loss":
        training.updates[300] *= np.float32(30)
        training.loss[300] = 0.01
    else:
        training.updates[20] *= np.float32(30)
        training.loss[20] = 5
    assert "update_spike" not in opened(training)


@pytest.mark.parametrize(("factor", "said"), [(0.0, "at zero"), (1e-3, "far too small"), (60.0, "far too large")])
def test_kernels_that_began_oddly_explain_a_loss_that_is_stuck(factor: float, said: str) -> None:
    training = healthy().stuck()
    training.weights[:, KERNELS] *= np.float32(factor)
    training.updates[:, KERNELS] *= np.float32(factor)
    diagnosis, _ = training.diagnose()
    finding = diagnosis.findings["initial_weights"]
    assert finding.opened_step == 31
    assert said in finding.summary


@pytest.mark.parametrize("change", ["it learns", "a small head", "random normal of 0.05"])
def test_odd_beginnings_that_do_no_harm_are_left_alone(change: str) -> None:
    training = healthy()
    if change == "it learns":
        training.weights[:, KERNELS] *= np.float32(60)
        training.updates[:, KERNELS] *= np.float32(60)
        training.loss[:] = np.geomspace(9, 0.01, len(training.loss))
    else:
        training.stuck()
        training.weights[:, 3 if change == "a small head" else KERNELS] *= np.float32(
            1e-3 if change == "a small head" else 0.25
        )
    assert "initial_weights" not in opened(training)


def test_what_initialisers_give_is_never_odd() -> None:
    rng = np.random.default_rng(0)
    for shape in [(64, 64), (1, 128), (10_000, 1), (3, 3, 64, 128), (7, 4096), (4096, 11_008)]:
        inputs, outputs = fans(shape)
        count = int(np.prod(shape))
        for variance in (2 / inputs, 2 / (inputs + outputs), 1 / inputs):
            sample = rng.normal(0, np.sqrt(variance), min(count, 100_000))
            norm = float(np.linalg.norm(sample) * np.sqrt(count / len(sample)))
            tensor = Tensor("kernel", count, "layer", "kernel", shape)
            assert oddity(weights.INITIAL_WEIGHTS, tensor, norm, last=False) == ""


@pytest.mark.parametrize(
    ("signal", "rules"),
    [
        (
            "weight_norm",
            {"update_ratio", "unchanged_tensor", "weight_growth", "exploding_weights", "initial_weights"},
        ),
        ("update_norm", {"update_ratio", "unchanged_tensor", "update_spike"}),
    ],
)
def test_rules_abstain_by_name_without_their_signal(signal: str, rules: set[str]) -> None:
    ours = {rule.id for rule in weights.RULES}
    diagnosis, rows = Diagnosis(), healthy().rows(0, 100)
    diagnosis.describe(healthy().description)
    diagnosis.observe(replace(rows, blocks={name: block for name, block in rows.blocks.items() if name != signal}))
    abstaining = {rule for rule, why in diagnosis.abstentions.items() if signal in why}
    assert abstaining & ours == rules


def test_biases_are_nobodys_business() -> None:
    training = healthy().stuck()
    training.weights[:, [1, 4]] = 0
    training.updates[:, [1, 4]] = 50
    assert TENSORS[1].role == TENSORS[4].role == "bias"
    assert opened(training) == {}


@pytest.mark.parametrize("other", [np.nan, np.inf, 1e30, 1e-30])
def test_a_norm_over_all_tensors_is_the_same_whatever_came_with_it(other: float) -> None:
    row, beside = np.linspace(0.1, 3, 7, dtype=np.float32), np.full(7, other, np.float32)
    assert total_norms(np.stack([row, beside]))[0] == total_norms(row[None])[0]

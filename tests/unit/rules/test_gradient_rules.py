"""Each gradient rule fires on its fault at its step, names the tensor, and stays quiet on health that comes close."""

import numpy as np
import pytest

from paramedic_service.rules.description import Description, Optimizer, Tensor
from paramedic_service.rules.finding import Change
from support.telemetry import TENSORS, diagnose, healthy_loss, healthy_norms, opened, rows_of

STEPS = 400


@pytest.mark.parametrize("seed", range(10))
def test_a_healthy_run_is_not_accused(seed: int) -> None:
    _, found = diagnose(healthy_loss(STEPS, seed), healthy_norms(STEPS, seed))
    assert found == []


def test_a_converged_run_may_have_next_to_no_gradient() -> None:
    loss = healthy_loss(STEPS, end=1e-4)
    norms = healthy_norms(STEPS) * np.exp(-np.arange(STEPS) / 15).astype(np.float32)[:, None]
    assert norms[-1].max() < 1e-9
    assert "vanishing_gradient" not in opened(diagnose(loss, norms)[1])


def test_the_first_tensor_that_turns_nan_is_named_at_its_step() -> None:
    norms = healthy_norms(STEPS)
    norms[123, 2] = np.nan
    finding = diagnose(healthy_loss(STEPS), norms)[1][0]
    assert (finding.rule, finding.opened_step, finding.change) == ("nonfinite_gradient", 123, Change.OPENED)
    assert finding.evidence[0].tensor == "middle/kernel"
    assert np.isnan(finding.evidence[0].value)


def test_a_search_for_the_loss_scale_may_overflow_but_not_for_ever() -> None:
    description = Description(TENSORS, optimizer=Optimizer(dynamic_loss_scale=True))
    norms = healthy_norms(STEPS)
    norms[[0, 1, 2, 150]] = np.inf
    assert diagnose(healthy_loss(STEPS), norms, description=description)[1] == []
    norms[200:] = np.inf
    found = diagnose(healthy_loss(STEPS), norms, description=description)[1]
    assert (found[0].rule, found[0].opened_step) == ("nonfinite_gradient", 209)


def test_large_targets_make_large_gradients_which_is_no_explosion() -> None:
    norms = healthy_norms(STEPS) * np.float32(1e10)
    assert diagnose(healthy_loss(STEPS) * 1e12, norms)[1] == []


def test_a_gradient_that_becomes_enormous_explodes() -> None:
    loss, norms = healthy_loss(STEPS), healthy_norms(STEPS)
    loss[20:] = 50.0
    norms[20:, 3] = 1e9
    found = diagnose(loss, norms)[1]
    explosion = next(finding for finding in found if finding.rule == "exploding_gradient")
    assert explosion.opened_step == 20
    assert explosion.evidence[0].tensor == "last/kernel"
    assert explosion.evidence[0].value == pytest.approx(1e9 / np.sqrt(200))


def test_a_gradient_that_stays_far_above_its_baseline_is_found_within_five_steps() -> None:
    loss, norms = healthy_loss(STEPS), healthy_norms(STEPS)
    loss[300:] *= 3
    norms[300:, 0] *= 60
    found = diagnose(loss, norms)[1]
    assert next(f for f in found if f.rule == "exploding_gradient_relative").opened_step == 304


def test_gradients_that_grow_while_the_loss_falls_are_learning_that_sets_in() -> None:
    steps = np.arange(STEPS)
    loss = np.where(steps < 200, 2.3, 2.3 * np.exp(-(steps - 200) / 30)) * np.exp(
        np.random.default_rng(0).normal(0, 0.01, STEPS)
    )
    norms = healthy_norms(STEPS) * np.where(steps < 215, 1.0, 60.0).astype(np.float32)[:, None]
    assert not opened(diagnose(loss, norms)[1]) & {"exploding_gradient_relative", "gradient_spike"}


def test_a_single_bad_batch_is_a_spike_and_resolves() -> None:
    loss, norms = healthy_loss(STEPS), healthy_norms(STEPS)
    loss[250] = 9.0
    norms[250] *= 500
    found = [(f.rule, f.change, f.resolved_step) for f in diagnose(loss, norms)[1]]
    assert found == [("gradient_spike", Change.OPENED, None), ("gradient_spike", Change.RESOLVED, 300)]


def test_an_anomaly_does_not_become_its_own_baseline() -> None:
    loss, norms = healthy_loss(800), healthy_norms(800)
    loss[300:] = 9.0
    norms[300:] *= 500
    diagnosis, _ = diagnose(loss, norms)
    assert diagnosis.findings["exploding_gradient_relative"].open


def test_a_kernel_without_gradient_worth_the_name_vanishes_while_the_loss_is_stuck() -> None:
    norms = healthy_norms(STEPS)
    norms[:, :2] *= 1e-9
    found = diagnose(np.full(STEPS, 2.3), norms)[1]
    vanishing = next(f for f in found if f.rule == "vanishing_gradient")
    assert vanishing.opened_step == 9
    assert [evidence.tensor for evidence in vanishing.evidence] == ["first/kernel"]
    assert "layer_imbalance" in opened(found)


def test_a_bias_before_a_normalisation_has_no_gradient_and_that_is_health() -> None:
    norms = healthy_norms(STEPS)
    norms[:, 1] *= 1e-9
    assert diagnose(healthy_loss(STEPS), norms)[1] == []


def test_a_tensor_that_never_receives_a_gradient_is_dead() -> None:
    norms = healthy_norms(STEPS)
    norms[:, 4] = 0
    finding = diagnose(healthy_loss(STEPS), norms)[1][0]
    assert (finding.rule, finding.opened_step, finding.evidence[0].tensor) == ("dead_tensor", 9, "last/bias")


def test_a_training_that_is_done_may_have_no_gradient_at_all() -> None:
    loss, norms = healthy_loss(STEPS, end=0.0), healthy_norms(STEPS)
    loss[300:], norms[300:] = 0.0, 0.0
    assert "dead_tensor" not in opened(diagnose(loss, norms)[1])


def test_nan_neither_resolves_nor_repeats_what_was_found_before() -> None:
    loss, norms = healthy_loss(STEPS), healthy_norms(STEPS)
    loss[100:200], norms[100:200] = 1e6, 1e9
    loss[200:], norms[200:] = np.nan, np.nan
    diagnosis, _ = diagnose(loss, norms)
    assert diagnosis.findings["exploding_gradient"].open
    assert diagnosis.findings["exploding_gradient"].last_step < 200


def test_rules_abstain_from_what_was_not_reported() -> None:
    nameless = Description(tuple(Tensor(tensor.name) for tensor in TENSORS))
    diagnosis, _ = diagnose(None, healthy_norms(STEPS), description=nameless)
    assert diagnosis.abstentions["vanishing_gradient"] == "not reported: loss, element counts"
    assert "exploding_gradient_relative" not in diagnosis.abstentions
    diagnosis, _ = diagnose(healthy_loss(STEPS), None)
    assert set(diagnosis.abstentions) >= {"nonfinite_gradient", "gradient_spike", "dead_tensor"}
    assert "divergence" not in diagnosis.abstentions


def test_another_tensor_table_begins_another_baseline() -> None:
    norms = healthy_norms(STEPS)
    diagnosis, _ = diagnose(None, norms)
    diagnosis.describe(Description(TENSORS[2:]))
    assert diagnosis.observe(rows_of(None, norms[:, 2:] * np.float32(50), 0, 60)) == []

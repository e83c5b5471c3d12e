"""Each loss rule fires on its fault at the right step and stays quiet on health that comes close."""

import numpy as np
import pytest

from paramedic_service.rules.description import ArrayProfile, Data, Description, Loss
from paramedic_service.rules.diagnosis import Diagnosis
from paramedic_service.rules.finding import Change, Severity
from support.telemetry import TENSORS, diagnose, healthy_loss, opened, rows_of

STEPS = 600


def found_in(loss: np.ndarray) -> list[tuple[str, Change, int]]:
    return [
        (f.rule, f.change, f.resolved_step or f.opened_step)
        for f in diagnose(loss, None)[1]
        if f.change is not Change.UPDATED
    ]


def ten_classes() -> Data:
    return Data(targets=(ArrayProfile(encoding="integer", class_counts=(100,) * 10, examined=1000),), samples=1000)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_no_number_is_found_at_its_step_and_resolves_when_it_recovers(value: float) -> None:
    loss = healthy_loss(STEPS)
    loss[77] = value
    assert found_in(loss) == [("nonfinite_loss", Change.OPENED, 77), ("nonfinite_loss", Change.RESOLVED, 177)]


def test_losses_whose_squares_are_no_floats_are_judged_like_others() -> None:
    loss = healthy_loss(STEPS)
    loss[300:] = np.where(np.arange(300) // 10 % 2, 1e200, 1e199)
    assert {"divergence", "loss_spike"} <= set(opened(diagnose(loss, None)[1]))


@pytest.mark.parametrize(("height", "losses"), [(3.2, 5), (3.7, 4), (6.0, 3), (12.0, 3)])
def test_so_many_losses_far_above_the_mean_are_a_spike_and_one_less_is_none(height: float, losses: int) -> None:
    loss = healthy_loss(STEPS, end=1.5)
    loss[500 : 499 + losses] = height
    assert "loss_spike" not in opened(diagnose(loss, None)[1])
    loss[499 + losses] = height
    assert ("loss_spike", Change.OPENED, 499 + losses) in found_in(loss)


def test_a_converged_loss_may_double_in_noise() -> None:
    loss = healthy_loss(STEPS, end=0.001)
    loss[500:] *= 3
    assert "loss_spike" not in opened(diagnose(loss, None)[1])


def test_a_loss_that_rises_beyond_what_was_learned_diverges() -> None:
    loss = healthy_loss(STEPS)
    loss[300:] = np.linspace(1, 30, 300)
    change, step = next(found[1:] for found in found_in(loss) if found[0] == "divergence")
    assert change is Change.OPENED
    assert 330 <= step <= 400


def test_a_trained_model_that_goes_on_at_a_high_rate_may_lose_some_of_what_it_had_learned() -> None:
    loss = 0.1 + 0.5 * np.exp(-np.square((np.arange(STEPS) - 60) / 50))
    classes = Description(TENSORS, losses=(Loss("sparse_categorical_crossentropy"),), data=ten_classes())
    assert "divergence" not in opened(diagnose(loss, None, description=classes)[1])
    assert "divergence" in opened(diagnose(4 * loss, None, description=classes)[1])
    assert "divergence" in opened(diagnose(loss, None)[1])


def test_a_warm_restart_is_no_divergence() -> None:
    loss = healthy_loss(STEPS, end=0.02)
    loss[400:500] += 0.3 * np.exp(-np.arange(100) / 50)
    assert "divergence" not in opened(diagnose(loss, None)[1])


def test_a_training_that_never_begins_to_learn_is_found() -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, STEPS)
    finding = diagnose(2.3 + noise, None)[1][0]
    assert (finding.rule, finding.severity) == ("loss_not_decreasing", Severity.WARNING)
    assert finding.opened_step < 350


def test_a_training_that_begins_late_is_given_time() -> None:
    loss = np.concatenate([np.full(250, 2.3), healthy_loss(350, start=2.3)])
    assert "loss_not_decreasing" not in opened(diagnose(loss, None)[1])


def test_a_loss_that_stops_half_way_is_a_plateau_and_one_that_is_done_is_not() -> None:
    rng = np.random.default_rng(1)
    half_way = 1.6 + 0.7 * np.exp(-np.arange(STEPS) / 30) + rng.normal(0, 0.02, STEPS)
    done = 0.1 + 2.2 * np.exp(-np.arange(STEPS) / 30) + rng.normal(0, 0.02, STEPS)
    assert opened(diagnose(half_way, None)[1]) == {"loss_plateau"}
    assert diagnose(done, None)[1] == []


def test_another_training_on_the_same_model_is_not_measured_by_the_first() -> None:
    diagnosis = Diagnosis()
    first, second = healthy_loss(300, end=0.05), healthy_loss(300, start=4.0, end=3.0)
    diagnosis.observe(rows_of(first, None))
    diagnosis.training_began()
    assert diagnosis.observe(rows_of(second, None)) == []


def test_an_open_finding_is_updated_as_its_violations_double() -> None:
    loss = healthy_loss(STEPS)
    loss[100:200] = np.nan
    updates = [f.violations for f in diagnose(loss, None)[1] if f.change is not Change.RESOLVED]
    assert updates == [1, 2, 4, 8, 16, 32, 64]

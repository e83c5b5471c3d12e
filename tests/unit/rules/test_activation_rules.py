"""Each activation rule fires on its fault at the right probe and stays quiet on health that comes close."""

import numpy as np
import pytest

from paramedic_service.rules import activations
from paramedic_service.rules.diagnosis import Diagnosis
from support.signals import Training, healthy
from support.telemetry import healthy_loss, rows_of


def opened(training: Training) -> dict[str, int]:
    ours = {rule.id for rule in activations.RULES}
    return {rule: step for rule, step in training.opened().items() if rule in ours}


def planted(training: Training, rule: str, since: int = 0) -> Training:
    """The training with a fault that a rule looks for, from some probe on."""
    match rule:
        case "dead_units":
            training.layers["dead_share"][since:, 1] = 0.6
        case "saturated_units":
            training.layers["saturated_share"][since:, 0] = 0.95
        case "activation_scale":
            training.layers["sample_deviation"][since:, 1] = 1e-5
            training.layers["activation_deviation"][since:, 1] = 0.05
        case "constant_output":
            training.layers["sample_deviation"][since:, 2] = 1e-4
    return training


RULES = [rule.id for rule in activations.RULES]


def test_a_healthy_training_is_left_alone() -> None:
    assert opened(healthy()) == {}
    assert opened(healthy().stuck()) == {}


@pytest.mark.parametrize("rule", RULES)
def test_a_fault_is_found_at_the_second_probe_that_shows_it(rule: str) -> None:
    training = planted(healthy().stuck(), rule, since=4)
    assert opened(training) == {rule: 250}


@pytest.mark.parametrize("rule", RULES)
def test_the_same_is_no_fault_of_a_training_that_learns(rule: str) -> None:
    assert opened(planted(healthy(), rule, since=1)) == {}


@pytest.mark.parametrize("rule", RULES)
def test_the_finding_names_the_layer(rule: str) -> None:
    diagnosis, _ = planted(healthy().stuck(), rule).diagnose()
    expected = {"dead_units": "middle", "saturated_units": "first", "activation_scale": "middle"}.get(rule, "last")
    assert diagnosis.findings[rule].evidence[0].layer == expected
    assert expected in diagnosis.findings[rule].summary


@pytest.mark.parametrize("rule", RULES)
def test_a_single_probe_opens_nothing_and_two_good_ones_resolve(rule: str) -> None:
    training = healthy().stuck()
    for signal, values in planted(healthy(), rule).layers.items():
        training.layers[signal][3] = values[3]
        training.layers[signal][6:8] = values[6:8]
    assert opened(training) == {rule: 350}
    diagnosis, _ = training.diagnose()
    assert diagnosis.findings[rule].resolved_step == 450


def test_an_output_that_never_varies_cannot_be_learning_however_its_loss_falls() -> None:
    training = healthy()
    training.layers["sample_deviation"][2:, 2] = 1e-8
    training.layers["dead_share"][2:, 1] = 1.0
    assert opened(training) == {"constant_output": 150, "dead_units": 150}


def test_classes_without_samples_are_no_dead_units() -> None:
    training = healthy().stuck()
    training.layers["dead_share"][:, 2] = 0.9
    assert opened(training) == {}


def test_half_of_the_units_may_be_dead_and_most_activations_saturated() -> None:
    training = healthy().stuck()
    training.layers["dead_share"][:, 0] = 0.5
    training.layers["saturated_share"][:, 1] = 0.84
    assert opened(training) == {}


def test_an_output_may_lie_at_its_bounds_but_not_all_of_it() -> None:
    training = healthy().stuck()
    training.layers["saturated_share"][:, 2] = 0.95
    assert opened(training) == {}
    training.layers["saturated_share"][:, 2] = 1.0
    assert opened(training) == {"saturated_units": 50}


def test_small_activations_are_no_fault_as_long_as_samples_differ_in_them() -> None:
    training = healthy().stuck()
    training.layers["activation_deviation"][:] = (0.05, 0.002, 0.01)
    training.layers["sample_deviation"][:] = (0.02, 0.0004, 0.005)
    assert opened(training) == {}


def test_layers_that_a_signal_does_not_apply_to_are_passed_over() -> None:
    training = healthy().stuck()
    for values in training.layers.values():
        values[:] = np.nan
    assert opened(training) == {}


def test_the_last_probed_layer_is_no_output_when_the_model_has_another() -> None:
    training = planted(healthy().stuck(), "constant_output")
    training.described(probed_layers=("last", "first", "middle"))
    assert "constant_output" not in opened(training)


def test_rules_abstain_by_name_without_probes() -> None:
    diagnosis = Diagnosis()
    diagnosis.observe(rows_of(healthy_loss(50), None))
    assert {rule for rule in RULES if rule in diagnosis.abstentions} == set(RULES)
    diagnosis.describe(healthy().description)
    diagnosis.observe(healthy().rows(50, 101))
    assert not set(RULES) & diagnosis.abstentions.keys()

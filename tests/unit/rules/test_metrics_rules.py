"""Each rule on epochs fires on its fault, and stays quiet on health that comes close."""

from dataclasses import replace

import numpy as np
import pytest

from paramedic_service.rules.description import Description, Training
from paramedic_service.rules.diagnosis import Diagnosis
from support.epochs import EPOCH, classifier, follow, healthy, openings, rows_of

METRICS = {
    "overfit",
    "suspicious_validation",
    "loss_metric_disagreement",
    "constant_prediction",
    "underfit",
}
EPOCHS = 20


def found_in(training, description=None) -> dict[str, int]:
    return {rule: step for rule, step in openings(follow(training, description)[1]).items() if rule in METRICS}


@pytest.mark.parametrize("seed", range(5))
def test_a_training_that_generalises_is_left_alone(seed: int) -> None:
    assert openings(follow(healthy(seed=seed))[1]) == {}


def test_a_validation_loss_that_rises_while_training_goes_on_is_overfitting() -> None:
    training = healthy()
    training.val_loss[8:] = training.val_loss[7] + 0.06 * np.arange(1, EPOCHS - 7)
    step = found_in(training)["overfit"]
    assert 10 * EPOCH <= step <= 14 * EPOCH


def test_a_validation_loss_that_wavers_at_its_best_is_no_overfitting() -> None:
    training = healthy()
    training.val_loss[10:] = 0.16 + 0.02 * (-1.0) ** np.arange(EPOCHS - 10)
    assert found_in(training) == {}


def test_a_training_loss_that_falls_without_any_gain_in_validation_is_memorising() -> None:
    training = healthy()
    training.val_loss[:] = 2.2 + 0.01 * (-1.0) ** np.arange(EPOCHS)
    training.val_accuracy = np.empty(0)
    assert "overfit" in found_in(training)


def test_a_gap_in_accuracy_counts_once_validation_is_done_not_while_it_improves() -> None:
    training = healthy()
    training.val_accuracy -= 0.15
    training.val_loss = 2.0 * 0.9 ** np.arange(EPOCHS)
    assert found_in(training) == {}
    training.val_loss[10:] = training.val_loss[10]
    assert found_in(training)["overfit"] > 12 * EPOCH


def test_a_model_that_is_better_on_what_it_has_not_seen_is_suspicious() -> None:
    training = healthy()
    training.val_accuracy = training.accuracy[EPOCH - 1 :: EPOCH] * 0.7 + 0.3
    training.accuracy *= 0.8
    assert "suspicious_validation" in found_in(training)


def test_a_model_that_is_wrong_nearly_as_often_on_both_is_not_suspicious() -> None:
    training = healthy()
    training.accuracy[:], training.val_accuracy[:] = 0.5, 0.56
    assert "suspicious_validation" not in found_in(training)


def test_the_lag_of_the_running_mean_and_dropout_explain_a_better_validation() -> None:
    training = healthy()
    # At the end of an epoch the model is as good as it will be on average in the next one.
    training.val_accuracy[:-1] = training.accuracy[2 * EPOCH - 1 :: EPOCH]
    assert found_in(training) == {}
    training.val_accuracy[:] = 0.99
    training.accuracy *= 0.8
    assert "suspicious_validation" not in found_in(training, classifier(dropout=True))


def test_an_accuracy_that_falls_with_the_loss_disagrees_with_it() -> None:
    training = healthy()
    training.accuracy = 1 - training.accuracy
    assert "loss_metric_disagreement" in found_in(training)


def test_an_accuracy_over_few_samples_may_fall_by_chance() -> None:
    training = healthy()
    training.accuracy = 0.55 - 0.1 * training.accuracy
    assert "loss_metric_disagreement" in found_in(training, classifier(counts=[100] * 10))
    assert "loss_metric_disagreement" not in found_in(training, classifier(counts=[10] * 10))


def test_an_accuracy_of_nothing_while_the_loss_halves_measures_something_else() -> None:
    training = healthy()
    training.accuracy[:] = 0.0
    assert "loss_metric_disagreement" in found_in(training)


def test_an_accuracy_that_is_done_before_the_loss_is_no_disagreement() -> None:
    training = healthy()
    training.accuracy[:] = 0.97 + np.random.default_rng(0).normal(0, 0.003, len(training.accuracy))
    training.val_accuracy[:] = 0.97
    assert found_in(training) == {}


def imbalanced(accuracy: float, loss: float):
    training = healthy()
    training.accuracy[:] = accuracy
    training.val_accuracy[:] = accuracy
    training.loss[:] = loss * np.exp(np.random.default_rng(0).normal(0, 0.02, len(training.loss)))
    training.val_loss[:] = loss
    return training


def test_a_model_that_names_the_most_frequent_class_is_found() -> None:
    description = classifier(2, counts=(900, 100))
    entropy = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert found_in(imbalanced(0.9, entropy), description)["constant_prediction"] < 13 * EPOCH


def test_a_little_better_than_the_class_frequencies_is_no_constant_prediction() -> None:
    description = classifier(2, counts=(900, 100))
    entropy = -(0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert "constant_prediction" not in found_in(imbalanced(0.9, 0.9 * entropy), description)
    assert "constant_prediction" not in found_in(imbalanced(0.92, entropy), description)


def test_weighted_classes_leave_the_loss_without_a_scale() -> None:
    description = replace(classifier(2, counts=(900, 100)), training=Training(weighted=True))
    assert "constant_prediction" not in found_in(imbalanced(0.9, 0.325), description)


def stopped_high():
    training = healthy()
    training.loss = 1.7 + 0.6 * np.exp(-np.arange(len(training.loss)) / 40)
    training.accuracy = 0.3 - 0.2 * np.exp(-np.arange(len(training.loss)) / 40)
    training.val_loss = training.loss[EPOCH - 1 :: EPOCH] + 0.02
    training.val_accuracy = training.accuracy[EPOCH - 1 :: EPOCH] - 0.01
    return training


def test_a_flat_loss_behind_a_layer_too_narrow_for_the_classes_is_an_underfit() -> None:
    assert "underfit" in found_in(stopped_high(), classifier(width=1))


def test_a_flat_loss_of_a_wide_model_may_be_all_there_is_to_learn() -> None:
    assert "underfit" not in found_in(stopped_high(), classifier(width=64))


def test_losses_below_zero_have_no_ratios_to_be_judged_by() -> None:
    training = healthy()
    training.loss -= 40
    training.val_loss = -30 + np.arange(EPOCHS) * 0.5
    assert found_in(training, Description()) == {}


def test_the_rules_say_what_they_miss() -> None:
    diagnosis = Diagnosis()
    diagnosis.observe(rows_of(replace(healthy(), accuracy=np.empty(0)), 0, EPOCH))
    missing = {rule: diagnosis.abstentions.get(rule, "") for rule in METRICS}
    assert "val_loss" in missing["overfit"]
    assert "val_accuracy" in missing["suspicious_validation"]
    assert "accuracy" in missing["loss_metric_disagreement"]
    assert "target statistics" in missing["constant_prediction"]
    assert "model" in missing["underfit"]


def test_the_accuracy_counts_by_whatever_name_it_comes() -> None:
    diagnosis = Diagnosis()
    rows = rows_of(healthy(), 0, EPOCH)
    diagnosis.observe(
        replace(rows, scalars={"binary_accuracy": rows.scalars["accuracy"], "loss": rows.scalars["loss"]})
    )
    assert "loss_metric_disagreement" not in diagnosis.abstentions


def test_a_metric_that_is_no_number_is_no_verdict() -> None:
    training = healthy()
    training.val_loss[:] = np.nan
    training.accuracy[:] = np.nan
    training.val_accuracy[:] = np.nan
    assert found_in(training) == {}


def test_another_training_on_the_same_model_begins_with_no_epochs() -> None:
    first, second = healthy(), healthy()
    second.loss *= 0.9
    second.val_loss = np.linspace(0.6, 0.3, EPOCHS)
    diagnosis, _ = follow(first)
    diagnosis.training_began()
    assert "overfit" not in openings(follow(second, diagnosis=diagnosis)[1])

"""Rules on targets: imbalance, reach of the output, range of labels."""

import pytest

from paramedic_service.rules.description import ArrayProfile, Loss, Training
from support.described import BINARY, SPARSE, abstentions, array, dense, described, findings, labels, sequential


def found(units: int, activation: str, loss: str | Loss, y: ArrayProfile, **kwargs: Training) -> set[str]:
    return set(findings(described(sequential(dense(16), dense(units, activation)), loss, array(20), y, **kwargs)))


@pytest.mark.parametrize("counts", [(950, 50), (900, 100), (20, 980), (940, 30, 30)])
def test_imbalance_is_found(counts: tuple[int, ...]) -> None:
    assert "class_imbalance" in found(len(counts), "softmax", SPARSE, labels("integer", counts))


@pytest.mark.parametrize("counts", [(630, 370), (800, 200), (500, 300, 200), (19, 1), (1000,), (200,) * 9 + (5,)])
def test_unequal_classes_that_can_be_learned_are_left(counts: tuple[int, ...]) -> None:
    assert "class_imbalance" not in found(len(counts) + 1, "softmax", SPARSE, labels("integer", counts))


def test_what_is_weighted_or_made_for_rare_classes_is_left() -> None:
    rare = labels("binary", (950, 50))
    assert "class_imbalance" in found(1, "sigmoid", BINARY, rare)
    assert "class_imbalance" not in found(1, "sigmoid", BINARY, rare, training=Training(weighted=True))
    assert "class_imbalance" not in found(1, "sigmoid", "binary_focal_crossentropy", rare)


def test_labels_of_the_parts_of_a_sample_and_counts_of_a_regression_are_no_imbalance() -> None:
    assert "class_imbalance" not in found(2, "softmax", SPARSE, labels("integer", (95000, 5000), 32, 32))
    assert "class_imbalance" not in found(1, "linear", "mean_squared_error", labels("integer", (950, 50)))


@pytest.mark.parametrize(
    ("activation", "lowest", "highest"),
    [
        ("sigmoid", 0.0, 100.0),
        ("tanh", -3.0, 3.0),
        ("relu", -2.0, 2.0),
        ("softplus", -40.0, 1.0),
        ("softmax", 0.0, 9.0),
    ],
)
def test_targets_beyond_the_activation_are_found(activation: str, lowest: float, highest: float) -> None:
    y = array(1, encoding="continuous", lowest=lowest, highest=highest)
    assert "target_scale" in found(2, activation, "mean_squared_error", y)


@pytest.mark.parametrize(
    ("activation", "lowest", "highest"),
    [
        ("sigmoid", 0.0, 1.0),
        ("sigmoid", -0.001, 1.001),
        ("tanh", -1.0, 1.0),
        ("relu", 0.0, 1e6),
        ("linear", -1e6, 1e6),
        ("swish", -9.0, 9.0),
    ],
)
def test_targets_within_reach_are_left(activation: str, lowest: float, highest: float) -> None:
    y = array(1, encoding="continuous", lowest=lowest, highest=highest)
    assert "target_scale" not in found(1, activation, "mean_squared_error", y)


def summary(units: int, activation: str, loss: str | Loss, y: ArrayProfile) -> str:
    model = sequential(dense(16), dense(units, activation))
    return findings(described(model, loss, array(20), y))["label_range"].summary


def test_labels_that_begin_at_one_are_told_to_begin_at_zero() -> None:
    y = labels("integer", (0, 300, 400, 300), lowest=1.0)
    assert "y = y - 1" in summary(3, "softmax", SPARSE, y)


def test_labels_beyond_the_units_want_more_units() -> None:
    assert "Dense(5, activation='softmax')" in summary(3, "softmax", SPARSE, labels("integer", (200,) * 5))


def test_negative_labels_are_found_unless_they_are_ignored() -> None:
    y = labels("integer", (300, 400), lowest=-1.0)
    assert "begin at -1" in summary(3, "softmax", SPARSE, y)
    assert "label_range" not in found(3, "softmax", Loss(SPARSE, settings={"ignore_class": -1.0}), y)


def test_two_classes_of_any_other_name_are_told_to_be_zero_and_one() -> None:
    assert "(y == 2)" in summary(1, "sigmoid", BINARY, labels("integer", (0, 500, 500), lowest=1.0))
    signs = array(encoding="continuous", lowest=-1.0, highest=1.0, whole_share=1.0)
    assert "(y == 1)" in summary(1, "sigmoid", BINARY, signs)


def test_labels_in_range_are_left() -> None:
    assert "label_range" not in found(3, "softmax", SPARSE, labels("integer", (300, 400, 300)))
    assert "label_range" not in found(1, "sigmoid", BINARY, labels("binary", (500, 500)))


def test_without_statistics_of_targets_the_rules_abstain() -> None:
    missing = abstentions(described(sequential(dense(3)), SPARSE, array(20)))
    assert {missing[rule] for rule in ("class_imbalance", "target_scale", "label_range")} == {
        "not reported: target statistics"
    }

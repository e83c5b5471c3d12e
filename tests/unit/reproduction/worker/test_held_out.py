"""The error on held-out samples means the same whatever the loss is."""

from math import inf, nan

import numpy as np
import pytest

from paramedic_service.reproduction.worker.held_out import error_of


def test_every_class_counts_alike_however_rare():
    targets = np.array([0] * 8 + [1, 1])
    always_zero = np.tile([2.0, 1.0, 0.0], (10, 1))
    assert error_of(targets, always_zero, from_logits=True) == pytest.approx(0.5)


def test_labels_in_any_encoding_give_the_same_error():
    classes = np.array([0, 1, 2, 0, 1, 2, 0, 1])
    outputs = np.eye(3)[[0, 1, 1, 0, 0, 2, 0, 1]]
    one_hot = error_of(np.eye(3)[classes], outputs, from_logits=False)
    assert one_hot == error_of(classes, outputs, from_logits=False)
    assert one_hot == error_of(classes[:, None], outputs, from_logits=False)
    assert one_hot == pytest.approx((0 + 1 / 3 + 1 / 2) / 3)


@pytest.mark.parametrize(("outputs", "logits"), [([-3.0, 2.0, 0.1, -1.0], True), ([0.1, 0.9, 0.6, 0.2], False)])
def test_a_single_unit_tells_two_classes_apart_by_its_middle(outputs, logits):
    targets = np.array([0, 1, 0, 0])
    assert error_of(targets, np.array(outputs)[:, None], logits) == pytest.approx((1 / 3 + 0) / 2)


def test_a_single_sigmoid_unit_never_names_a_third_class():
    targets = np.array([0, 1, 2] * 4)
    right_where_it_can_be = np.minimum(targets, 1).astype(float)[:, None]
    assert error_of(targets, right_where_it_can_be, from_logits=False) == pytest.approx(1 / 3)


def test_several_labels_a_sample_are_told_one_by_one():
    targets = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 1], [0, 0, 0]])
    assert error_of(targets, targets * 4.0 - 2, from_logits=True) == 0
    assert error_of(targets, 1.0 - targets, from_logits=False) == 1


def test_labels_of_time_steps_are_compared_step_by_step():
    targets = np.array([[0, 1, 2], [2, 1, 0]])
    assert error_of(targets, np.eye(3)[targets], from_logits=False) == 0


def test_numbers_are_compared_to_their_own_variance_whatever_their_scale():
    numbers = np.random.default_rng(0).normal(size=(50, 1))
    mean = np.full_like(numbers, numbers.mean())
    assert error_of(numbers, mean, from_logits=False) == pytest.approx(1)
    assert error_of(1e4 * numbers, 1e4 * numbers, from_logits=False) == 0


def test_a_prediction_that_is_no_number_is_wrong():
    targets = np.array([0, 1, 0, 1])
    outputs = np.array([[nan, nan], [0.0, 1.0], [1.0, 0.0], [nan, nan]])
    assert error_of(targets, outputs, from_logits=False) == 0.5
    assert error_of(np.array([0.1, 0.7, 0.3]), np.array([nan, 0.0, 0.0]), from_logits=False) == inf


def test_what_cannot_be_compared_has_no_error():
    assert error_of(np.array([0.1, 0.7, 0.3]), np.zeros((3, 2)), from_logits=False) is None

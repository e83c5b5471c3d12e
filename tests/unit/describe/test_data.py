"""Data described as rules need it: shapes, statistics, padding, labels, at a bounded cost."""

import numpy as np
import pytest

from paramedic.describe import data
from paramedic.describe.data import array_profile, data_profile
from paramedic.v1.description_pb2 import LabelEncoding


def encoding(values: object) -> str:
    return LabelEncoding.Name(array_profile(values, labels=True).encoding).removeprefix("LABEL_ENCODING_")


def test_statistics_are_over_finite_values_and_the_others_are_counted() -> None:
    profile = array_profile(np.array([[1.0, 10.0], [3.0, np.nan], [np.inf, 30.0]], np.float32))
    assert (list(profile.shape), profile.dtype, profile.examined, profile.nonfinite) == ([-1, 2], "float32", 3, 2)
    assert list(profile.feature_means) == [2.0, 20.0]
    assert list(profile.feature_deviations) == [1.0, 10.0]
    assert list(profile.feature_lowest) == [1.0, 10.0]
    assert (profile.lowest, profile.highest, profile.mean) == (1.0, 30.0, 11.0)


def test_large_arrays_are_examined_in_part_from_the_first_to_the_last_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "MAX_SAMPLES", 10)
    values = np.zeros((1000, 3))
    values[0], values[-1] = -1, 1
    profile = array_profile(values)
    assert (profile.examined, profile.lowest, profile.highest) == (10, -1.0, 1.0)


def test_padding_is_what_is_blank_at_either_end_of_a_sequence() -> None:
    tokens = np.array([[5, 3, 0, 0], [0, 0, 0, 7], [1, 0, 2, 3], [0, 0, 0, 0]])
    assert array_profile(tokens).padding_share == pytest.approx((2 + 3 + 0 + 4) / 16)
    assert not array_profile(np.zeros((4, 3))).HasField("padding_share")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([0, 1, 2, 1, 0, 2]), "INTEGER"),
        (np.array([[0.0], [1.0], [2.0], [1.0], [0.0], [2.0]]), "INTEGER"),
        (np.array([1, 0, 0, 1]), "BINARY"),
        (np.array([True, False, True]), "BINARY"),
        (np.eye(3)[[0, 2, 1, 1]], "ONE_HOT"),
        (np.array([[0.9, 0.1], [0.1, 0.9]]), "ONE_HOT"),
        (np.array([[1, 1, 0], [0, 0, 0]]), "MULTI_HOT"),
        (np.random.default_rng(0).normal(size=50), "CONTINUOUS"),
        (np.random.default_rng(0).integers(25, 346, 442).astype(float), "CONTINUOUS"),
        (np.arange(1950, 2000), "CONTINUOUS"),
        (np.array([0.0, np.nan, 1.0]), "CONTINUOUS"),
    ],
)
def test_labels_are_told_from_quantities(values: np.ndarray, expected: str) -> None:
    assert encoding(values) == expected


def test_every_label_counts_so_that_rare_classes_are_seen() -> None:
    labels = np.zeros(50_000, np.int64)
    labels[777] = 1
    assert list(array_profile(labels, labels=True).class_counts) == [49_999, 1]


def test_samples_of_unequal_length_are_ragged() -> None:
    profile = array_profile([[[1, 2], [3, 4]], [[7, 8], [9, 10], [11, 12]]])
    assert (profile.dtype, profile.shortest, profile.longest) == ("object", 2, 3)
    assert list(profile.shape) == [-1, -1, 2]
    assert profile.highest == 12


def test_words_have_a_shape_and_no_statistics() -> None:
    profile = array_profile(np.array(["a", "b"]))
    assert not profile.HasField("examined")


def test_several_inputs_are_named_and_what_is_only_iterated_over_is_left_alone() -> None:
    x = {"left": np.ones((4, 2)), "right": [np.ones((4, 1)), np.zeros((4, 3))]}
    profile = data_profile(x, np.arange(4))
    assert [each.name for each in profile.inputs] == ["left", "right/0", "right/1"]
    assert profile.samples == 4
    numbers = iter(range(3))
    assert not data_profile(numbers).inputs
    assert next(numbers) == 0


def test_a_list_of_samples_is_one_input() -> None:
    assert list(data_profile([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]).inputs[0].shape) == [-1, 2]

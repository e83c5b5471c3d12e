from dataclasses import replace

import numpy as np
import pytest

from paramedic_service.reproduction.data import DataError, Samples, class_weights, transform
from paramedic_service.reproduction.plan import DataOperation

GENERATOR = np.random.default_rng(0)


def samples(x: np.ndarray, y: np.ndarray | None = None, held: int = 4) -> Samples:
    y = np.arange(len(x), dtype=np.float32) if y is None else y
    return Samples((x[:-held],), (y[:-held],), (x[-held:],), (y[-held:],))


def inputs(word: str, argument=True) -> DataOperation:
    return DataOperation("inputs", word, argument)


def targets(word: str, argument=True) -> DataOperation:
    return DataOperation("targets", word, argument)


def ragged(*lengths: int) -> np.ndarray:
    sequences = np.empty(len(lengths), object)
    sequences[:] = [np.arange(1, length + 1)[:, None] * np.ones(2) for length in lengths]
    return sequences


def test_no_operation_changes_nothing() -> None:
    given = samples(GENERATOR.normal(size=(20, 3)))

    assert transform(given, ()) is given


def test_features_are_standardised_by_the_statistics_of_the_training() -> None:
    x = GENERATOR.normal(size=(204, 5, 3)) * (1, 100, 0) + (5, -30, 7)

    found = transform(samples(x, held=4), [inputs("standardise")])

    flat = found.inputs[0].reshape(-1, 3)
    assert flat.dtype == np.float32
    assert flat.mean(0) == pytest.approx([0, 0, 0], abs=1e-5)
    assert flat.std(0) == pytest.approx([1, 1, 0], abs=1e-5)
    wanted = (x[-4:] - x[:-4].mean((0, 1))) / np.where((deviation := x[:-4].std((0, 1))) > 0, deviation, 1)
    assert found.held_inputs[0] == pytest.approx(wanted, abs=1e-5)


def test_missing_values_stay_missing_and_spoil_no_statistics() -> None:
    x = GENERATOR.normal(size=(50, 2)) * 10
    x[3, 1] = np.nan

    found = transform(samples(x), [inputs("standardise")]).inputs[0]

    assert np.isnan(found[3, 1])
    assert np.count_nonzero(np.isnan(found)) == 1
    assert np.nanstd(found, 0) == pytest.approx([1, 1], abs=1e-5)


def test_sequences_of_unequal_length_are_standardised_together() -> None:
    found = transform(samples(ragged(*range(3, 13))), [inputs("standardise")]).inputs[0]

    joined = np.concatenate(list(found))
    assert joined.std(0) == pytest.approx([1, 1], abs=1e-5)


def test_targets_are_standardised_too() -> None:
    y = np.linspace(100, 200, 30)

    found = transform(samples(np.zeros((30, 1)), y), [targets("standardise")]).targets[0]

    assert found.mean() == pytest.approx(0, abs=1e-5)
    assert found.std() == pytest.approx(1, abs=1e-5)


def test_samples_that_are_not_finite_give_way_to_others_and_the_rest_keep_their_places() -> None:
    x = GENERATOR.normal(size=(20, 3))
    x[[2, 7], 1] = np.nan, np.inf
    y = np.arange(20.0)

    found = transform(samples(x, y), [inputs("clean")])

    assert np.isfinite(found.inputs[0]).all()
    kept = np.delete(np.arange(16), [2, 7])
    assert np.array_equal(found.inputs[0][kept], x[kept])
    assert found.count == 16
    for row in (2, 7):
        source = int(found.targets[0][row])
        assert np.array_equal(found.inputs[0][row], x[source])


def test_where_most_samples_lack_a_value_its_mean_takes_the_place() -> None:
    x = np.tile([1.0, 2.0], (20, 1))
    x[:12, 0] = np.nan

    found = transform(samples(x), [inputs("clean")])

    assert found.inputs[0].tolist() == np.tile([1.0, 2.0], (16, 1)).tolist()
    assert found.count == 16


def test_truncation_drops_what_comes_behind_and_the_labels_of_these_steps() -> None:
    x, y = GENERATOR.normal(size=(10, 8, 2)), GENERATOR.integers(0, 2, (10, 8))

    found = transform(samples(x, y), [inputs("truncate", 5)])

    assert np.array_equal(found.inputs[0], x[:6, :5])
    assert np.array_equal(found.targets[0], y[:6, :5])
    assert found.held_inputs[0].shape == (4, 5, 2)


def test_padding_makes_one_array_of_sequences_of_unequal_length() -> None:
    found = transform(samples(ragged(2, 7, 4, 5, 6, 3)), [inputs("pad", 5)])

    assert found.inputs[0].shape == (2, 5, 2)
    assert found.inputs[0].dtype == np.float32
    assert found.inputs[0][0, :, 0].tolist() == [1, 2, 0, 0, 0]
    assert found.inputs[0][1, :, 0].tolist() == [1, 2, 3, 4, 5]


def test_windows_are_samples_with_the_target_of_their_sequence() -> None:
    found = transform(samples(ragged(7, 2, 6, 3, 3, 3, 3), held=4), [inputs("window", 3)])

    assert found.inputs[0][:, :, 0].tolist() == [[1, 2, 3], [4, 5, 6], [1, 2, 3], [4, 5, 6]]
    assert found.targets[0].tolist() == [0, 0, 2, 2]
    assert found.held_inputs[0].shape == (4, 3, 2)


def test_samples_take_another_shape() -> None:
    x = GENERATOR.normal(size=(10, 6))

    assert np.array_equal(transform(samples(x), [inputs("reshape", [3, 2])]).inputs[0], x[:6].reshape(6, 3, 2))


@pytest.mark.parametrize("labels", [np.arange(30) % 3 + 1, np.eye(3)[np.arange(30) % 3], (np.arange(30) % 3)[:, None]])
def test_labels_are_numbered_from_0_whatever_they_were(labels: np.ndarray) -> None:
    found = transform(samples(np.zeros((30, 1)), labels), [targets("encode", "integer")])

    assert found.targets[0].ravel().tolist() == (np.arange(26) % 3).tolist()
    assert found.targets[0].dtype == np.int64


def test_labels_get_a_column_a_class() -> None:
    found = transform(samples(np.zeros((30, 1)), np.arange(30) % 3), [targets("encode", "one_hot")])

    assert found.targets[0].tolist() == np.eye(3)[np.arange(26) % 3].tolist()
    assert found.held_targets[0].shape == (4, 3)


def test_labels_a_time_step_are_encoded_too() -> None:
    y = GENERATOR.integers(0, 4, (12, 6))

    found = transform(samples(np.zeros((12, 6, 1)), y), [targets("encode", "one_hot")]).targets[0]

    assert np.array_equal(found.argmax(-1), y[:8])


def test_operations_follow_one_another() -> None:
    x = GENERATOR.normal(size=(20, 6, 2)) * 50
    x[0, 0, 0] = np.nan

    found = transform(samples(x), [inputs("clean"), inputs("truncate", 4), inputs("standardise")]).inputs[0]

    assert found.shape == (16, 4, 2)
    assert found.std() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(
    ("operation", "says"),
    [
        (targets("encode", "one_hot"), "not labels of exclusive classes"),
        (inputs("reshape", [4, 4]), "cannot be reshaped"),
        (inputs("window", 9), "no sequence has 9 steps"),
        (inputs("explode"), "there is no operation 'explode'"),
    ],
    ids=["encode", "reshape", "window", "unknown"],
)
def test_what_makes_no_sense_is_said(operation: DataOperation, says: str) -> None:
    given = samples(GENERATOR.normal(size=(20, 6)), GENERATOR.normal(size=20))

    with pytest.raises(DataError, match=says):
        transform(given, [operation])


def test_more_than_two_classes_are_no_binary_labels() -> None:
    with pytest.raises(DataError, match="3 classes cannot be encoded as binary"):
        transform(samples(np.zeros((30, 1)), np.arange(30) % 3), [targets("encode", "binary")])


def test_what_was_given_stays_as_it_is() -> None:
    x = GENERATOR.normal(size=(20, 3))
    x[1, 1] = np.nan
    given = samples(x.copy())
    before = replace(given)

    transform(given, [inputs("clean"), inputs("standardise")])

    assert np.array_equal(before.inputs[0], x[:16], equal_nan=True)


@pytest.mark.parametrize(
    "labels",
    [np.repeat([0, 1], [75, 25]), np.repeat([1, 2], [75, 25])[:, None], np.eye(2)[np.repeat([0, 1], [75, 25])]],
    ids=["indices", "from 1, a column", "one-hot"],
)
def test_balanced_weights_make_classes_count_alike(labels: np.ndarray) -> None:
    weights = class_weights(labels)

    assert weights[:75] == pytest.approx([100 / (2 * 75)] * 75)
    assert weights[75:].sum() == pytest.approx(weights[:75].sum())
    assert weights.sum() == pytest.approx(100)


@pytest.mark.parametrize("values", [np.linspace(0, 1, 20), GENERATOR.integers(0, 2, (20, 5))], ids=["real", "several"])
def test_what_has_no_exclusive_classes_is_weighted_alike(values: np.ndarray) -> None:
    assert class_weights(values).tolist() == [1.0] * 20

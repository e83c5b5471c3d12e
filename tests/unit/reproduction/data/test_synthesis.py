import numpy as np
import pytest

from paramedic.describe.data import array_profile
from paramedic.v1.reproduction_pb2 import DataSource, Synthesis
from paramedic_service.reproduction.data import DataError, Samples, draw
from paramedic_service.reproduction.plan import Limits
from paramedic_service.rules.description import Description, Layer
from support.profiles import array, classes, described, numbers, words

LIMITS = Limits()


def drawn(description: Description, seed: int = 0, limits: Limits = LIMITS, samples: int = 0) -> Samples:
    return draw(DataSource(synthesis=Synthesis(samples=samples)), description, seed, limits)


def arrays(samples: Samples) -> tuple[np.ndarray, ...]:
    return (*samples.inputs, *samples.targets, *samples.held_inputs, *samples.held_targets)


def test_the_same_seed_gives_the_same_samples_and_another_one_others() -> None:
    description = described(array((12, 3)), words(8, 40), targets=classes((300, 500, 200)))

    first, second, other = drawn(description, 4), drawn(description, 4), drawn(description, 5)

    assert all(np.array_equal(*pair) for pair in zip(arrays(first), arrays(second), strict=True))
    assert not np.array_equal(first.inputs[0], other.inputs[0])


def test_there_are_as_many_samples_as_reported_and_others_are_held_out() -> None:
    samples = drawn(described(array((4,)), targets=numbers(), samples=777))

    assert samples.count == len(samples.targets[0]) == 777
    assert len(samples.held_inputs[0]) == len(samples.held_targets[0]) >= 128


def test_features_have_the_means_deviations_and_ranges_that_were_reported() -> None:
    profile = array(
        (4,), mean=250.0, deviation=430.0, lowest=-3.0, highest=2000.0,
        feature_means=(0.0, 0.02, 1000.0, 5.0), feature_deviations=(1.0, 0.01, 250.0, 0.0),
        feature_lowest=(-3.0, 0.0, 0.0, 5.0), feature_highest=(3.0, 0.2, 2000.0, 5.0),
    )  # fmt: skip

    found = drawn(described(profile, targets=numbers())).inputs[0]

    for feature in range(4):
        wanted = profile.feature_means[feature], profile.feature_deviations[feature]
        assert found[:, feature].mean() == pytest.approx(wanted[0], abs=0.1 * wanted[1] + 1e-6)
        assert found[:, feature].std() == pytest.approx(wanted[1], rel=0.15, abs=1e-6)
        assert found[:, feature].min() >= profile.feature_lowest[feature]
        assert found[:, feature].max() <= profile.feature_highest[feature]


@pytest.mark.parametrize("deviation", [0.1, 0.3, 0.499])
def test_a_bounded_feature_may_be_a_bell_or_flat_or_a_switch(deviation: float) -> None:
    profile = array((6,), mean=0.5, deviation=deviation, lowest=0.0, highest=1.0)

    found = drawn(described(profile, targets=numbers())).inputs[0]

    assert found.std() == pytest.approx(deviation, rel=0.1)
    assert 0 <= found.min() <= found.max() <= 1


def test_one_far_extreme_is_kept() -> None:
    found = drawn(described(array((1,), lowest=-4.0, highest=1e6), targets=numbers())).inputs[0]

    assert found.max() == pytest.approx(1e6)
    assert np.median(np.abs(found)) < 3


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float64"])
def test_values_have_the_type_that_was_reported(dtype: str) -> None:
    whole = 1.0 if "int" in dtype else 0.0
    pixels = array((4, 4, 1), dtype=dtype, mean=100.0, deviation=70.0, lowest=0.0, highest=255.0, whole_share=whole)

    samples = drawn(described(pixels, targets=classes((100, 100))))

    assert samples.inputs[0].dtype == dtype
    assert samples.inputs[0].mean() == pytest.approx(100, rel=0.1)


def test_classes_are_as_frequent_as_reported_in_the_training_and_equally_held_out() -> None:
    samples = drawn(described(array((8,)), targets=classes((970, 0, 30))))

    assert np.bincount(samples.targets[0]).tolist() == [970, 0, 30]
    held = np.bincount(samples.held_targets[0])
    assert abs(held[0] - held[2]) <= 1
    assert held[1] == 0


def test_a_class_that_a_first_batch_lacks_may_occur_but_none_below_the_lowest() -> None:
    samples = drawn(described(array((8,)), targets=classes((0, 7, 0, 9)), samples=None))

    counts = np.bincount(samples.targets[0])
    assert counts[0] == 0
    assert min(counts[1:]) > 0


@pytest.mark.parametrize(
    ("profile", "legal"),
    [
        (classes((400, 600), "binary", (1,), "float32"), {0, 1}),
        (classes((0, 400, 600)), {1, 2}),
        (classes((100,) * 5, "one_hot", (5,), "float64"), {0, 1}),
        (classes((200, 300), "multi_hot", (2,), "float32"), {0, 1}),
    ],
    ids=["binary", "from 1", "one-hot", "multi-hot"],
)
def test_labels_are_written_down_as_reported(profile, legal) -> None:
    targets = drawn(described(array((8,)), targets=profile)).targets[0]

    assert set(np.unique(targets)) == legal
    assert targets.shape[1:] == profile.shape[1:]
    assert targets.dtype == profile.dtype
    if profile.encoding == "one_hot":
        assert (targets.sum(1) == 1).all()


def test_several_labels_a_sample_are_as_frequent_as_each_was() -> None:
    found = drawn(described(array((8,)), targets=classes((100, 500), "multi_hot", (2,)))).targets[0]

    assert found.mean(0) == pytest.approx([100 / 600, 500 / 600], abs=0.05)


def test_real_targets_have_their_own_scale() -> None:
    found = drawn(described(array((8,)), targets=numbers((), mean=152.0, deviation=77.0, lowest=25.0, highest=346.0)))

    assert found.targets[0].mean() == pytest.approx(152, rel=0.05)
    assert found.targets[0].std() == pytest.approx(77, rel=0.05)
    assert found.targets[0].shape == (1000,)


def test_the_target_of_an_autoencoder_is_its_input() -> None:
    profile = array((5,), mean=0.4, deviation=0.3, lowest=0.0, highest=1.0)

    samples = drawn(described(profile, targets=numbers((5,), mean=0.4, deviation=0.3, lowest=0.0, highest=1.0)))

    assert np.array_equal(samples.inputs[0], samples.targets[0])
    assert np.array_equal(samples.held_inputs[0], samples.held_targets[0])
    assert samples.inputs[0] is not samples.targets[0]


def test_tokens_are_ids_of_the_vocabulary_padded_behind() -> None:
    found = drawn(described(words(20, 60, padding=0.25), targets=classes((300, 300)))).inputs[0]

    assert found.dtype == np.int32
    assert found.min() == 0
    assert found.max() == 60
    assert array_profile(found).padding_share == pytest.approx(0.25, abs=0.04)
    assert found.mean() == pytest.approx(22.5, rel=0.15)
    for row in found:
        assert (row[: np.count_nonzero(row)] > 0).all()


def test_of_a_large_vocabulary_as_many_words_are_used_as_can_be_learned() -> None:
    found = drawn(described(words(20, 49_999), targets=classes((300, 300)))).inputs[0]

    assert found.max() == 49_999
    assert len(np.unique(found)) <= found.size / 15


def test_sequences_of_unequal_length_are_lists_of_them() -> None:
    ragged = array((-1, 3), dtype="object", shortest=4, longest=9)

    found = drawn(described(ragged, targets=classes((300, 300)))).inputs[0]

    assert found.dtype == object
    assert {len(sequence) for sequence in found} == set(range(4, 10))
    assert {sequence.shape[1] for sequence in found} == {3}


@pytest.mark.parametrize("missing", [1, 5, 400, 2500])
def test_values_are_missing_from_the_training_alone(missing: int) -> None:
    samples = drawn(described(array((4,), nonfinite=missing), targets=numbers()))

    assert np.count_nonzero(np.isnan(samples.inputs[0])) == missing
    assert np.isfinite(samples.held_inputs[0]).all()


def test_few_missing_values_of_very_many_samples_are_met_all_the_same() -> None:
    rare = array((4,), nonfinite=8, examined=4096)

    found = drawn(described(rare, targets=numbers(), samples=1_000)).inputs[0]

    assert np.isnan(found).any(1).sum() == 8


def test_targets_a_time_step_follow_the_past_and_their_classes_are_as_frequent_as_reported() -> None:
    each_step = array(
        (12,), dtype="int64", lowest=0.0, highest=2.0, encoding="integer", class_counts=(6000, 3000, 3000)
    )
    layers = (Layer("gru", "GRU", output_shape=(-1, 12, 8)), Layer("dense", "Dense", output_shape=(-1, 12, 3)))

    samples = drawn(described(array((12, 4)), targets=each_step, layers=layers))

    assert samples.targets[0].shape == (1000, 12)
    shares = np.bincount(samples.targets[0].ravel()) / samples.targets[0].size
    assert shares == pytest.approx([0.5, 0.25, 0.25], abs=0.05)


def test_data_that_nobody_described_is_assumed_from_the_model_and_its_loss() -> None:
    from paramedic_service.rules.description import Loss, Model

    layers = (
        Layer("embedding", "Embedding", input_shape=(-1, 15), output_shape=(-1, 15, 4), settings={"input_dim": 30.0}),
        Layer("dense", "Dense", output_shape=(-1, 3), units=3),
    )
    description = Description(model=Model(layers), losses=(Loss("sparse_categorical_crossentropy"),))

    samples = drawn(description)

    assert samples.inputs[0].shape[1:] == (15,)
    assert samples.inputs[0].max() == 29
    assert set(np.unique(samples.targets[0])) == {0, 1, 2}


def test_nothing_known_at_all_is_said() -> None:
    with pytest.raises(DataError, match=r"description\.data: neither the data nor the shapes of the model"):
        drawn(Description())


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        (array((1_000, 1_000)), r"inputs\[0\].shape: 1000000 values a sample"),
        (array((0,)), r"inputs\[0\].shape: .* without elements"),
        (array((1,) * 8), r"inputs\[0\].shape: 9 axes"),
        (array((-7,)), r"inputs\[0\].shape: .* without elements"),
    ],
    ids=["huge", "empty", "deep", "negative"],
)
def test_samples_of_absurd_shapes_are_refused_by_the_field(profile, says) -> None:
    with pytest.raises(DataError, match=says):
        drawn(described(profile, targets=numbers()))


def test_samples_stay_within_the_memory_that_is_allowed() -> None:
    limits = Limits(memory_bytes=8 * 1024 * 1024)
    large = array((64, 64, 3), mean=0.5, deviation=0.2, lowest=0.0, highest=1.0)

    samples = drawn(described(large, targets=classes((500, 500)), samples=100_000), limits=limits)

    assert 1 <= samples.count <= 20
    assert sum(array.nbytes for array in arrays(samples)) < limits.memory_bytes / 4


def test_more_samples_are_made_when_they_are_asked_for_within_bounds() -> None:
    description = described(array((4,)), targets=numbers(), samples=100)

    assert drawn(description, samples=900).count == 900
    assert drawn(description, samples=10**9, limits=Limits(samples=2_000)).count < 2_000


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf"), 1e300, -1.0])
def test_absurd_statistics_do_no_harm(wrong: float) -> None:
    profile = array(
        (3,), mean=wrong, deviation=wrong, lowest=wrong, highest=wrong,
        feature_means=(wrong,) * 3, feature_deviations=(wrong, 1.0, wrong), feature_lowest=(wrong,) * 3,
        feature_highest=(wrong,) * 3, padding_share=wrong, whole_share=wrong,
    )  # fmt: skip
    target = array((), mean=wrong, lowest=wrong, highest=wrong, encoding="integer", dtype="int64")

    samples = drawn(described(profile, targets=(target, numbers((), mean=wrong, deviation=wrong))))

    assert np.isfinite(samples.inputs[0]).all()
    assert np.isfinite(samples.targets[1]).all()

"""Rules on the values of inputs: what harms is found, what only looks unusual is left."""

import pytest

from paramedic_service.rules.description import ArrayProfile, Data, Description, Layer
from support.described import SPARSE, abstentions, array, dense, described, findings, layer, recurrent, sequential

OUT = dense(3, "softmax")
PLAIN = sequential(dense(16), OUT, inputs=(4,))
PIXELS = {"mean": 33.0, "deviation": 78.0, "lowest": 0.0, "highest": 255.0}


def features(deviations: tuple[float, ...], means: tuple[float, ...] = (), **values: object) -> ArrayProfile:
    means = means or (0.0,) * len(deviations)
    overall = (sum(each**2 for each in deviations) / len(deviations)) ** 0.5
    return array(
        len(deviations), **({"deviation": overall, "feature_deviations": deviations, "feature_means": means} | values)
    )


def found(x: ArrayProfile, *layers: Layer, inputs: tuple[int, ...] = (4,)) -> set[str]:
    return set(findings(described(sequential(*(layers or (dense(16), OUT)), inputs=inputs), SPARSE, x)))


@pytest.mark.parametrize(
    "x",
    [
        array(4, **PIXELS),
        array(4, mean=350.0, deviation=17.0, lowest=310.0, highest=390.0),
        array(4, mean=20.0, deviation=0.1),
        array(4, mean=0.0, deviation=1e-4),
        features((1.0, 1.0, 500.0, 1.0), deviation=20.0),
    ],
)
def test_a_scale_that_harms_is_found(x: ArrayProfile) -> None:
    assert "unnormalised_input" in found(x)


@pytest.mark.parametrize(
    "x",
    [
        array(4),
        array(4, mean=0.3, deviation=0.3, lowest=0.0, highest=1.0),
        array(4, mean=0.97, deviation=0.02, lowest=0.9, highest=1.0),
        array(4, mean=5.0, deviation=6.0, lowest=0.0, highest=16.0),
        array(4, mean=0.01, deviation=0.1, lowest=0.0, highest=1.0, whole_share=1.0),
        array(4, mean=12.0, deviation=8.0),
        ArrayProfile(shape=(-1, 4), dtype="float32"),
    ],
)
def test_a_scale_that_trains_is_left(x: ArrayProfile) -> None:
    assert found(x) == set()


@pytest.mark.parametrize(
    "first",
    [
        [layer("BatchNormalization")],
        [layer("Normalization")],
        [layer("Rescaling", scale=1 / 255)],
        [layer("MyPreprocessing")],
        [layer("Dropout", rate=0.1), dense(16, "linear"), layer("BatchNormalization"), layer("ReLU")],
        [Layer("", "Dense", "relu", 16, frozen=True)],
    ],
)
def test_what_takes_any_scale_heals_it(first: list[Layer]) -> None:
    uneven = features((1.0, 1.0, 5000.0, 1.0), **PIXELS)
    assert not {"unnormalised_input", "feature_scale"} & found(uneven, *first, dense(16), OUT)
    assert {"unnormalised_input", "feature_scale"} <= found(uneven, layer("Dropout", rate=0.1), dense(16), OUT)


def test_an_operation_on_the_input_may_scale_it() -> None:
    scaled = Layer("input", "InputLayer", output_shape=(-1, 4), settings={"operations": ["TrueDivide"]})
    model = sequential(dense(16), OUT, inputs=(4,))
    model = type(model)((scaled, *model.layers[1:]), 100)
    assert "unnormalised_input" not in findings(described(model, SPARSE, array(4, **PIXELS)))


def test_features_of_vastly_different_scale_are_found() -> None:
    assert "feature_scale" in found(features((1.0, 1.1, 0.9, 150.0), deviation=20.0))
    assert "feature_scale" not in found(features((1.0, 1.1, 0.9, 80.0), deviation=20.0))


def test_rare_words_and_borders_of_images_are_no_features_of_another_scale() -> None:
    assert found(features((0.0, 0.001, 0.002, 0.3, 0.4), lowest=0.0, highest=1.0), inputs=(5,)) == {"constant_feature"}
    digits = (0.0,) * 3 + (0.05,) * 8 + (1.5,) * 10 + (6.0,) * 43
    assert found(features(digits, lowest=0.0, highest=16.0), inputs=(64,)) == set()


def test_a_constant_feature_is_remarked_on_where_it_is_no_usual_zero() -> None:
    assert "constant_feature" in found(features((1.0, 0.0, 1.0, 1.0)))
    assert "constant_feature" not in found(features((1.0, 0.0, 1.0, 1.0), samples=20))
    wide = (1.0,) * 60 + (0.0,) * 4
    assert "constant_feature" not in found(features(wide), inputs=(64,))
    assert "constant_feature" in found(features(wide, (0.0,) * 60 + (7.0,) * 4), inputs=(64,))
    assert "constant_feature" in found(array(4, mean=1.0, deviation=0.0))


IDS = {"dtype": "int64", "mean": 500.0, "deviation": 300.0, "lowest": 0.0, "highest": 999.0, "whole_share": 1.0}


def test_ids_want_an_embedding_and_are_left_where_they_have_one() -> None:
    assert "integer_input" in found(array(30, **IDS), inputs=(30,))
    finding = findings(described(sequential(dense(16), OUT, inputs=(30,)), SPARSE, array(30, **IDS)))["integer_input"]
    assert "Embedding(1000, 32)" in finding.summary
    assert found(array(30, **IDS), layer("Embedding"), recurrent("LSTM", 8), OUT, inputs=(30,)) == set()


def test_small_whole_numbers_and_bytes_may_be_quantities() -> None:
    small = {"dtype": "int64", "mean": 4.0, "deviation": 3.0, "lowest": 0.0, "highest": 16.0}
    assert found(array(4, **small)) == set()
    assert "integer_input" not in found(array(4, dtype="uint8", **PIXELS))


def test_values_that_are_no_numbers_are_found_in_inputs_and_targets_whatever_the_model() -> None:
    broken = array(4, nonfinite=3)
    for data in (Data((broken,)), Data((array(4),), (broken,))):
        assert "nonfinite_input" in findings(Description(data=data))
    assert "nonfinite_input" not in findings(Description(data=Data((array(4),))))


def test_without_statistics_the_rules_abstain() -> None:
    missing = abstentions(described(PLAIN, SPARSE, ArrayProfile(shape=(-1, 4))))
    for rule in ("unnormalised_input", "feature_scale", "constant_feature", "integer_input"):
        assert missing[rule] == "not reported: input statistics"
    assert "data profile" in abstentions(described(PLAIN))["nonfinite_input"]

"""Patches change descriptions as their grammar says, and every remedy's patch is one."""

from typing import Any

import pytest

from paramedic_service.incidents.catalogue import CAUSES
from paramedic_service.incidents.patch import PatchError, apply
from paramedic_service.incidents.situation import Situation
from paramedic_service.rules.description import ArrayProfile, Description, Layer
from support.incidents import dense, dropout, finding, labels, mlp, numbers, recurrent, training

NORMAL = training(*mlp(3), dropout("drop", 0.8), loss="mean_squared_error", global_clipnorm=0.01)


def patched(path: str, operation: Any, description: Description = NORMAL) -> Description:
    return apply(description, {path: operation})


def layer(description: Description, name: str) -> Layer:
    assert description.model is not None
    [found] = [each for each in description.model.layers if each.name == name]
    return found


def names(description: Description) -> list[str]:
    assert description.model is not None
    return [each.name for each in description.model.layers]


def test_the_learning_rate_is_multiplied() -> None:
    optimizer = patched("optimizer.learning_rate", {"multiply": 0.1}).optimizer
    assert optimizer is not None
    assert optimizer.learning_rate == pytest.approx(1e-4)


def test_what_the_optimizer_has_no_field_for_is_a_setting() -> None:
    optimizer = patched("optimizer.epsilon", {"set": 1e-7}).optimizer
    assert optimizer is not None
    assert optimizer.settings == {"epsilon": 1e-7}


def test_a_layer_is_found_by_its_name() -> None:
    changed = patched("model.layers[dense_1].activation", {"set": "tanh"})
    assert [layer(changed, f"dense_{n}").activation for n in range(3)] == ["relu", "tanh", "relu"]


def test_whole_numbers_stay_whole_and_reach_the_shape() -> None:
    changed = layer(patched("model.layers[dense_0].units", {"multiply": 0.3}), "dense_0")
    assert (changed.units, changed.output_shape) == (5, (-1, 5))


def test_a_star_changes_what_has_the_old_value_and_nothing_else() -> None:
    description = training(recurrent("rnn"), recurrent("gru", kind="GRU"), dense("output", 1))
    changed = patched("model.layers[*].kind", {"replace": {"SimpleRNN": "LSTM"}}, description)
    assert [layer(changed, name).kind for name in ("rnn", "gru", "output")] == ["LSTM", "GRU", "Dense"]


def test_a_layer_is_inserted_and_fed() -> None:
    description = training(dense("a", 4), Layer("b", "Dense", inputs=("a",)))
    changed = patched("model.layers[a]", {"insert_after": {"kind": "LayerNormalization"}}, description)
    assert names(changed) == ["a", "a/layernormalization", "b"]
    assert layer(changed, "b").inputs == ("a/layernormalization",)
    assert layer(changed, "a/layernormalization").output_shape == (-1, 4)


def test_a_layer_is_removed() -> None:
    assert "drop" not in names(patched("model.layers[drop]", {"remove": True}))


def test_the_output_is_the_last_layer_with_units() -> None:
    changed = layer(patched("model.output", {"set": {"units": 5, "activation": "sigmoid"}}), "output")
    assert (changed.units, changed.activation, changed.output_shape) == (5, "sigmoid", (-1, 5))


def test_the_input_of_a_model_without_an_input_layer_is_what_its_first_layer_reads() -> None:
    description = training(recurrent("rnn", steps=10), dense("output", 1))
    changed = patched("model.input", {"set": {"shape": [12, 5]}}, description)
    assert layer(changed, "rnn").input_shape == (-1, 12, 5)


def test_an_input_layer_hands_its_shape_on() -> None:
    given = Layer("given", "InputLayer", output_shape=(-1, 10, 8))
    changed = patched("model.input", {"set": {"shape": [10, 5]}}, training(given, recurrent("rnn")))
    assert layer(changed, "given").output_shape == layer(changed, "rnn").input_shape == (-1, 10, 5)


@pytest.mark.parametrize("word", ["pad", "window", "truncate"])
def test_sequences_of_unequal_length_get_one(word: str) -> None:
    ragged = ArrayProfile(shape=(-1, -1, 8), dtype="object", shortest=5, longest=10)
    changed = patched("data.inputs", {word: 5}, training(recurrent("rnn"), inputs=ragged)).data
    assert changed is not None
    assert changed.inputs[0] == ArrayProfile(shape=(-1, 5, 8), dtype="float32")


def test_samples_are_reshaped() -> None:
    flat = ArrayProfile(shape=(-1, 80), feature_means=(0.0,) * 80)
    changed = patched("data.inputs", {"reshape": [10, 8]}, training(recurrent("rnn"), inputs=flat)).data
    assert changed is not None
    assert changed.inputs[0] == ArrayProfile(shape=(-1, 10, 8))
    with pytest.raises(PatchError, match="other than 90 values"):
        patched("data.inputs", {"reshape": [10, 9]}, training(recurrent("rnn"), inputs=flat))


def test_classes_are_weighted() -> None:
    changed = patched("training.class_weights", {"set": "balanced"}).training
    assert changed is not None
    assert changed.weighted


def test_inputs_are_standardised() -> None:
    wild = ArrayProfile(
        shape=(-1, 2),
        examined=10,
        mean=50.0,
        deviation=10.0,
        lowest=0.0,
        highest=100.0,
        feature_means=(100.0, 7.0),
        feature_deviations=(20.0, 0.0),
        feature_lowest=(60.0, 7.0),
        feature_highest=(140.0, 7.0),
    )
    changed = patched("data.inputs", {"standardise": True}, training(inputs=wild)).data
    assert changed is not None
    [profile] = changed.inputs
    assert (profile.mean, profile.deviation, profile.lowest, profile.highest) == (0.0, 1.0, -5.0, 5.0)
    assert (profile.feature_deviations, profile.feature_lowest) == ((1.0, 0.0), (-2.0, 0.0))


def test_labels_change_their_shape_with_their_encoding() -> None:
    hot = patched("data.targets", {"encode": "one_hot"}, training(targets=labels(3)))
    assert hot.data is not None
    assert (hot.data.targets[0].shape, hot.data.targets[0].encoding) == ((-1, 3), "one_hot")
    back = patched("data.targets", {"encode": "integer"}, hot)
    assert back.data is not None
    assert back.data.targets[0].shape == (-1,)


def test_sequences_are_cut() -> None:
    sequences = ArrayProfile(shape=(-1, 400, 8), shortest=3, longest=400)
    changed = patched("data.inputs", {"truncate": 200}, training(inputs=sequences)).data
    assert changed is not None
    [profile] = changed.inputs
    assert (profile.shape, profile.shortest, profile.longest) == ((-1, 200, 8), 3, 200)


@pytest.mark.parametrize(
    ("path", "operation", "words"),
    [
        ("optimizer.learning_rate", {"divide": 2}, "set, multiply, replace"),
        ("optimizer.learning_rate", {"multiply": 0}, "positive factor"),
        ("optimizer.learning_rate", {"multiply": float("nan")}, "positive factor"),
        ("optimizer.learning_rate", {"set": float("inf")}, "finite"),
        ("optimizer.learning_rate", {"set": "fast"}, "cannot stand"),
        ("optimizer.learning_rate", {"set": 1, "multiply": 2}, "one operation"),
        ("optimizer.learning_rate", 3, "one operation"),
        ("optimizer.name", {"multiply": 2}, "no number"),
        ("training.precision", {"set": "float16"}, "no such path"),
        ("training.class_weights", {"set": [1, 2]}, "balanced"),
        ("losses[3].name", {"set": "mse"}, "there are 1 losses"),
        ("model.layers[nothing].units", {"set": 1}, "no such layer"),
        ("model.layers[dense_0]", {"remove": False}, "insert_after or remove"),
        ("model.layers[dense_0]", {"insert_after": {"kind": 3}}, "kind"),
        ("model.layers[*]", {"remove": True}, "name the layer"),
        ("model.output", {"set": {"colour": "red"}}, "units, activation"),
        ("data.inputs", {"truncate": 0}, "no operation"),
        ("data.targets", {"encode": "roman"}, "no operation"),
        ("environment.hostname", {"set": "x"}, "no such path"),
        ("optimizer", {"set": "adam"}, "no such path"),
    ],
)
def test_what_is_not_of_the_grammar_is_explained_with_its_path(path: str, operation: Any, words: str) -> None:
    with pytest.raises(PatchError, match=words) as error:
        patched(path, operation)
    assert str(error.value).startswith(path)


def test_what_is_not_known_cannot_be_patched() -> None:
    for path in ("optimizer.learning_rate", "model.output", "data.inputs"):
        with pytest.raises(PatchError, match="not known"):
            patched(path, {"set": 1.0}, Description())


TRAININGS = {
    "nothing known": Description(),
    "a classifier": training(*mlp(12, "sigmoid"), loss="sparse_categorical_crossentropy"),
    "one unit for three classes": training(*mlp(output=1, ends="sigmoid"), loss="binary_crossentropy"),
    "a regression on classes": training(*mlp(), loss="mean_squared_error", targets=labels(3, "one_hot")),
    "a regression out of reach": training(
        *mlp(output=1, ends="sigmoid"), loss="mean_squared_error", targets=numbers(-9.0, 9.0)
    ),
    "logits behind softmax": training(*mlp(), loss="sparse_categorical_crossentropy", from_logits=True),
    "a clipped recurrent network": training(
        recurrent("rnn", steps=300, activation="relu"), dropout("drop", 0.9), dense("output", 1), clipnorm=0.001
    ),
    "linear layers": training(*mlp(5, "linear"), optimizer="rmsprop", loss="categorical_crossentropy"),
    "dropout behind the output": training(*mlp(), dropout("last", 0.5)),
}


@pytest.mark.parametrize("described", TRAININGS.values(), ids=TRAININGS)
@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.id)
def test_every_remedy_can_be_applied_to_the_training_it_was_made_for(cause: Any, described: Description) -> None:
    situation = Situation({rule: finding(rule) for rule in cause.symptoms}, {}, described)
    made = [remedy for make in cause.remedies if (remedy := make(situation)) is not None]
    for remedy in made:
        assert remedy.text.endswith(".")
        changed = apply(described, remedy.patch)
        of_the_data = any(path.startswith("data.") for path in remedy.patch)  # which may be as it should be already
        assert of_the_data or (changed != described) == bool(remedy.patch)


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.id)
def test_every_cause_has_a_remedy_for_a_training_of_which_nothing_is_known(cause: Any) -> None:
    situation = Situation({}, {}, Description())
    assert [remedy for make in cause.remedies if (remedy := make(situation)) is not None]

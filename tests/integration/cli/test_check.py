"""`paramedic check FILE`: saved models and specifications, good and bad, without Keras and without a service."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import keras
import pytest

import paramedic
from support.command import paramedic as command
from support.gallery import siamese_network, transformer_classifier, variational_autoencoder

L = keras.layers
SPARSE = "sparse_categorical_crossentropy"


def nested() -> keras.Model:
    encoder = keras.Sequential([keras.Input((30, 4)), L.Bidirectional(L.LSTM(8, activation="relu"))], name="encoder")
    inputs = keras.Input((30, 4))
    hidden = L.Dense(16, activation="relu")(encoder(inputs))
    model = keras.Model(inputs, keras.ops.sigmoid(L.Dense(3, name="out")(hidden)))
    model.compile(keras.optimizers.Adam(10.0), SPARSE)
    return model


def several() -> keras.Model:
    inputs = keras.Input((20,))
    trunk = L.Dense(16, activation="relu")(inputs)
    outputs = {"kind": L.Dense(3, name="kind")(trunk), "price": L.Dense(1, name="price")(trunk)}
    model = keras.Model(inputs, outputs)
    model.compile("rmsprop", {"kind": keras.losses.SparseCategoricalCrossentropy(), "price": "mse"})
    return model


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], str]:
    def written(name: str, content: str) -> str:
        (tmp_path / name).write_text(content)
        return str(tmp_path / name)

    return written


@pytest.mark.parametrize("make", [nested, several])
@pytest.mark.parametrize("suffix", ["json", "keras"])
def test_a_saved_model_is_judged_as_the_model_itself(
    make: Callable[[], keras.Model], suffix: str, tmp_path: Path
) -> None:
    model, file = make(), tmp_path / f"model.{suffix}"
    if suffix == "keras":
        model.save(file)
    else:
        file.write_text(model.to_json())
    result = command("check", str(file), "--json")
    expected = paramedic.check(model)
    told = [
        (problem["rule"], problem["severity"], problem["summary"]) for problem in json.loads(result.stdout)["problems"]
    ]
    assert told == [(problem.rule, problem.severity, problem.summary) for problem in expected]
    assert told
    assert result.returncode == 1


def test_a_healthy_model_ends_well(write) -> None:
    result = command("check", write("model.json", transformer_classifier()[0].to_json()))
    assert (result.returncode, result.stdout, result.stderr) == (0, "No problems found.\n", "")


def test_a_warning_is_no_failure(write) -> None:
    model = keras.Sequential([keras.Input((8,)), L.Dense(16), L.Dense(16), L.Dense(1)])
    result = command("check", write("model.json", model.to_json()))
    assert result.returncode == 0
    assert "missing_activation" in result.stdout


def test_a_shared_model_is_read(write) -> None:
    assert command("check", write("model.json", siamese_network()[0].to_json())).returncode == 0


def test_a_specification_is_judged_in_toml_and_json(write) -> None:
    toml = """
        loss = "binary_crossentropy"
        optimizer = { name = "adam", learning_rate = 10 }
        [[model.layers]]
        kind = "LSTM"
        units = 16
        activation = "tanh"
        input_shape = [-1, 1500, 4]
        [[model.layers]]
        kind = "Dense"
        units = 1
        activation = "sigmoid"
        [data]
        samples = 900
        [[data.targets]]
        shape = [-1]
        encoding = "integer"
        class_counts = [300, 300, 300]
        examined = 900
        lowest = 0
        highest = 2
    """
    result = command("check", write("spec.toml", toml), "--json")
    assert result.returncode == 1, result.stderr
    told = {problem["rule"] for problem in json.loads(result.stdout)["problems"]}
    assert told == {"output_layer", "long_plain_recurrence", "learning_rate_range"}
    spec = {"optimizer": {"name": "sgd", "learning_rate": 0.01}, "loss": [{"name": "mean_squared_error"}]}
    assert command("check", write("spec.json", json.dumps(spec))).returncode == 0


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.json", "{", "Expecting property name"),
        ("a.json", "[1]", "it holds no object"),
        ("a.json", "{}", "neither a Keras model"),
        ("a.toml", "model = ", "Invalid value"),
        ("a.json", '{"modle": {}, "loss": "mse"}', "there is no section 'modle'"),
        ("a.json", '{"optimizer": {"learning_rat": 1}}', "learning_rat"),
        ("a.json", '{"model": {"layers": 3}}', "layers"),
        ("a.json", '{"class_name": "MyModel", "config": {}}', "forward pass of its own"),
        ("a.json", '{"loss": ' + "[" * 100_000, "nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_explained_in_one_line(name, content, told, write) -> None:
    result = command("check", write(name, content))
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert told in result.stderr


def test_a_missing_file_and_an_archive_without_a_model_are_explained(tmp_path: Path) -> None:
    missing = command("check", str(tmp_path / "none.json"))
    assert (missing.returncode, "No such file" in missing.stderr) == (2, True)
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("metadata.json", "{}")
    empty = command("check", str(tmp_path / "model.keras"))
    assert (empty.returncode, "config.json" in empty.stderr) == (2, True)


def test_a_configuration_beyond_the_bound_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * (65 * 2**20))
    result = command("check", str(tmp_path / "model.keras"))
    assert (result.returncode, "larger than 64 MiB" in result.stderr) == (2, True)


def test_a_model_with_a_forward_pass_of_its_own_is_refused(write) -> None:
    result = command("check", write("model.json", variational_autoencoder()[0].to_json()))
    assert result.returncode == 2
    assert "forward pass of its own" in result.stderr


def test_weights_and_code_within_a_model_are_never_touched(write) -> None:
    lambdas = {"class_name": "__lambda__", "config": {"code": "4wEAAAAAAAAAAAAAAA==", "defaults": None}}
    hostile = {
        "class_name": "Sequential",
        "config": {"layers": [{"class_name": "Lambda", "config": {"name": "evil", "function": lambdas}}, 7, None]},
    }
    assert command("check", write("model.json", json.dumps(hostile))).returncode == 0

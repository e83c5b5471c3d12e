"""What people write to `paramedic reproduce`."""

import json
from pathlib import Path

import pytest

from paramedic.v1 import reproduction_pb2, verdict_pb2
from paramedic.v1.reproduction_pb2 import Reproduction
from paramedic_service.cli.reproduce import status
from paramedic_service.cli.reproduce.arguments import read_arms, read_file
from paramedic_service.reproduction.patches import read_patch


@pytest.mark.parametrize(
    ("written", "patch"),
    [
        ("optimizer.learning_rate=0.001", {"optimizer.learning_rate": {"set": 0.001}}),
        ("optimizer.learning_rate*0.1", {"optimizer.learning_rate": {"multiply": 0.1}}),
        ("optimizer.name=adam", {"optimizer.name": {"set": "adam"}}),
        ("training.batch_size=32", {"training.batch_size": {"set": 32}}),
        ("model.layers[*].units*2", {"model.layers[*].units": {"multiply": 2}}),
        ("model.layers[*].activation=tanh", {"model.layers[*].activation": {"set": "tanh"}}),
        ('{"data.inputs": {"standardise": true}}', {"data.inputs": {"standardise": True}}),
    ],
)
def test_a_patch_is_json_or_an_assignment_or_a_product(written: str, patch: dict) -> None:
    reported, arm = read_arms([written])
    assert (reported.name, read_patch(reported.patch)) == ("as reported", {})
    assert read_patch(arm.patch) == patch
    assert arm.name


@pytest.mark.parametrize("written", ["", "nothing", "=1", "{}", '{"a": ', "model.layers[*]"])
def test_anything_else_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="--arm"):
        read_arms([written])


def test_without_patches_the_service_chooses() -> None:
    assert read_arms([]) == []


def test_a_file_holds_a_whole_spec(tmp_path: Path) -> None:
    file = tmp_path / "spec.json"
    file.write_text(json.dumps({"workload": "mine", "steps": 5, "arms": [{"name": "as reported"}]}))
    spec = read_file(file)
    assert (spec.workload, spec.steps, spec.arms[0].name) == ("mine", 5, "as reported")


def test_a_file_holds_sections_as_check_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "spec.toml"
    file.write_text(
        'steps = 50\nrules = ["divergence"]\nloss = "mean_squared_error"\n'
        '[optimizer]\nname = "adam"\nlearning_rate = 10.0\n'
        '[[model.layers]]\nkind = "Dense"\nunits = 1\ninput_shape = [-1, 4]\n'
        '[[arms]]\nname = "as reported"\n'
        '[[arms]]\nname = "lower"\npatch = {"optimizer.learning_rate" = {set = 0.001}}\n'
    )
    spec = read_file(file)
    assert (spec.steps, list(spec.rules), spec.description.optimizer.learning_rate) == (50, ["divergence"], 10.0)
    assert spec.description.model.layers[0].kind == "Dense"
    assert read_patch(spec.arms[1].patch) == {"optimizer.learning_rate": {"set": 0.001}}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"stepz": 5}', '{"model": {"layerz": []}}'])
def test_a_file_that_is_no_spec_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "spec.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"spec\.json"):
        read_file(file)
    with pytest.raises(ValueError, match=r"missing\.json"):
        read_file(tmp_path / "missing.json")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (verdict_pb2.VERDICT_KIND_REMEDY_FOUND, 0),
        (verdict_pb2.VERDICT_KIND_NO_REMEDY_WORKED, 3),
        (verdict_pb2.VERDICT_KIND_REPRODUCED, 3),
        (verdict_pb2.VERDICT_KIND_NOT_REPRODUCED, 4),
    ],
)
def test_the_exit_status_tells_the_verdict(kind: int, expected: int) -> None:
    ended = Reproduction(state=reproduction_pb2.REPRODUCTION_STATE_FINISHED)
    ended.verdict.kind = kind
    assert status.status_of(ended) == expected


def test_without_a_verdict_it_tells_that() -> None:
    assert status.status_of(Reproduction(state=reproduction_pb2.REPRODUCTION_STATE_FAILED)) == 5
    assert status.status_of(Reproduction(state=reproduction_pb2.REPRODUCTION_STATE_CANCELLED)) == 130


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "[" * 200_000),
        ("a.json", '{"description": ' + '{"a":' * 5_000 + "1" + "}" * 5_001),
        ("a.json", '{"steps": 1e999}'),
        ("a.json", '{"steps": NaN}'),
        ("a.json", '{"steps": -1}'),
        ("a.json", '{"steps": "many"}'),
        ("a.json", '{"steps": ' + "9" * 50_000 + "}"),
        ("a.json", '{"__class__": "os.system"}'),
        ("a.json", '{"arms": {"name": "a"}}'),
        ("a.json", '{"model": {"layers": [3]}}'),
        ("a.json", '{"loss": [[[]]]}'),
        ("a.json", "PK\x03\x04"),
        ("a.json", '"a text"'),
        ("a.json", ""),
        ("a.toml", "a = " + "[" * 50_000),
        ("a.toml", "a = [" * 3),
        ("a.json", " " * (17 * 2**20)),
    ],
    ids=lambda value: value[:24].strip() or "nothing",
)
def test_a_file_that_is_none_or_a_bomb_is_refused_in_one_line(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=name) as refused:
        read_file(tmp_path / name)
    assert len(str(refused.value)) < 1_000


@pytest.mark.parametrize("written", ["{" * 100_000, '{"a":' * 50_000, '{"a": ' + "9" * 50_000 + "}"])
def test_a_patch_that_is_a_bomb_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="--arm") as refused:
        read_arms([written])
    assert len(str(refused.value)) < 1_000

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from paramedic_service.cli.commands import app
from paramedic_service.cli.output import printable
from paramedic_service.rules.catalogue import RULES


@pytest.fixture
def invoke(monkeypatch):
    for name in ("URL", "TOKEN", "TLS", "TLS_CA"):
        monkeypatch.delenv(f"PARAMEDIC_{name}", raising=False)
    return lambda *arguments: CliRunner().invoke(app, arguments)


def test_rules_are_listed_without_a_service(invoke):
    result = invoke("rules")
    assert result.exit_code == 0
    assert all(rule.id in result.stdout for rule in RULES)


def test_rules_as_json_are_one_document_with_the_keys_of_the_contract(invoke):
    rules = json.loads(invoke("rules", "--json").stdout)["rules"]
    assert [rule["id"] for rule in rules] == [rule.id for rule in RULES]
    assert set(rules[0]) == {"id", "family", "severity", "summary", "requires", "parameters", "remedies"}
    assert rules[0]["severity"] in ("info", "warning", "critical")
    assert set(rules[0]["parameters"][0]) == {"name", "value", "unit", "meaning", "source"}


@pytest.mark.parametrize("text", ["digits", "/lstm", "digits/"])
def test_what_names_no_run_is_explained(invoke, text):
    result = invoke("runs", text)
    assert result.exit_code == 2
    assert result.stderr == f"paramedic: {text} names no run; write PROJECT/ID\n"


@pytest.mark.parametrize("command", [["runs"], ["runs", "digits/lstm"], ["findings"], ["findings", "--watch"]])
def test_a_service_that_is_not_there_is_one_line_with_its_address(invoke, command, free_address):
    result = invoke(*command, "--url", free_address)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert free_address in result.stderr
    assert "paramedic serve" in result.stderr


def test_an_unknown_scheme_is_explained(invoke):
    result = invoke("runs", "--url", "http://localhost:1")
    assert result.exit_code == 2
    assert "grpcs://" in result.stderr


def test_an_authority_that_cannot_be_read_is_named(invoke, tmp_path):
    result = invoke("runs", "--tls-ca", str(tmp_path / "missing.pem"))
    assert result.exit_code == 2
    assert "missing.pem" in result.stderr


def test_names_cannot_speak_to_the_terminal():
    assert printable("a\x1b[2Jb\nc\u202ed é") == "a [2Jb c d é"


def test_without_the_service_extra_the_command_says_what_to_install():
    code = "import sys; sys.modules['typer'] = None; from paramedic_service.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "paramedic: typer is not installed; run: pip install 'paramedic[service]'\n"


def test_rules_are_shown_with_the_parameters_of_a_project(invoke, tmp_path):
    file = tmp_path / "rules.toml"
    file.write_text("[rules.divergence]\nratio = 3\n\n[projects.digits.rules.divergence]\nratio = 7\n")

    def ratio(*arguments):
        told = json.loads(invoke("rules", "--json", "--rules-file", str(file), *arguments).stdout)["rules"]
        [divergence] = [rule for rule in told if rule["id"] == "divergence"]
        return {each["name"]: each["value"] for each in divergence["parameters"]}["ratio"]

    assert (ratio(), ratio("--project", "digits"), ratio("--project", "words")) == (3, 7, 3)


def test_parameters_are_listed_with_meaning_and_source(invoke):
    told = invoke("rules", "--parameters").stdout
    for rule in RULES:
        for parameter in rule.parameters:
            assert f"{rule.id}.{parameter.name}" in told
            assert parameter.meaning in told
    assert "TheDeepChecker" in told


def test_a_file_of_parameters_that_makes_no_sense_is_one_line(invoke, tmp_path):
    file = tmp_path / "rules.toml"
    file.write_text("[rules.nothing]\nratio = 3\n")
    for command in (["rules"], ["serve"], ["replay", str(tmp_path)]):
        result = invoke(*command, "--rules-file", str(file))
        assert result.exit_code == 2
        assert "there is no rule 'nothing'" in result.stderr
        assert result.stderr.count("\n") == 1

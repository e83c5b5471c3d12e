"""`paramedic check`: what is wrong with a model before it is trained."""

import json
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from paramedic.check import CheckReport, judge
from paramedic.v1.description_pb2 import RunDescription
from paramedic_service.cli import output
from paramedic_service.cli.keras_config import is_keras_config, read_keras_config
from paramedic_service.cli.root import app
from paramedic_service.cli.spec import is_spec, read_spec

_MAX_BYTES = 64 * 2**20


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="Keras model (.json, .keras) or specification (.json, .toml).")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Judges a saved model or a specification; exits with 1 when something critical is found.

    Only the configuration is read, never weights, and nothing in it is executed. No service is asked.
    """
    try:
        report = judge(_describe(_document(file)))
    except (OSError, ValueError, KeyError, RecursionError, zipfile.BadZipFile) as error:
        output.fail(f"{file} cannot be read: {_told(error)}", 2)
    _print_json(report) if as_json else _print_page(report)
    if report.critical:
        raise typer.Exit(1)


def _document(file: Path) -> Mapping[str, Any]:
    content = _content(file)
    document = tomllib.loads(content.decode()) if file.suffix == ".toml" else json.loads(content)
    if not isinstance(document, Mapping):
        raise ValueError("it holds no object")
    return document


def _content(file: Path) -> bytes:
    """The text of a file, or of the configuration within an archive, up to a bound."""
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive, archive.open("config.json") as member:
            content = member.read(_MAX_BYTES + 1)
    else:
        with file.open("rb") as opened:
            content = opened.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ValueError(f"its configuration is larger than {_MAX_BYTES // 2**20} MiB")
    return content


def _describe(document: Mapping[str, Any]) -> RunDescription:
    if is_keras_config(document):
        return read_keras_config(document)
    if is_spec(document):
        return read_spec(document)
    raise ValueError("it is neither a Keras model (to_json, .keras) nor a specification with a section model")


def _told(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)


def _print_page(report: CheckReport) -> None:
    output.print_table(
        ("severity", "rule", "finding", "remedy"),
        (
            (
                output.styled(problem.severity, output.SEVERITY_STYLES),
                problem.rule,
                problem.summary,
                problem.remedies[0],
            )
            for problem in report
        ),
        empty="No problems found.",
    )


def _print_json(report: CheckReport) -> None:
    problems = [
        {
            "rule": problem.rule,
            "severity": problem.severity,
            "summary": problem.summary,
            "remedies": list(problem.remedies),
        }
        for problem in report
    ]
    output.print_json({"problems": problems, "abstentions": report.abstentions})

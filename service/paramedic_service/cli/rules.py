"""`paramedic rules`: what the service looks for."""

from collections.abc import Sequence
from typing import Annotated

import typer

from paramedic_service.cli import output
from paramedic_service.cli.documents import document
from paramedic_service.cli.root import app
from paramedic_service.cli.rulebook import RulesFile, rulebooks
from paramedic_service.ingest.translation import rule_to_message
from paramedic_service.rules.declaration import RuleDeclaration


@app.command()
def rules(
    *,
    project: Annotated[
        str | None, typer.Option(help="With the parameters of this project.", show_default="those for all projects")
    ] = None,
    parameters: Annotated[
        bool, typer.Option("--parameters", help="List parameters, with their meaning and source.")
    ] = False,
    rules_file: RulesFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> None:
    """Lists the rules of this installation; no service is asked."""
    # No project has an empty name: it stands for those that set nothing of their own.
    listed = list(rulebooks(rules_file).of(project or ""))
    if as_json:
        output.print_json({"rules": [document(rule_to_message(rule)) for rule in listed]})
    elif parameters:
        _print_parameters(listed)
    else:
        _print_rules(listed)


def _print_rules(rules: Sequence[RuleDeclaration]) -> None:
    output.print_table(
        ("rule", "family", "severity", "needs", "parameters", "looks for"),
        (
            (
                rule.id,
                rule.family,
                output.styled(rule.severity.name.lower(), output.SEVERITY_STYLES),
                ", ".join(rule.requires),
                _parameters(rule),
                rule.summary,
            )
            for rule in rules
        ),
        empty="No rules.",
    )


def _print_parameters(rules: Sequence[RuleDeclaration]) -> None:
    output.print_table(
        ("parameter", "value", "unit", "meaning", "source"),
        (
            (f"{rule.id}.{each.name}", f"{each.value:g}", each.unit, each.meaning, each.source)
            for rule in rules
            for each in rule.parameters
        ),
        empty="No rules.",
    )


def _parameters(rule: RuleDeclaration) -> str:
    return ", ".join(f"{each.name}={each.value:g} {each.unit}".rstrip() for each in rule.parameters)

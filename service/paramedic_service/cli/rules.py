"""`paramedic rules`: what the service looks for."""

from typing import Annotated

import typer

from paramedic_service.cli import output
from paramedic_service.cli.documents import document
from paramedic_service.cli.root import app
from paramedic_service.ingest.translation import rule_to_message
from paramedic_service.rules.catalogue import RULES
from paramedic_service.rules.declaration import RuleDeclaration


@app.command()
def rules(*, as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False) -> None:
    """Lists the rules of this installation; no service is asked."""
    if as_json:
        output.print_json({"rules": [document(rule_to_message(rule)) for rule in RULES]})
        return
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
            for rule in RULES
        ),
        empty="No rules.",
    )


def _parameters(rule: RuleDeclaration) -> str:
    return ", ".join(f"{each.name}={each.value:g} {each.unit}".rstrip() for each in rule.parameters)
